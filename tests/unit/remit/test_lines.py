import pytest

from remit.cli.door import plain
from remit.cli.lines import _SAYINGS, MAX, line_of, repeats
from state.entry import Draft, Head, Kind, seal

DESK_KINDS = {
    Kind.APPROVED, Kind.LOADED, Kind.STOPPED, Kind.STARTED, Kind.TURNED_AWAY, Kind.SIGNED,
    Kind.CLOSED_RAW, Kind.ERASED,
}  # fmt: skip


def entry(kind, **body):
    draft = Draft(kind=kind, body=body)
    return seal(draft, run="R", head=Head(), at="2026-11-23T21:00:00.000000Z", epoch=1, code="t")


def test_every_kind_of_entry_of_a_run_has_its_line():
    ours = set(Kind) - DESK_KINDS
    assert ours <= set(_SAYINGS)


def test_a_worker_that_takes_up_its_own_run_is_not_said_to_follow_somebody():
    claim = {"worker": "w2", "pid": 7}
    own = {"epoch": 1, "worker": "w2", "ended": "released"}
    others = {"epoch": 1, "worker": "w1", "ended": "lease_expired"}
    assert line_of(entry(Kind.CLAIMED, **claim, predecessor=own)) == "taken up again by worker w2 (pid 7)"
    assert line_of(entry(Kind.CLAIMED, **claim, predecessor=others)) == (
        "taken by worker w2 (pid 7), after the lease of worker w1 was over"
    )
    assert line_of(entry(Kind.CLAIMED, **claim, predecessor=None)) == "taken by worker w2 (pid 7)"


def test_a_line_is_one_line_and_short():
    line = line_of(entry(Kind.REJECTED, code="x", message="a\nb" + "c" * 500))
    assert "\n" not in line
    assert len(line) == MAX


def test_rounds_that_say_the_same_are_shown_once():
    before = {}
    failed = {"scope": "completion", "check": "c", "verdict": "fail", "observed": "503"}
    rounds = [failed, failed, {**failed, "verdict": "pass", "observed": "200"}, failed]
    assert [repeats(entry(Kind.VERIFIED, **b), before) for b in rounds] == [False, True, False, False]
    assert not repeats(entry(Kind.CONFIRMED, op="a/1"), before)


@pytest.mark.parametrize("text", ["\x1b[2Jgone", "a\u202eb", "a\rb", "a\u200bb", "bell\x07"])
def test_what_a_target_says_cannot_move_the_cursor_or_hide(text):
    shown = plain(text)
    assert all(c.isprintable() for c in shown)
    assert len(shown) == len(text)
