"""Is what the demo shows what is shipped, and does it say so when something is otherwise?"""

import io
import re
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from evals.demo.desk import PLACES, SHIPPED, shipped, undecided
from evals.demo.errors import Interrupted, NoWorldError, OtherwiseError
from evals.demo.household import Household
from evals.demo.shorter import SHORTER, shortened
from evals.demo.sides import side_by_side, unanswered
from evals.demo.stage import Check, Stage
from policies.durations import parse
from policies.loader import parse_runbook
from remit.cli.app import run
from state.entry import Kind

DURATION = re.compile(r"\b[0-9]+(ms|s|m|h|d)\b")


def leaves(value, path=()):
    """Every scalar of a tree with its path, keys included."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield from leaves(item, (*path, key))
    elif isinstance(value, list):
        for place, item in enumerate(value):
            yield from leaves(item, (*path, place))
    else:
        yield path, value


def is_duration(value):
    return isinstance(value, str) and DURATION.fullmatch(value) is not None


@pytest.fixture(scope="module")
def pairs():
    demo = shipped()
    return {name: ((SHIPPED / name).read_text(), demo[place]) for name, place in PLACES.items()}


@pytest.mark.parametrize("name", PLACES)
def test_the_demo_plays_the_shipped_files_but_for_shorter_durations(pairs, name):
    ours, theirs = (dict(leaves(YAML(typ="safe").load(text))) for text in pairs[name])
    assert ours.keys() == theirs.keys()
    different = {
        path for path in ours if (ours[path], type(ours[path])) != (theirs[path], type(theirs[path]))
    }
    assert different, "nothing is shortened"
    for path in different:
        assert is_duration(ours[path]), f"{path} is no duration"
        assert is_duration(theirs[path]), f"{path} is no duration any more"
        assert 0 < parse(theirs[path]) < parse(ours[path]), path
        assert path[-1] in SHORTER[name]


@pytest.mark.parametrize("name", PLACES)
def test_not_even_a_comment_differs(pairs, name):
    ours, theirs = (DURATION.sub("*", text) for text in pairs[name])
    assert ours == theirs


def test_only_durations_under_the_named_keys_are_shortened():
    source = "a: {every: 5s, within: 5s, max: 3, hold: 1m} # every: soon\nevery: 7\n"
    assert shortened(source, {"every": 10, "hold": 20, "max": 3}) == (
        "a: {every: 500ms, within: 5s, max: 3, hold: 3s} # every: soon\nevery: 7\n"
    )


def test_both_forms_are_clean_by_lint(pairs, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("QUOTA_URL", "http://127.0.0.1:1")
    for place, form in enumerate(("shipped", "demo")):
        desk = tmp_path / form
        assert run(["init", str(desk)]) == 0
        for name, where in PLACES.items():
            (desk / where).write_text(pairs[name][place])
        capsys.readouterr()
        assert run(["--desk", str(desk), "runbook", "lint"]) == 0
        assert capsys.readouterr().out == ""


def test_every_shipped_runbook_of_the_demo_is_delegated_by_its_version(pairs):
    from evals.demo import desk

    for name in ("service-recovery/runbook.yaml", "quota-raise/runbook.yaml"):
        ref = parse_runbook(pairs[name][1].encode(), Path(name)).value.ref
        assert f"runbook: {ref}\n" in desk._DELEGATED


def test_a_users_own_settings_do_not_decide_the_demo():
    given = {"REMIT_DESK": "/mine", "REMIT_MODEL": "openai:x", "REMIT_WORKER__LEASE_S": "1", "HOME": "/h"}
    assert undecided(given) == {"HOME": "/h"}


@pytest.fixture
def stage(tmp_path):
    made = Stage(Household({}))
    made.console.file = io.StringIO()
    return made


def test_an_act_that_ends_otherwise_is_said_and_raised(stage):
    stage.act("Act 9")
    with pytest.raises(OtherwiseError, match="Act 9: otherwise than it says: writes"):
        stage.found(Check("end", "completed", "completed", "record"), Check("writes", "0", "1", "ledger"))
    shown = stage.console.file.getvalue()
    assert re.search(r"^ok +end +completed +completed +record", shown, re.MULTILINE)
    assert re.search(r"^NO +writes +0 +1 +ledger", shown, re.MULTILINE)
    assert [(act, check.holds) for act, check in stage.checks] == [("Act 9", True), ("Act 9", False)]


def test_a_check_may_be_met_by_more_than_one_answer(stage):
    stage.found(Check("retries", "1 to 2", "2", "record", met=True))
    with pytest.raises(OtherwiseError):
        stage.found(Check("retries", "1 to 2", "1 to 2", "record", met=False))


def test_nothing_is_typed_before_there_is_a_desk(stage):
    with pytest.raises(NoWorldError):
        stage.remit("runs", "list")


def test_a_wish_to_end_ends_every_wait_and_starts_nothing_more(tmp_path):
    household = Household({})
    household.asked = 15
    with pytest.raises(Interrupted, match="SIGTERM"):
        household.pause(60)
    with pytest.raises(Interrupted):
        household.start(["/bin/true"], cwd=tmp_path, out=-3)


class Entry:
    def __init__(self, kind, at, **body):
        self.kind, self.at, self.body, self.run = kind, f"2026-01-01T00:00:{at}.000000Z", body, "R"


def test_what_is_open_stands_beside_what_the_target_has():
    intent = Entry(Kind.INTENT, "02", op="raise/1", attempt=1, tool="quota.raise", resource="quota/acc-7")
    outcome = Entry(Kind.OUTCOME, "05", op="raise/1", attempt=1, outcome="succeeded", code="", detail="")
    request = {"event": "request", "request": 4, "at": "2026-01-01T00:00:03.000000Z", "method": "POST",
               "path": "/read_back/acc-7/add", "body": "{}"}  # fmt: skip
    rows = side_by_side([intent], [request])
    assert rows == [
        ("00:00:02.000 raise/1: sends quota.raise to quota/acc-7", ""),
        ("", "00:00:03.000 request 4: POST /read_back/acc-7/add {}"),
        ("             no outcome", "             no effect, no reply"),
    ]
    assert unanswered([intent]) == ["raise/1"]
    assert unanswered([intent, outcome]) == []
