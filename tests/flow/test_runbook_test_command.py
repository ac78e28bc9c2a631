"""``remit runbook test``: shipped tests pass, a wrong expectation fails with its story, bad files told."""

import json
import shutil
import time
from pathlib import Path

import pytest

from remit.cli.app import run
from remit.rehearsal.form import Kind
from remit.rehearsal.judge import lacks
from remit.rehearsal.play import Played, Scene, play
from remit.rehearsal.reading import Tools, read_rehearsal
from remit.rehearsal.words import WORDS
from tools.sim.faults import KINDS

RUNBOOKS = Path(__file__).parents[2] / "runbooks"
HEAD = """\
schema: remit/runbook-test/v1
runbook: {}
given: {{{}}}
cases:
"""
RECOVERY = HEAD.format("service-recovery@3", "service: checkout, env: prod, world: sim/service-down")


@pytest.fixture(autouse=True)
def nobodys_desk(monkeypatch):
    monkeypatch.delenv("REMIT_DESK", raising=False)


def rehearsed(capsys, *given):
    capsys.readouterr()
    code = run(["runbook", "test", *map(str, given), "--json"])
    said = capsys.readouterr()
    return code, json.loads(said.out) if said.out else [], said.err


@pytest.fixture
def recovery(tmp_path):
    shutil.copy(RUNBOOKS / "service-recovery" / "runbook.yaml", tmp_path / "runbook.yaml")

    def write(*cases, head=RECOVERY):
        file = tmp_path / "runbook.test.yaml"
        file.write_text(head + "".join(f"  - {json.dumps(case)}\n" for case in cases))
        return file

    return write


def played(folder: str, name: str) -> tuple[Scene, Played]:
    rehearsal = read_rehearsal(RUNBOOKS / folder / "runbook.test.yaml", Tools())
    scene = next(s for s in rehearsal.scenes if s.case.name == name)
    return scene, play(scene)


# what is shipped


@pytest.mark.parametrize("folder", sorted(p.parent.name for p in RUNBOOKS.glob("*/runbook.yaml")))
def test_every_shipped_runbook_has_tests_and_passes_them(folder, capsys):
    code, results, _ = rehearsed(capsys, RUNBOOKS / folder)
    assert [r["differences"] for r in results if not r["passed"]] == []
    assert code == 0
    assert len(results) > 9


@pytest.mark.parametrize(("kind", "status"), [("refused", 409), ("not_applied", 423)])
def test_a_definite_answer_is_one_that_the_connector_lists(tmp_path, capsys, kind, status):
    for name in ("runbook.yaml", "connector.yaml", "runbook.test.yaml"):
        shutil.copy(RUNBOOKS / "quota-raise" / name, tmp_path / name)
    connector, test = tmp_path / "connector.yaml", tmp_path / "runbook.test.yaml"
    written = connector.read_text()
    answers = "refused: [400, 404, 422], not_applied: [429, 503]"
    assert answers in written
    head = test.read_text().partition("cases:\n")[0]
    ends = {"refused": "refused", "not_applied": "retries_exhausted"}[kind]
    case = {
        "name": kind,
        "fault": {"tool": "quota.raise", "kind": kind, "times": "always"},
        "expect": {"state": "escalated", "reason": ends, "effects": {}},
    }
    test.write_text(f"{head}cases:\n  - {json.dumps(case)}\n")
    connector.write_text(written.replace(answers, "refused: [409], not_applied: [423]"))
    rehearsal = read_rehearsal(test, Tools())
    story = play(rehearsal.scenes[0]).events
    assert f"answered with {status}" in " ".join(event.what for event in story)
    code, results, _ = rehearsed(capsys, tmp_path)
    assert [r["differences"] for r in results] == [[]]
    assert code == 0
    other = {"refused": "not_applied: [423]", "not_applied": "refused: [409]"}[kind]
    connector.write_text(written.replace(answers, other))
    code, _, said = rehearsed(capsys, tmp_path)
    assert code == 2
    assert f"no answer of quota.raise says {kind}" in " ".join(said.split())


def test_the_sample_and_a_new_runbook_pass_theirs(tmp_path, capsys, monkeypatch):
    assert run(["init", str(tmp_path / "d"), "--json"]) == 0
    monkeypatch.chdir(tmp_path / "d")
    assert run(["runbook", "new", "page-two", "--json"]) == 0
    code, results, _ = rehearsed(capsys)
    assert code == 0
    assert {r["runbook"] for r in results} == {"maintenance-page@1", "page-two@1"}
    assert not (tmp_path / "d" / "pages").exists(), "a real tool was called"
    assert rehearsed(capsys, "page-two")[1] == [r for r in results if r["runbook"] == "page-two@1"]
    assert run(["runbook", "lint"]) == 0, "a test file is no runbook"


def test_a_quarantine_and_a_wait_for_a_human_pass_at_once():
    began = time.monotonic()
    _, came = played("service-recovery", "the dependency is put right, and a human lets it go on")
    assert came.world_s > 12 * 60
    assert time.monotonic() - began < 10


def test_the_same_case_gives_the_same_ledger():
    first, second = (played("quota-raise", "it lands late, and still only once")[1] for _ in range(2))
    assert [e.hash for e in first.entries] == [e.hash for e in second.entries]


def test_every_fault_of_the_simulated_world_can_be_named():
    assert set(WORDS) == set(Kind.__args__)
    assert set(WORDS) - KINDS == {"status", "flap", "changed_by_others"} - KINDS


# what fails

STARTS = {"supervisor.stop": 1, "supervisor.start": 1}


@pytest.mark.parametrize(
    ("expect", "what"),
    [
        ({"state": "escalated"}, {"state"}),
        ({"state": "completed", "effects": {}}, {"effects"}),
        ({"state": "completed", "effects": {"supervisor.stop": 1}}, {"effects"}),
        ({"state": "completed", "effects": STARTS, "requests": {"supervisor.stop": 2}}, {"requests"}),
        ({"state": "completed", "packet": {"enough": True}}, {"packet"}),
        ({"state": "completed", "packet": {"offers": ["resume"]}}, {"offers"}),
        ({"state": "completed", "reason": "cancelled"}, {"reason"}),
    ],
)
def test_what_comes_out_otherwise_fails_and_is_told(recovery, capsys, expect, what):
    case = {
        "name": "as it is not",
        "fault": {"tool": "supervisor.start", "kind": "lost_reply"},
        "expect": expect,
    }
    code, (result,), _ = rehearsed(capsys, recovery(case))
    assert code == 8
    assert {d["what"] for d in result["differences"]} == what
    assert result["effects"] == STARTS
    assert any("lost_reply meets a call of supervisor.start" in line for line in result["story"])
    assert any("start/1 attempt 1: unknown" in line for line in result["story"])


def test_a_failed_case_shows_expected_and_got_on_the_terminal(recovery, capsys):
    file = recovery(
        {"name": "right", "given": {"world": "sim/healthy"}, "expect": {"state": "completed", "effects": {}}},
        {"name": "wrong", "expect": {"state": "escalated"}},
    )
    assert run(["runbook", "test", str(file)]) == 8
    said = capsys.readouterr()
    told = " ".join(said.out.split())
    assert told.startswith("pass service-recovery@3: right: completed (verified); no effect; in 1m FAIL")
    assert "FAIL service-recovery@3: wrong: completed (verified); supervisor.start 1, " in told
    assert "state: expected escalated, got completed" in told
    assert said.err.splitlines()[-1] == "2 cases, 1 failed"


def test_a_case_that_cannot_be_played_to_its_end_fails(recovery, capsys):
    cases = [
        {"name": "no stop", "decide": [{"resume": {}}], "expect": {"state": "completed"}},
        {"name": "no crash", "crash": {"after": "send", "nth": 9}, "expect": {"state": "completed"}},
    ]
    code, results, _ = rehearsed(capsys, recovery(*cases))
    assert code == 8
    assert [r["differences"][0]["got"] for r in results] == [
        "decision resume: the run did not stop for it",
        "crash after send: it never came to that",
    ]


def test_a_decision_that_is_refused_is_told_unless_it_is_expected(recovery, capsys):
    fault = {"tool": "supervisor.stop", "kind": "refused"}
    cases: list[dict[str, object]] = [
        {"name": "told", "fault": fault, "decide": [{"roll_back": {}}], "expect": {"state": "escalated"}},
        {
            "name": "expected",
            "fault": fault,
            "decide": [{"roll_back": {"refused": "nothing_to_undo"}}],
            "expect": {"state": "escalated"},
        },
    ]
    code, (told, expected), _ = rehearsed(capsys, recovery(*cases))
    assert code == 8
    assert "refused as nothing_to_undo" in told["differences"][0]["got"]
    assert expected["passed"]


# the packet


def test_a_packet_is_enough_only_with_every_answer():
    _, came = played("service-recovery", "comes up, then dies at 40 s")
    before = [e for e in came.entries if e.seq < came.packet_seq]
    assert came.packet is not None
    assert lacks(came.packet, before) == []
    assert lacks(None, before) == ["there is no packet"]
    unsaid = {**came.packet, "top": {**came.packet["top"], "if_silent": ""}}
    assert "it does not say what happens if nobody answers" in lacks(unsaid, before)
    silent = {**came.packet, "changed": came.packet["changed"][:1]}
    assert any(fault.startswith("changed lists") for fault in lacks(silent, before))
    forged = {**came.packet, "evidence": [{**came.packet["evidence"][0], "excerpt": "all is well"}]}
    assert any("is not what its digest says" in fault for fault in lacks(forged, before))


# files that cannot be used


@pytest.mark.parametrize(
    ("case", "said"),
    [
        (
            {"fault": {"tool": "supervisor.strat", "kind": "hang"}},
            "no tool supervisor.strat; known are catalog.",
        ),
        ({"fault": {"tool": "http.get", "kind": "hangs"}}, "(did you mean hang?)"),
        ({"fault": {"tool": "http.get", "kind": "hang", "at": "3s"}}, "hang takes no at; it takes times"),
        ({"fault": {"tool": "http.get", "kind": "status"}}, "status needs value"),
        ({"fault": {"tool": "http.get", "kind": "status", "value": 42}}, "must be an HTTP status"),
        (
            {"fault": {"tool": "http.get", "kind": "flap", "target": "x"}},
            "no service x; known are checkout, pay",
        ),
        (
            {"fault": {"tool": "http.get", "kind": "flap", "after": "stopp"}},
            "no step stopp; known are healthy, st",
        ),
        (
            {"fault": {"tool": "supervisor.stop", "kind": "hang", "after": "healthy"}},
            "is what http.get shows",
        ),
        ({"fault": {"tool": "catalog.service", "kind": "changed_by_others"}}, "in value the fields"),
        (
            {"fault": {"tool": "http.get", "kind": "hang"}, "faults": [{"tool": "http.get", "kind": "hang"}]},
            "either",
        ),
        ({"crash": {"after": "send", "step": "begin"}}, "no step begin; known are start, stop"),
        ({"given": {"server": "x"}}, "no input server; known are env, service, world"),
        ({"given": {"world": "sim/down"}}, "no world sim/down; known are sim/healthy, sim/service-down"),
        ({"given": {"world": {"services": [{"name": "a", "env": "b", "is": "sad"}]}}}, "must be 'healthy'"),
        ({"given": {"world": {"connectors": ["x.yaml"]}}}, "no connector file x.yaml lies beside this one"),
        ({"decide": [{"resume": {"mended": ["x"]}}]}, "no service x; known are checkout, payments"),
        (
            {"expect": {"state": "completed", "effects": {"http.get": 1}}},
            "known are supervisor.start, supervisor",
        ),
    ],
)
def test_a_name_that_is_none_is_told_with_its_place_and_those_there_are(recovery, capsys, case, said):
    code, results, err = rehearsed(capsys, recovery({"name": "a", "expect": {"state": "completed"}, **case}))
    assert (code, results) == (2, [])
    told = json.loads(err)["error"]
    assert told["code"] == "bad_file"
    assert said in told["message"]
    assert "runbook.test.yaml:5:" in told["message"]
    assert told["not_done"] == "no case was run"


def test_two_cases_of_one_name_are_refused(recovery, capsys):
    case = {"name": "a", "expect": {"state": "completed"}}
    assert "a stands twice" in rehearsed(capsys, recovery(case, case))[2]


def test_a_test_of_another_version_names_the_one_there_is(recovery, capsys):
    head = RECOVERY.replace("@3", "@2")
    code, _, err = rehearsed(capsys, recovery({"name": "a", "expect": {"state": "completed"}}, head=head))
    assert code == 2
    assert "there is service-recovery@3" in err


def test_a_runbook_that_cannot_be_run_safely_is_not_played(recovery, capsys):
    file = recovery({"name": "a", "expect": {"state": "completed"}})
    book = file.with_name("runbook.yaml")
    book.write_text(book.read_text().replace("writes: 5", "writes: 1"))
    code, _, err = rehearsed(capsys, file)
    assert code == 2
    assert "writes_below_worst_case" in err
    assert json.loads(err)["error"]["code"] == "lint"


@pytest.mark.parametrize("given", ["nowhere", "nowhere.test.yaml", "."])
def test_what_is_not_there_is_said(tmp_path, capsys, monkeypatch, given):
    monkeypatch.chdir(tmp_path)
    code, _, err = rehearsed(capsys, given)
    assert code == 2
    assert json.loads(err)["error"]["code"] == "no_file"


def test_nothing_is_meant_where_there_is_no_desk(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert rehearsed(capsys)[0] == 2


@pytest.mark.parametrize("kind", ["runbook-test", "world"])
def test_the_form_is_exported_for_editors(capsys, kind):
    assert run(["runbook", "schema", kind]) == 0
    schema = json.loads(capsys.readouterr().out)
    assert schema["title"] == f"remit/{kind}/v1"
    assert schema["properties"]["schema"]["const"] == f"remit/{kind}/v1"


# further faults, each seen to do what its word says


def on(verb, kind, **more):
    return {"fault": {"tool": f"supervisor.{verb}", "kind": kind, **more}}


def health(kind, **more):
    return {"fault": {"tool": "http.get", "kind": kind, **more}}


ELSEWHERE = {"tool": "catalog.service", "kind": "changed_by_others", "nth": 2, "value": {"program": "x"}}
UNREACHABLE = {"services": [{"name": "checkout", "env": "prod", "is": "unreachable"}]}


@pytest.mark.parametrize(
    ("case", "expected"),
    [
        (on("stop", "not_sent"), ("completed", (1, 1), (1, 1))),
        (on("stop", "error_before"), ("completed", (1, 1), (2, 1))),
        (on("stop", "garbage"), ("completed", (1, 1), (1, 1))),
        (on("stop", "refused"), ("escalated", (0, 0), (1, 0))),
        (on("stop", "not_applied"), ("completed", (1, 1), (2, 1))),
        (on("start", "late_dropped", delay="2s"), ("completed", (1, 1), (1, 1))),
        (on("start", "claimed"), ("completed", (1, 1), (1, 2))),
        (on("start", "claimed", times="always"), ("escalated", (1, 0), (1, 3))),
        (health("flap", after="healthy", at="20s", **{"for": "10s"}), ("completed", (1, 1), (1, 1))),
        (health("changed_by_others", value=200), ("completed", (0, 0), (0, 0))),
        ({"fault": ELSEWHERE}, ("escalated", (0, 0), (0, 0))),
        ({"given": {"world": UNREACHABLE}}, ("escalated", (0, 0), (0, 0))),
    ],
)
def test_a_fault_does_what_its_word_says(recovery, capsys, case, expected):
    def by_tool(counts):
        return {tool: n for tool, n in zip(("supervisor.stop", "supervisor.start"), counts, strict=True) if n}

    state, effects, requests = expected
    expect = {"state": state, "effects": by_tool(effects), "requests": by_tool(requests)}
    _, (result,), _ = rehearsed(capsys, recovery({"name": "a", "expect": expect, **case}))
    assert result["passed"], "\n".join([str(result["differences"]), *result["story"]])


def test_the_page_lists_every_fault_as_the_code_has_it():
    page = (RUNBOOKS.parent / "docs" / "writing-a-runbook.md").read_text()
    for kind, word in WORDS.items():
        assert f"| `{kind}` | {word.says}" in page
        for more in word.takes - {"times"}:
            assert f"`{more}`" in page.partition(f"| `{kind}` |")[2].partition("\n")[0]
