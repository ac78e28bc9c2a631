"""The command line from request to record, on one sample desk: its tools are one Python module."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from remit.cli.app import run

ULID = re.compile(r"[0-9A-HJKMNP-TV-Z]{26}")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    desk = tmp_path_factory.mktemp("flow") / "desk"
    assert run(["init", str(desk), "--json"]) == 0
    return desk


@pytest.fixture
def page(folder):
    """Set what the page of a service shows, past remit."""
    pages = folder / "pages"
    pages.mkdir(exist_ok=True)

    def sets(service, state):
        file = pages / service
        if file.is_dir():
            file.rmdir()
        file.unlink(missing_ok=True)
        if state == "broken":
            file.mkdir()
        else:
            file.write_text(state)

    yield sets
    for service in ("shop", "search"):
        sets(service, "hide")


@pytest.fixture
def cli(folder, capsys, monkeypatch):
    monkeypatch.setenv("REMIT_DESK", str(folder))

    class Said:
        def __call__(self, *arguments):
            capsys.readouterr()
            self.code = run(list(arguments))
            self.out, self.err = capsys.readouterr()
            return self.code

        def data(self, *arguments):
            self(*arguments, "--json")
            assert self.out, self.err
            return json.loads(self.out)

        def runs(self):
            return self.data("runs", "list", "--all")

    return Said()


def shows(folder, service):
    return (folder / "pages" / service).read_text().strip()


def test_a_phrase_is_carried_out_and_proven(cli, folder, page):
    page("shop", "hide")
    assert cli("run", "show the maintenance page of shop") == 0
    assert shows(folder, "shop") == "show"
    assert cli.out.startswith("COMPLETED (verified)  maintenance-page@1 on shop\n")
    assert "set/1: sends page.set to page:shop" in cli.err
    assert cli.err.splitlines()[-1].endswith("ended: completed, verified")


def test_the_same_asked_by_name_gives_one_record_on_stdout(cli, folder, page):
    page("shop", "hide")
    record = cli.data(
        "run", "maintenance-page", "-i", "service=shop", "-i", "wanted=show", "--ref", "ticket 7"
    )
    assert cli.code == 0
    assert cli.err == f"run {record['run']}\n"
    assert record["schema"] == "remit/record/v1"
    assert (record["state"], record["changed"], record["solo"]) == ("completed", True, True)
    assert record["request"]["ref"] == "ticket 7"
    assert [w["effect"] for w in record["writes"]] == ["confirmed"]
    again = cli.data("run", "maintenance-page@1", "-i", "service=shop", "-i", "wanted=show")
    assert (again["state"], again["changed"], again["writes"]) == ("completed", False, [])


BAD = {
    "bad_input": ["maintenance-page", "-i", "service=shopp", "-i", "wanted=show"],
    "missing_input": ["maintenance-page", "-i", "service=shop"],
    "unknown_input": ["maintenance-page", "-i", "service=shop", "-i", "wanted=show", "-i", "admin=true"],
    "unknown_runbook": ["maintenance-pages", "-i", "service=shop"],
    "asked_back": ["please", "reboot", "everything"],
    "look_alike": ["show the maintenance page of sh\u043ep"],
    "hidden_character": ["show the maintenance page of sh\u200bop"],
    "request_too_long": ["show " * 1000],
    "criteria_not_covered": [
        "maintenance-page", "-i", "service=shop", "-i", "wanted=show", "--criterion", "users are happy",
    ],
}  # fmt: skip


@pytest.mark.parametrize("code", BAD)
def test_a_bad_request_gives_one_error_with_its_code_and_is_kept(cli, folder, page, code):
    page("shop", "hide")
    before = len(cli.runs())
    assert cli("run", *BAD[code]) == 5
    assert cli.out == ""
    assert cli.err.startswith("remit: rejected: ")
    assert cli.err.count(f"[{code}]") == 1
    assert "nothing was sent" in cli.err
    (kept, *_), after = cli.runs()[:1], len(cli.runs())
    assert after == before + 1
    assert (kept["state"], kept["reason"], kept["writes"]) == ("rejected", code, [])
    assert shows(folder, "shop") == "hide"


@pytest.mark.parametrize(
    "wrong",
    [
        (["run", "maintenance-page", "-i", "service"], 2, "usage"),
        (["run", "maintenance-page", "-i", "service=shop", "-i", "service=search"], 2, "duplicate_input"),
        (["run", "show the page", "-i", "service=shop"], 2, "usage"),
        (["run", "maintenance-page", "--as", "dana"], 4, "unknown_principal"),
        (["runs", "show", "01ARZ3NDEKTSV4RRFFQ69G5FAV"], 2, "unknown_run"),
        (["runs", "show", "short"], 2, "unknown_run"),
        (["esc", "show", "01ARZ3NDEKTSV4RRFFQ69G5FAV/esc-1"], 2, "unknown_run"),
        (["runbook", "approve"], 2, "usage"),
        (["runbook", "approve", "nope"], 2, "unknown_runbook"),
        (["runbook", "authority", "nope"], 2, "unknown_runbook"),
        (["runbook", "schema", "nope"], 2, "usage"),
        (["runbook", "new", "Not-An-Id"], 2, "bad_form"),
        (["stop", "--runbook", "a", "--resource", "b"], 2, "usage"),
        (["ledger", "verify", "/nowhere"], 2, "no_file"),
        (["init"], 2, "desk_exists"),
    ],
)
def test_a_wrong_command_says_what_and_does_nothing(cli, folder, monkeypatch, wrong):
    arguments, exit_code, code = wrong
    monkeypatch.chdir(folder)
    before = len(cli.runs())
    assert cli(*arguments) == exit_code
    assert cli.out == ""
    assert f"[{code}]" in cli.err
    assert "nothing was done" in cli.err
    assert cli(*arguments, "--json") == exit_code
    assert json.loads(cli.err)["error"]["code"] == code
    assert len(cli.runs()) == before


def test_no_desk_and_no_such_command(cli, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("REMIT_DESK")
    assert cli("runs", "list") == 2
    assert "[no_desk]" in cli.err
    assert "next: make one with: remit init DIR" in cli.err
    assert cli("runz") == 2
    assert "No such command" in cli.err


def test_a_delivery_makes_one_run_and_another_body_is_a_conflict(cli):
    asked = ["run", "show the maintenance page of search", "--delivery", "msg-1"]
    first = cli.data(*asked)
    assert cli.data(*asked)["run"] == first["run"]
    other = cli.data("run", "hide the maintenance page of search", "--delivery", "msg-1")
    assert (cli.code, other["state"], other["reason"]) == (5, "rejected", "delivery_conflict")
    assert other["run"] != first["run"]


def test_a_second_request_for_the_same_need_joins_the_run_that_lives(cli, folder, page):
    page("shop", "hide")
    assert cli("run", "-d", "show the maintenance page of shop") == 0
    (first,) = ULID.findall(cli.out)
    assert cli("runs", "pause", first, "--why", "lunch") == 0
    assert cli("run", "--wait-timeout", "0.3", "show the maintenance page of shop") == 7
    assert f"run {first} is for the same need" in cli.err
    assert "next: remit worker --drain" in cli.err
    assert shows(folder, "shop") == "hide"
    assert cli("runs", "unpause", first) == 0
    assert cli("runs", "watch", first, "--wait-timeout", "20") == 0
    assert shows(folder, "shop") == "show"
    kinds = [e["body"]["kind"] for e in cli.data("runs", "trace", first) if e["kind"] == "signal"]
    assert kinds == ["pause", "attached", "unpause"]


def test_a_run_is_cancelled_before_its_first_effect(cli, folder, page):
    page("shop", "hide")
    cli("run", "-d", "show the maintenance page of shop")
    (name,) = ULID.findall(cli.out)
    assert cli("runs", "cancel", name, "--why", "not now") == 8
    assert cli.data("runs", "show", name)["state"] == "cancelled"
    assert cli("runs", "cancel", name) == 5
    assert "[run_ended]" in cli.err
    assert shows(folder, "shop") == "hide"


def test_a_stop_holds_back_and_a_start_lets_go_on(cli, folder, page):
    page("shop", "hide")
    assert cli.data("stop", "--resource", "page:shop", "--why", "test")["may_still_land"] == []
    assert cli("run", "--wait-timeout", "0.5", "show the maintenance page of shop") == 7
    (name,) = set(ULID.findall(cli.err))
    assert shows(folder, "shop") == "hide"
    assert cli("stop") == 0
    assert cli("run", "hide the maintenance page of search") == 5
    assert "[stopped]" in cli.err
    assert cli("start") == 0
    assert cli.data("start", "--resource", "page:shop")["lifted"]
    assert cli("start", "--resource", "page:shop") == 2
    assert "[not_stopped]" in cli.err
    assert cli("runs", "cancel", name) == 8 or shows(folder, "shop") == "show"


def escalated(cli, page):
    page("search", "broken")
    assert cli("run", "show the maintenance page of search") == 3
    assert "next: remit esc resume" in cli.err
    (packet,) = cli.data("esc", "list")
    return packet


def test_what_waits_for_a_human_is_shown_and_decided_on_what_they_saw(cli, page):
    packet = escalated(cli, page)
    name = packet["id"]
    assert cli.data("esc", "show", name) == packet
    assert cli("esc", "show", packet["run"]) == 0
    assert len(cli.out.splitlines()) <= 45
    whole = cli.out
    assert cli("esc", "show", packet["run"][-9:].lower() + "/ESC-1") == 0
    assert cli.out.splitlines()[2:] == whole.splitlines()[2:]
    assert cli("esc", "ack", name) == 0
    assert cli("esc", "show", name) == 0
    assert "Seen     by " in cli.out
    assert cli("esc", "resume", name) == 2
    assert "[needs_basis]" in cli.err
    assert cli("esc", "resume", name, "--basis", "12") == 2
    assert cli("esc", "resume", name, "--basis", "0" * 12) == 5
    assert "[basis_moved]" in cli.err
    assert "nothing has changed" in cli.err
    assert cli("esc", "resume", packet["run"] + "/esc-9", "--basis", packet["basis"]) == 5
    assert "[no_such_escalation]" in cli.err
    page("search", "show")
    assert cli("esc", "resume", name, "--basis", packet["basis"][:19]) == 0
    assert cli.out.startswith("COMPLETED (verified)")
    assert cli("esc", "resume", name, "--basis", packet["basis"]) == 5
    assert "[already_decided]" in cli.err
    assert cli.data("esc", "list") == []


def test_while_it_waits_nothing_else_is_admitted_there(cli, page):
    packet = escalated(cli, page)
    assert cli("run", "hide the maintenance page of search") == 5
    assert "[escalation_open]" in cli.err
    assert cli("runs", "cancel", packet["run"]) == 5
    assert "[escalation_open]" in cli.err
    assert "remit esc abort" in cli.err
    assert cli("esc", "abort", packet["id"], "--basis", packet["basis"], "--why", "by hand") == 8
    record = cli.data("runs", "show", packet["run"])
    assert (record["state"], record["verified"]) == ("closed_by_human", False)
    (said,) = record["decisions"]
    assert (said["choice"], said["why"], said["by"]) == ("abort", "by hand", record["closed_by"])
    for shown in (("runs", "show"), ("runs", "trace")):
        cli(*shown, packet["run"])
        assert "because: by hand" in " ".join(cli.out.split())
    said_left_out = re.search(r"\((\d+) repeated entr(?:y|ies) more: --full\)", cli.err)
    first_lines = len(re.findall(r"(?m)^ *\d+  \d{4}-", cli.out))
    left_out = int(said_left_out[1]) if said_left_out else 0
    assert first_lines + left_out == len(cli.data("runs", "trace", packet["run"]))
    cli("runs", "trace", packet["run"], "--full")
    assert "--full" not in cli.err


def test_done_takes_evidence_and_nothing_empty(cli, page, tmp_path):
    packet = escalated(cli, page)
    decide = ["esc", "done", packet["id"], "--basis", packet["basis"]]
    assert cli(*decide) == 5
    file = tmp_path / "evidence.txt"
    assert cli(*decide, "--evidence", str(file)) == 2
    file.write_text("  \n")
    assert cli(*decide, "--evidence", str(file)) == 2
    assert "[no_evidence]" in cli.err
    file.write_bytes(b"x" * 70_000)
    assert cli(*decide, "--evidence", str(file)) == 2
    assert "[oversized]" in cli.err
    assert cli(*decide, "--effect", "set/9=applied") == 2
    file.write_text("I looked: the page is there")
    assert cli(*decide, "--evidence", str(file)) == 8
    assert cli.data("runs", "show", packet["run"])["state"] == "closed_by_human"


def test_a_plan_says_what_the_run_then_does_and_changes_nothing(cli, folder, page):
    page("shop", "hide")
    asked = ["show the maintenance page of shop"]
    before = len(cli.runs())
    plan = cli.data("plan", *asked)
    assert (cli.code, plan["outcome"]) == (0, "would_send")
    assert plan["first_write"]["tool"] == "page.set"
    assert plan["worst_case"]["writes"] == 2
    assert plan["not_simulated"]
    assert (shows(folder, "shop"), len(cli.runs())) == ("hide", before)
    (write,) = cli.data("run", *asked)["writes"]
    assert write["resource"] == plan["first_write"]["resource"]
    assert cli.data("plan", *asked)["outcome"] == "completes"
    for code, bad in BAD.items():
        plan = cli.data("plan", *bad)
        assert (cli.code, plan["outcome"], plan["code"]) == (5, "rejected", code)
    cli("stop", "--resource", "page:shop")
    assert cli.data("plan", "hide the maintenance page of shop")["code"] == "stop"
    cli("start", "--resource", "page:shop")
    page("search", "broken")
    plan = cli.data("plan", "show the maintenance page of search")
    assert (cli.code, plan["outcome"], plan["code"]) == (3, "escalates", "unreadable")


def test_the_ledger_is_sound_here_and_in_an_export_and_a_lie_is_found(cli, tmp_path):
    assert cli.data("ledger", "verify")["sound"]
    out = tmp_path / "all.jsonl"
    assert cli("ledger", "export", str(out)) == 0
    assert cli.data("ledger", "verify", str(out))["sound"]
    assert cli("ledger", "export", str(out)) == 2
    assert "[file_exists]" in cli.err
    lied = tmp_path / "lied.jsonl"
    lied.write_text(out.read_text().replace("page:shop", "page:shoq", 1))
    assert cli("ledger", "verify", str(lied)) == 8
    assert "NOT sound" in cli.err
    one = tmp_path / "one.jsonl"
    assert cli("runs", "export", cli.runs()[0]["run"], str(one)) == 0
    assert cli.data("ledger", "verify", str(one))["sound"]


def test_lists_and_traces_are_for_eyes_and_for_programs(cli):
    records = cli.runs()
    assert {r["schema"] for r in records} == {"remit/record/v1"}
    assert cli("runs", "list", "-n", "1") == 0
    assert len(cli.out.splitlines()) == 1
    last = records[0]["run"]
    assert cli("runs", "trace", last[-10:]) == 0
    assert cli.out.splitlines()[0].split()[0] == "1"
    assert [r["run"] for r in cli.data("runs", "list", "--state", "rejected", "--all")] == [
        r["run"] for r in records if r["state"] == "rejected"
    ]


def started(folder, *arguments):
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # tests in the background: a child would inherit it
        signal.signal(signal.SIGINT, signal.default_int_handler)
    return subprocess.Popen(
        [sys.executable, "-m", "remit", *arguments],
        env={**os.environ, "REMIT_DESK": str(folder), "REMIT_WORKER__LEASE_S": "2"},
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def test_ctrl_c_detaches_and_a_worker_goes_on(cli, folder, page):
    page("shop", "hide")
    cli("stop", "--resource", "page:shop")
    process = started(folder, "run", "show the maintenance page of shop")
    for line in process.stderr:
        if "waits: stop" in line:
            break
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30)
    assert (process.returncode, out) == (7, "")
    assert "detached; run" in err
    cli("start", "--resource", "page:shop")
    time.sleep(0.1)
    (live,) = cli.data("runs", "list", "--live")
    worker = started(folder, "worker", "--drain")
    worker.communicate(timeout=60)
    assert worker.returncode == 0
    if (
        cli.data("runs", "show", live["run"])["ended_at"] is None
    ):  # a stop is looked at again every few seconds
        assert cli("runs", "cancel", live["run"]) in (0, 8)
    assert cli.data("runs", "list", "--live") == []


def test_a_worker_leaves_on_sigterm(folder):
    process = started(folder, "worker")
    line = process.stderr.readline()
    while "works" not in line:
        line = process.stderr.readline()
    process.terminate()
    process.communicate(timeout=20)
    assert process.returncode == 0


def test_an_edited_tool_keeps_its_runbook_from_running(folder, page):
    page("shop", "hide")
    tools = folder / "page_tools.py"
    before = tools.read_text()
    try:
        tools.write_text(before + "# edited\n")
        process = started(folder, "run", "show the maintenance page of shop", "--json")
        out, _ = process.communicate(timeout=60)
        doctor = started(folder, "doctor")
        said, _ = doctor.communicate(timeout=60)
        record = json.loads(out)
    finally:
        tools.write_text(before)
    assert (process.returncode, record["state"], record["reason"]) == (5, "rejected", "tool_changed")
    assert record["writes"] == []
    assert doctor.returncode == 2
    assert "maintenance-page@1 cannot run: not as approved any more: page.read, page.set" in said
    assert shows(folder, "shop") == "hide"


@pytest.mark.parametrize("arguments", [["--help"], ["runs", "list"], ["runbook", "list"], ["-m"]])
def test_the_command_line_starts_without_what_is_heavy(folder, arguments):
    code = (
        "import sys\nfrom remit.cli.app import run\nrun(sys.argv[1:])\n"
        "heavy = {'langgraph', 'langchain_core', 'openai', 'fastapi'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    command = [sys.executable, "-c", code, *arguments]
    if arguments == ["-m"]:
        command = [sys.executable, "-m", "remit", "--help"]
    done = subprocess.run(
        command, env={**os.environ, "REMIT_DESK": str(folder)}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert Path(folder).exists()
