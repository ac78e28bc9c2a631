"""A secret written into a file of the desk is refused by lint and approval, and gets into no ledger."""

import base64
import json

import pytest

from evals.storm.desk import AT_ONCE
from remit.cli.app import run
from remit.desk import open_ledger
from remit.settings import load
from state.entry import DESK

CANARY = "Zq7/canary+XYZ=hunter2~998877"
FORMS = {
    "raw": CANARY,
    "base64": base64.b64encode(b"me:" + CANARY.encode()).decode(),
    "hex": CANARY.encode().hex(),
    "url": "".join(f"%{byte:02x}" for byte in CANARY.encode()),
}
CONNECTOR = {
    "schema": "remit/connector/v1",
    "connector": "shops",
    "kind": "http",
    "base_url": "http://127.0.0.1:9",
    "credentials": {"verifier": {"header": "Authorization", "secret": "shops_read"}},
    "tools": [
        {
            "name": "shops.get",
            "effect": "read",
            "arguments": {},
            "request": {"method": "GET", "path": "/shops", "headers": {"X-Key": "KEY"}},
            "timeout": "5s",
            "answers": {"succeeded": [200]},
            "result": {"id": "string"},
        }
    ],
}


@pytest.fixture(scope="module")
def desk(tmp_path_factory):
    folder = tmp_path_factory.mktemp("leak") / "desk"
    assert run(["init", str(folder), "--json"]) == 0
    return folder


@pytest.fixture
def cli(desk, capsys, monkeypatch):
    monkeypatch.setenv("REMIT_DESK", str(desk))
    monkeypatch.setenv("REMIT_SECRET_SHOPS_READ", CANARY)

    def said(*arguments):
        capsys.readouterr()
        code = run([*arguments, "--json"])
        out, err = capsys.readouterr()
        return code, out, err

    return said


def in_runbook(desk, form):
    file = desk / "runbooks" / "maintenance-page.yaml"
    text = file.read_text()
    file.write_text(text.replace("version: 1", "version: 2").replace("title: ", f"title: Key {form} ", 1))
    delegation = desk / "delegation.yaml"
    said = delegation.read_text()
    delegation.write_text(said.replace("maintenance-page@1", "maintenance-page@2"))
    return {file: text, delegation: said}, file


def in_connector(desk, form):
    """A connector that the runbook uses: else its text would not be kept."""
    before, book = in_runbook(desk, "plain")
    book.write_text(book.read_text().replace("tools: [", "tools: [shops.get, ", 1))
    file = desk / "connectors" / "shops.yaml"
    file.parent.mkdir(exist_ok=True)
    file.write_text(json.dumps(CONNECTOR).replace('"KEY"', json.dumps(form)))
    return {**before, file: None}, file


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("written", [in_runbook, in_connector])
def test_it_is_refused_with_its_place_and_never_kept(desk, cli, written, form):
    before, file = written(desk, FORMS[form])
    try:
        code, out, _ = cli("runbook", "lint")
        (problem,) = [p for p in json.loads(out) if p["code"] == "secret_in_file"]
        assert code == 2
        assert problem["file"] == str(file.relative_to(desk))
        assert problem["path"].split(".")[-1] in ("title", "X-Key")
        assert FORMS[form] not in out
        code, out, err = cli("runbook", "approve", "--all", "--yes", *AT_ONCE)
        assert (code, out) == (5, "")
        assert json.loads(err)["error"]["code"] == "secret_in_file"
        assert FORMS[form] not in err
    finally:
        for path, text in before.items():
            path.unlink() if text is None else path.write_text(text)
    ledger = open_ledger(load(desk))
    kept = [e.body_text for e in ledger.read(DESK)]
    ledger.close()
    assert not [text for text in kept if FORMS[form] in text]
    assert cli("runbook", "lint")[0] == 0
