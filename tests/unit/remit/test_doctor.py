from pathlib import Path

import pytest

from remit.cli.app import run
from remit.doctor import examine
from remit.settings import load

CONNECTOR = Path(__file__).parents[3] / "runbooks" / "quota-raise" / "connector.yaml"


@pytest.fixture
def folder(tmp_path):
    assert run(["init", str(tmp_path / "d"), "--json"]) == 0
    # what the sample's tools are is asked in the flow tests; here the module of another desk may be loaded
    file = tmp_path / "d" / "remit.toml"
    file.write_text(file.read_text().replace('modules = ["page_tools"]', "modules = []"))
    return tmp_path / "d"


def told(folder, **environ):
    return {(f.verdict, f.what): f.next for f in examine(load(folder), environ)}


def verdict_on(found, words):
    matching = [verdict for verdict, what in found if words in what]
    assert matching, found
    return matching[0]


def test_what_is_well_is_told_too(folder):
    found = told(folder)
    assert verdict_on(found, "model: rules") == "ok"
    assert verdict_on(found, "in force: maintenance-page@1") == "ok"
    assert verdict_on(found, "you are ") == "ok"


def test_tools_that_are_gone_are_a_problem(folder):
    found = told(folder)
    assert verdict_on(found, "not among the tools of this desk any more: page.read, page.set") == "problem"
    assert any("put page_tools.py back" in hint for hint in found.values())


def test_a_folder_or_a_secret_open_to_others_is_a_problem(folder):
    (folder / ".remit").chmod(0o755)
    (folder / ".remit" / "secrets" / "payload_key").chmod(0o644)
    found = told(folder)
    assert verdict_on(found, "payload_key is open to others") == "problem"
    assert verdict_on(found, ".remit is open to others") == "problem"
    assert any(hint.startswith("chmod 700") for hint in found.values())


def test_a_misspelt_variable_and_a_missing_key_are_told(folder, monkeypatch):
    assert verdict_on(told(folder, REMIT_MODLE="x"), "nothing reads REMIT_MODLE") == "warning"
    monkeypatch.setenv("REMIT_MODEL", "openai:some-model")
    assert verdict_on(told(folder), "openai:some-model needs OPENAI_API_KEY") == "problem"
    assert verdict_on(told(folder, OPENAI_API_KEY="k"), "model: openai:some-model") == "ok"
    own = "http://127.0.0.1:1/v1"  # an endpoint of one's own may ask for no key
    assert verdict_on(told(folder, OPENAI_BASE_URL=own), "model: openai:some-model") == "ok"


def test_a_secret_that_is_missing_or_shared_by_roles_is_a_problem(folder):
    (folder / "connectors" / "seats.yaml").write_text(
        """schema: remit/connector/v1
connector: seats
kind: http
base_url: "http://127.0.0.1:9"
credentials:
  executor: {header: Authorization, secret: seats}
  verifier: {header: Authorization, secret: seats}
tools:
  - name: seats.get
    effect: read
    arguments: {account: {type: string, pattern: "^a[0-9]+$"}}
    request: {method: GET, path: "/accounts/{account}"}
    answers: {succeeded: [200]}
    result: {seats: integer}
"""
    )
    found = told(folder)
    assert verdict_on(found, "secret seats is used by roles executor, verifier") == "problem"
    assert verdict_on(found, "no secret seats") == "problem"
    assert not [what for _, what in told(folder, REMIT_SECRET_SEATS="x") if "no secret seats" in what]


def test_a_ledger_that_is_none_is_told_and_the_rest_is_asked_all_the_same(folder):
    (folder / ".remit" / "ledger.db").write_bytes(b"no database" * 500)
    found = told(folder)
    assert verdict_on(found, "the ledger cannot be opened") == "problem"
    assert verdict_on(found, "model: rules") == "ok"


def test_a_stop_in_force_is_told(folder, monkeypatch):
    monkeypatch.setenv("REMIT_DESK", str(folder))
    assert run(["stop", "--why", "fire drill", "--json"]) == 0
    assert verdict_on(told(folder), "fire drill") == "warning"


def test_a_payload_key_that_is_gone_is_named_with_what_to_do(folder):
    (folder / ".remit" / "secrets" / "payload_key").unlink()
    found = told(folder)
    (hint,) = (hint for (verdict, what), hint in found.items() if "payload_key is missing" in what)
    assert "from your backup" in hint
    assert not (folder / ".remit" / "secrets" / "payload_key").exists()


def test_a_desk_that_holds_a_package_of_this_name_is_named(folder):
    (folder / "remit").mkdir()
    assert any("this desk holds remit: python -m remit" in what for _, what in told(folder))


def test_a_connector_without_its_address_says_which_variable_is_missing(folder, capsys):
    (folder / "connectors" / "quota.yaml").write_text(CONNECTOR.read_text())
    hints = {what.partition(" ")[0]: hint for (_, what), hint in told(folder).items()}
    assert hints["ignored:"] == "export QUOTA_URL=http://HOST:PORT where remit is started"
    run(["plan", "maintenance-page", "-i", "service=shop", "-i", "wanted=show", "--desk", str(folder)])
    assert "connectors/quota.yaml cannot be read (QUOTA_URL is not set in the env" in capsys.readouterr().err
