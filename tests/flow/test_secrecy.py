"""No secret of a desk gets into its ledger, exports, packets or logs, whoever says it, in whatever form."""

import base64
import json
import logging
import re
from unittest.mock import Mock
from urllib.parse import quote, quote_plus

import pytest

from remit.bootstrap import open_app
from remit.cli import app
from remit.cli.app import run
from remit.secrecy import logged
from remit.settings import load
from state.entry import Kind
from state.ledger.port import Query, Signal
from tests.flow.test_cli_flow import ULID
from tools.scrub import MARK, Scrubber

IN_VARIABLE = "Zq7/canary+XYZ=hunter2~998877"
IN_FILE = "f1le-canary/Q%w9+0011223344"


def forms(secret):
    raw = secret.encode()
    url = quote(secret, safe="")
    return {
        "raw": secret,
        "base64": base64.b64encode(raw).decode(),
        "base64url": base64.urlsafe_b64encode(raw).decode(),
        "basic": base64.b64encode(b"me:" + raw).decode(),
        "hex": raw.hex(),
        "hex upper": raw.hex().upper(),
        "url": url,
        "url plus": quote_plus(secret),
        "url lower": re.sub("%..", lambda found: found[0].lower(), url),
        "url full": "".join(f"%{byte:02x}" for byte in raw),
        "url full upper": "".join(f"%{byte:02X}" for byte in raw),
        "split": secret[:9] + "\u200b" + secret[9:],
        "split by a colour": secret[:9] + "\x1b[31m" + secret[9:],
        "split over lines": secret[:9] + "\n" + secret[9:],
    }


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    desk = tmp_path_factory.mktemp("secrecy") / "desk"
    assert run(["init", str(desk), "--json"]) == 0
    held = desk / ".remit" / "secrets" / "held"
    held.write_text(IN_FILE + "\n")
    held.chmod(0o600)
    return desk


@pytest.fixture
def cli(folder, capsys, monkeypatch):
    monkeypatch.setenv("REMIT_DESK", str(folder))
    monkeypatch.setenv("REMIT_SECRET_PAGE_WRITE", IN_VARIABLE)
    shown = []

    class Said:
        def __call__(self, *arguments):
            capsys.readouterr()
            self.code = run(list(arguments))
            self.out, self.err = capsys.readouterr()
            shown.append(self.out)
            return self.code

        def data(self, *arguments):
            self(*arguments, "--json")
            assert self.out, self.err
            return json.loads(self.out)

    yield Said()
    keeps_no_secret(folder, "".join(shown))


def keeps_no_secret(folder, shown):
    """Look through every byte that the desk keeps, and at what was printed as data."""
    files = [f for f in (folder / ".remit").rglob("*") if f.is_file() and f.parent.name != "secrets"]
    assert any(f.name == "ledger.db" for f in files)
    kept = b"\n".join([shown.encode(), *(f.read_bytes() for f in files), *exports(folder)])
    key = (folder / ".remit" / "secrets" / "payload_key").read_text().strip()
    for secret in (IN_VARIABLE, IN_FILE, key):
        for name, form in forms(secret).items():
            for text in (form, json.dumps(form)[1:-1]):
                assert text.encode() not in kept, name
        assert secret[9:].encode() not in kept


def exports(folder):
    return [f.read_bytes() for f in folder.glob("*.jsonl")]


@pytest.fixture
def escalation(cli, folder):
    pages = folder / "pages"
    pages.mkdir(exist_ok=True)
    broken = pages / "search"
    if broken.is_file():
        broken.unlink()
    broken.mkdir(exist_ok=True)
    assert cli("run", "show the maintenance page of search") == 3
    (packet,) = cli.data("esc", "list")
    yield packet
    for packet in cli.data("esc", "list"):
        assert cli("esc", "abort", packet["id"], "--basis", packet["basis"]) == 8


@pytest.mark.parametrize("form", forms(IN_FILE))
def test_words_that_hold_a_secret_in_any_form_are_refused_and_kept_without_it(cli, form):
    for secret in (IN_VARIABLE, IN_FILE):
        assert cli("run", f"please show {forms(secret)[form]} the page") == 5
        assert "[secret_in_request]" in cli.err
        assert secret[9:] not in cli.err


@pytest.mark.parametrize("where", ["input", "input name", "name", "criterion", "delivery", "ref"])
def test_a_request_that_holds_a_secret_anywhere_is_refused_and_kept_without_it(cli, folder, where):
    key = (folder / ".remit" / "secrets" / "payload_key").read_text().strip()
    named = ["maintenance-page", "-i", "service=shop", "-i", "wanted=hide"]
    for secret in (
        IN_VARIABLE.replace("=", "%3D"),
        "".join(f"%{byte:02x}" for byte in IN_FILE.encode()),
        key,
    ):
        given = {
            "input": ["maintenance-page", "-i", "service=shop", "-i", f"wanted={secret}"],
            "input name": ["maintenance-page", "-i", "service=shop", "-i", f"{secret}x=1"],
            "name": [secret, "-i", "service=shop"],
            "criterion": [*named, "--criterion", f"{secret} is there"],
            "delivery": [*named, "--delivery", f"id-{secret}"],
            "ref": [*named, "--ref", f"mail: {secret}"],
        }
        code = cli("run", *given[where])
        record = cli.data("runs", "list", "-n", "1")[0]
        if where == "ref":
            assert (code, record["state"]) == (0, "completed")
            assert record["request"]["ref"] == f"mail: {MARK}"
        else:
            assert (code, record["state"], record["reason"]) == (5, "rejected", "secret_in_request")
            assert secret not in cli.err
        assert cli("runs", "trace", record["run"]) == 0


def test_a_value_is_refused_and_never_changed(cli):
    assert cli("run", "maintenance-page", "-i", "service=shop", "-i", f"wanted={IN_FILE}") == 5
    assert "input wanted holds a secret of this desk" in cli.err
    (name,) = set(ULID.findall(cli.err))
    assert "interpreted" not in {entry["kind"] for entry in cli.data("runs", "trace", name)}


@pytest.mark.parametrize("form", ["raw", "hex upper", "url full", "split"])
def test_what_humans_say_of_a_run_is_kept_without_secrets(cli, escalation, form, tmp_path):
    evidence = tmp_path / "evidence.txt"
    evidence.write_text("\n".join([*forms(IN_VARIABLE).values(), *forms(IN_FILE).values()]))
    for secret in (IN_VARIABLE, IN_FILE):
        said = f"because {forms(secret)[form]}."
        decide = ["esc", "done", escalation["id"], "--evidence", str(evidence)]
        assert cli(*decide, "--basis", said, "--why", said) == 5
        assert "[basis_moved]" in cli.err
        assert cli("runs", "cancel", escalation["run"], "--why", said) == 5
        assert cli("runs", "pause", escalation["run"], "--why", said) == 0
        assert cli("runs", "unpause", escalation["run"], "--why", said) == 0
        assert cli("stop", "--why", said) == 0
        cli("doctor")
        assert f"because {MARK}." in cli.out
        assert cli("start") == 0
    reasons = [e["body"].get("body", {}).get("reason") for e in cli.data("runs", "trace", escalation["run"])]
    assert reasons.count(f"because {MARK}.") == 4


def test_evidence_is_kept_as_it_is_but_for_the_secret(cli, folder, escalation, tmp_path):
    evidence = tmp_path / "evidence.txt"
    evidence.write_text(f"line 1\n{IN_FILE}\nline 3\n")
    decide = ["esc", "done", escalation["id"], "--basis", escalation["basis"], "--why", IN_VARIABLE]
    assert cli(*decide, "--evidence", str(evidence)) == 8
    out = folder / "evidence.jsonl"
    assert cli("ledger", "export", str(out)) == 0
    assert f"line 1\\n{MARK}\\nline 3" in out.read_text()


def test_what_comes_past_every_door_is_rid_of_secrets_before_it_is_an_entry(folder, tmp_path):
    desk = tmp_path / "desk"
    assert run(["init", str(desk), "--json"]) == 0
    assert run(["run", "-d", "show the maintenance page of shop", "--desk", str(desk)]) == 0
    with open_app(load(desk), environ={"REMIT_SECRET_ANY": IN_VARIABLE}) as app:
        (info,) = app.ledger.runs(Query())
        body = {"reason": f"x {IN_VARIABLE}\nDENIED: forged"}
        by = app.ledger.read(info.run)[0].actor
        app.ledger.post(Signal(id="past", run=info.run, kind="pause", by=by, at=app.ledger.now(), body=body))
        with app.engine() as engine:
            engine.work(info.run)
        bodies = [e.body for e in app.ledger.read(info.run) if e.kind is Kind.SIGNAL]
    assert [body["body"] for body in bodies] == [{"reason": f"x {MARK} DENIED: forged"}]


def test_a_log_holds_no_secret_and_no_forged_record(capsys):
    log = logging.getLogger("remit.worker")
    with logged(Scrubber(lambda: [IN_VARIABLE])):
        error = ValueError(f"401 for {forms(IN_VARIABLE)['url lower']}")
        log.error("failed with %s\n2026-01-01 WARNING forged\x1b[2J", IN_VARIABLE, exc_info=error)
    log.warning("after")
    err = capsys.readouterr().err
    assert "401 for [redacted]" in err
    assert "canary" not in err.lower()
    assert "\x1b" not in err
    assert all(line.startswith("    ") for line in err.splitlines()[1:] if line != "after")


def test_an_internal_error_is_said_without_a_secret(capsys, monkeypatch):
    monkeypatch.setenv("REMIT_SECRET_ANY", IN_VARIABLE)
    error = RuntimeError(f"sent {IN_VARIABLE}\x1b[2J\nremit: all is well")
    monkeypatch.setattr(app, "app", Mock(side_effect=error))
    assert run(["doctor"]) == 1
    err = capsys.readouterr().err
    assert err.splitlines()[-1] == f"remit: internal error: RuntimeError: sent {MARK} remit: all is well"
    assert "Traceback" in err
    assert "canary" not in err
