"""Each of the five decisions after each kind of stop: every cell of the table is a test, on a real target."""

import fcntl
import os
import pickle
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from agents.models.port import Answer, Prompt
from evals.storm.target import Target
from policies.decisions import CHOICES, KINDS
from tests.flow import kit

FLAGGED = "seen.value == inputs.goal && flag.value == 0"
EVIDENCE = "I have looked at the target myself."


def undo_to(number: int) -> dict[str, Any]:
    shown = f"seen.value == {number}"
    return {
        "tool": "things.set",
        "with": {"thing": "{inputs.thing}", "number": number},
        "timeout": "5s",
        "verify": [{"id": f"back-to-{number}", "expect": shown}],
        "probe": {"observe": "seen", "applied_when": shown, "absent_when": f"!({shown})"},
    }


def twice(name: str, **second: Any) -> dict[str, Any]:
    """Two steps: the first sets the goal and can be undone, the second adds to it."""
    more = "seen.value == inputs.goal + inputs.goal"
    return kit.book(
        name,
        kit.step("first", "set", rollback=undo_to(0)),
        kit.step("second", rollback=undo_to(kit.GOAL), verify=[{"id": "more", "expect": more}], **second),
        preconditions=None,
        completion=[{"id": "at-twice", "expect": more}],
    )


@dataclass(frozen=True, kw_only=True)
class Stop:
    """One way to stop for a human. ``cells``: choice -> code of a refusal, or (end, reason, sends after)."""

    book: dict[str, Any]
    reason: str
    cells: dict[str, Any]
    faults: tuple[dict[str, Any], ...] = ()
    flag: tuple[dict[str, Any], ...] = ()
    before: Callable[[kit.House, str], None] = lambda house, thing: None
    begun: Callable[[kit.House, str, str], None] = lambda house, run, thing: None
    after: Callable[[kit.House, str], None] = lambda house, run: None
    words: dict[str, dict[str, str]] = field(default_factory=dict)
    entry: dict[str, Any] = field(default_factory=dict)


DONE = ("closed_by_human", "marked_done", 0)
ABORTED = ("closed_by_human", "aborted", 0)


def went(sends: int) -> tuple[str, str, int]:
    return ("completed", "verified", sends)


def again(reason: str) -> tuple[None, str, int]:
    return (None, reason, 0)


def cells(
    resume: Any, retry_once: Any, roll_back: Any, mark_done: Any = DONE, abort: Any = ABORTED
) -> dict[str, Any]:
    return {
        "resume": resume,
        "retry_once": retry_once,
        "mark_done": mark_done,
        "roll_back": roll_back,
        "abort": abort,
    }


def fault(kind: str, **said: Any) -> tuple[dict[str, Any], ...]:
    return ({"kind": kind, **said},)


ONCE_UNREADABLE = fault("unavailable", on="read", times=1)
SLOWLY = {
    "budget": 1,
    "after": ["not_applied"],
    "backoff": {"initial": "2500ms", "factor": 1, "max": "2500ms", "jitter": "none"},
}


def change(to: int) -> Callable[[kit.House, str], None]:
    return lambda house, thing: house.target.change(thing, to)  # type: ignore[return-value]


def moved_before_the_send(house: kit.House, run: str, thing: str) -> None:
    house.at[run, "intent_durable"] = partial(house.target.change, thing, 0)


def cancelled_behind_the_send(house: kit.House, run: str, thing: str) -> None:
    house.at[run, "outcome_durable"] = partial(house.say, run, "cancel", {"reason": "no need"}, by="ann")


def six_idle_claims(house: kit.House, run: str, thing: str) -> None:
    for _ in range(5):
        holder = house.engine.claimant.take(run)
        assert holder is not None
        house.app.ledger.release(run, holder.epoch)


def carried_elsewhere(house: kit.House, run: str, thing: str) -> None:
    house.carried_elsewhere(run, until="before_send")


def said(answer: str) -> Callable[[kit.House, str], None]:
    def answered(house: kit.House, run: str) -> None:
        for asked in house.task(run).confirmations.values():
            if asked.answer is None:
                house.say(run, "confirm", {"op": asked.op, "digest": asked.digest, "answer": answer})

    return answered


UNSETTLED = {c: {"add/1": "not_applied"} for c in CHOICES}

STOPS: dict[str, Stop] = {
    "ambiguous": Stop(
        book=kit.book("ambiguous", kit.step(kind="none")),
        reason="ambiguous",
        faults=fault("error_before"),
        words=UNSETTLED,
        cells=cells(went(1), went(1), "nothing_to_undo"),
    ),
    "unproven": Stop(
        book=kit.book("unproven", kit.step(kind="none")),
        reason="unproven_sender",
        begun=carried_elsewhere,
        cells=cells(*["attest_first"] * 5),
    ),
    "refused": Stop(
        book=kit.book("refused"),
        reason="refused",
        faults=fault("refused"),
        cells=cells(again("refused"), went(1), "nothing_to_undo"),
    ),
    "exhausted": Stop(
        book=kit.book("exhausted"),
        reason="retries_exhausted",
        faults=fault("unavailable", times=2),
        cells=cells(again("retries_exhausted"), went(1), "nothing_to_undo"),
    ),
    "failed": Stop(
        book=kit.book("failed"),
        reason="verify_failed",
        faults=fault("claimed"),
        cells=cells(again("verify_failed"), "not_repeatable", "nothing_to_undo"),
    ),
    "failed-set": Stop(
        book=kit.book("failed-set", kit.step("set", "set")),
        reason="verify_failed",
        faults=fault("claimed"),
        cells=cells(again("verify_failed"), went(1), "nothing_to_undo"),
    ),
    "failed-behind-another": Stop(
        book=twice("failed-behind-another"),
        reason="verify_failed",
        faults=(*fault("none"), *fault("claimed")),
        cells=cells(again("verify_failed"), "not_repeatable", ("rolled_back", "decided", 1)),
    ),
    "unknown": Stop(
        book=kit.book("unknown", kit.step(verify=[{"id": "flagged", "expect": FLAGGED}])),
        reason="verify_unknown",
        flag=ONCE_UNREADABLE,
        cells=cells(went(0), "not_repeatable", "no_undo"),
    ),
    "conflict": Stop(
        book=kit.book("conflict", kit.step(conflict_if="attempt.seen.version > 1")),
        reason="conflict",
        before=change(0),
        cells=cells(went(1), went(1), "nothing_to_undo"),
    ),
    "moved": Stop(
        book=kit.book("moved", kit.step(kind="conditional_write")),
        reason="conflict",
        begun=moved_before_the_send,
        cells=cells(went(1), went(1), "nothing_to_undo"),
    ),
    "precondition": Stop(
        book=kit.book("precondition"),
        reason="precondition_failed",
        before=change(3),
        cells=cells(again("precondition_failed"), again("precondition_failed"), "nothing_to_undo"),
    ),
    "denied": Stop(
        book=kit.book("denied"),
        reason="denied",
        entry={"resources": {"things/*": ["thing/other-*"]}},
        cells=cells(again("denied"), again("denied"), "nothing_to_undo"),
    ),
    "deadline": Stop(
        book=kit.book("deadline", kit.step(retry=SLOWLY), limits=kit.limits(2, deadline="2s")),
        reason="deadline_passed",
        faults=fault("unavailable"),
        cells=cells(went(1), went(1), "nothing_to_undo"),
    ),
    "resource": Stop(
        book=kit.book("resource", limits=kit.limits(2, attempts_on_resource={"max": 1, "per": "1h"})),
        reason="resource_exhausted",
        faults=fault("unavailable"),
        cells=cells(again("resource_exhausted"), went(1), "nothing_to_undo"),
    ),
    "writes": Stop(
        book=kit.book("writes", limits=kit.limits(1)),
        reason="writes_exhausted",
        faults=fault("unavailable"),
        cells=cells(again("writes_exhausted"), went(1), "nothing_to_undo"),
    ),
    "confirm-no": Stop(
        book=kit.book("confirm-no"),
        reason="confirmation_refused",
        entry={"mode": "confirm"},
        after=said("no"),
        cells=cells(again("confirmation_refused"), again("confirmation_refused"), "nothing_to_undo"),
    ),
    "unreadable": Stop(
        book=kit.book(
            "unreadable",
            bindings={
                "bound": {
                    "tool": "things.get",
                    "with": {"thing": "{inputs.thing}-flag"},
                    "identity": "bound.value == 0",
                }
            },
        ),
        reason="unreadable",
        flag=fault("unavailable", on="read", times=3),
        cells=cells(went(1), went(1), "nothing_to_undo"),
    ),
    "stuck": Stop(
        book=kit.book("stuck"),
        reason="stuck",
        begun=six_idle_claims,
        cells=cells(went(1), went(1), "nothing_to_undo"),
    ),
    "cancel": Stop(
        book=kit.book("cancel"),
        reason="cancel_blocked",
        begun=cancelled_behind_the_send,
        cells=cells(went(0), "nothing_to_send", "no_undo"),
    ),
    "model": Stop(
        book=kit.book("model", limits=kit.limits(2, model={"calls": 1, "tokens": 9_000})),
        reason="model",
        faults=fault("claimed"),
        cells=cells(again("verify_failed"), "not_repeatable", "nothing_to_undo"),
    ),
    "rollback": Stop(
        book=twice("rollback", on_refused="roll_back"),
        reason="rollback",
        faults=(*fault("none"), *fault("refused", times=2)),
        cells=cells(again("rollback"), ("rolled_back", "refused", 1), "rolling_back"),
    ),
    "completion-failed": Stop(
        book=kit.book(
            "completion-failed",
            completion=[{"id": "flagged", "expect": "seen.value == inputs.goal && flag.value == 1"}],
        ),
        reason="verify_failed",
        cells=cells(again("verify_failed"), "nothing_to_send", "no_undo"),
    ),
    "completion-unknown": Stop(
        book=kit.book("completion-unknown", completion=[{"id": "flagged", "expect": FLAGGED}]),
        reason="verify_unknown",
        flag=ONCE_UNREADABLE,
        cells=cells(went(0), "nothing_to_send", "no_undo"),
    ),
}


class Stopper:
    """A model that always wants to stop."""

    model_id, consults = "stopper", True

    def answer(self, prompt: Prompt, schema: Any, *, timeout_s: float, max_tokens: int) -> Answer[Any]:
        return Answer(value=schema(move="escalate", reason="it looks odd"), tokens=1, model_id=self.model_id)


@dataclass(kw_only=True)
class Cell:
    """What was seen of one cell."""

    run: str
    reason: str = ""
    offered: bool = False
    answer: str = ""
    end: tuple[str | None, str] = (None, "")
    sends: int = 0


Cells = dict[tuple[str, str], Cell]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, target: Target) -> Callable[[int], Cells]:
    """What was seen, by group: made when the first of its cells is asked for, once for all test processes."""
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    known: dict[int, Cells] = {}

    def of(group: int) -> Cells:
        if group not in known:
            file = shared / f"decisions-{group}.pickle"
            with (shared / f"decisions-{group}.lock").open("w") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                if not file.exists():
                    cells = seen(GROUPS[group], tmp_path_factory.mktemp("decisions"), target)
                    file.write_bytes(pickle.dumps(cells))
            known[group] = pickle.loads(file.read_bytes())  # noqa: S301 - written by this test run
        return known[group]

    return of


def seen(group: tuple[str, ...], folder: Path, target: Target) -> Cells:
    """Every cell of some stops, all at once: runs stop, decisions are posted, and the worker goes on."""
    stops = {name: STOPS[name] for name in group}
    kit.write_desk(folder, [s.book for s in stops.values()], entries={n: s.entry for n, s in stops.items()})
    kit.approve(folder, target)
    with kit.at_work(folder, target, model=Stopper()) as house:
        found = {(n, c): Cell(run=_stopped(house, n, s, c)) for n, s in stops.items() for c in CHOICES}
        house.drain()
        for (name, _), cell in found.items():
            stops[name].after(house, cell.run)
        house.drain()
        before = {key: len(house.sends(thing_of(*key))) for key in found}
        posted = {key: _decided(house, stops[key[0]], key[1], cell) for key, cell in found.items()}
        house.drain()
        for (name, _), cell in found.items():
            stops[name].after(house, cell.run)
        house.drain()
        for key, cell in found.items():
            task = house.task(cell.run)
            cell.answer = house.answer(cell.run, posted[key])
            cell.end = (task.closed, task.open_escalation.reason if task.open_escalation else task.reason)
            cell.sends = len(house.sends(thing_of(*key))) - before[key]
    return found


def thing_of(name: str, choice: str) -> str:
    return f"{name}-{choice}".replace("_", "-")


def _stopped(house: kit.House, name: str, stop: Stop, choice: str) -> str:
    thing = thing_of(name, choice)
    if stop.flag:
        house.fault(f"{thing}-flag", *stop.flag)
    stop.before(house, thing)
    run = house.submit(name, thing, faults=stop.faults)
    stop.begun(house, run, thing)
    return run


def _decided(house: kit.House, stop: Stop, choice: str, cell: Cell) -> str:
    task = house.task(cell.run)
    assert task.open_escalation is not None, (stop.book["id"], choice, task.closed, task.waiting)
    cell.reason = task.open_escalation.reason
    if stop.words:
        kit.until(lambda: house.settled(cell.run))
    cell.offered = next(o["allowed"] for o in house.packet(cell.run)["options"] if o["id"] == choice)
    return house.decide(cell.run, choice, words=stop.words.get(choice), evidence=EVIDENCE)


# Stops that take long are made together, so that they are waited for once.
SLOW = ("ambiguous", "unproven", "unreadable", "deadline")
FAST = tuple(n for n in STOPS if n not in SLOW)
GROUPS = (SLOW + FAST[:2], FAST[2:11], FAST[11:])
CELLS = [pytest.param(i, n, c, id=f"{n}:{c}") for i, g in enumerate(GROUPS) for n in g for c in CHOICES]


@pytest.mark.parametrize(("group", "name", "choice"), CELLS)
def test_a_decision_does_what_the_table_says(
    group: int, name: str, choice: str, made: Callable[[int], Cells]
) -> None:
    cell, expected = made(group)[name, choice], STOPS[name].cells[choice]
    assert cell.reason == STOPS[name].reason
    if isinstance(expected, str):
        assert (cell.answer, cell.end, cell.sends) == (expected, (None, STOPS[name].reason), 0)
        assert not cell.offered or STOPS[name].words  # what a word rules out is known only once it is said
    else:
        assert (cell.answer, *cell.end, cell.sends) == ("taken", *expected)
        assert cell.offered


BESIDE = {"confirmation_expired", "tools_unavailable"}  # the one below, the other in test_flow_wedges


def test_every_reason_for_a_stop_is_in_the_table() -> None:
    missing = set(KINDS) - {s.reason for s in STOPS.values()} - BESIDE
    assert missing == set()
