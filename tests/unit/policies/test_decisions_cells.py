"""Every cell of reason x choice: what is offered, why not, and what the run does after it is carried out."""

from collections.abc import Callable, Mapping
from dataclasses import replace

import pytest

from evals.explorer.plans import plan, step
from policies.decisions import CHOICES, KINDS, TABLE, kind_of, offers
from policies.plan import PreconditionPlan
from state import bodies
from state.outcome import Outcome
from tests.decision_kit import BLIND, STATE, UNDO, UNDOABLE, Run

ONCE = replace(STATE, budget=0, retry_after=frozenset({"not_applied"}))
NEEDED = (PreconditionPlan(id="needed"),)


def unreadable() -> Run:
    run = Run(ready=False)
    for _ in range(3):
        run.append(bodies.hydrated(actor="w", problem="no answer")).later(2_000)
    return run.stopped()


def idle() -> Run:
    run = Run()
    for _ in range(5):
        run.claim()
    return run.stopped()


def rollback() -> Run:
    run = Run(UNDOABLE).done().turn("rolling_back")
    for _ in range(2):
        run.sent(Outcome.NOT_APPLIED, "undo:a/1/1", undoes="a/1").later(1_000)
    return run.stopped()


def completion(verdict: str) -> Run:
    return Run(UNDOABLE).done().check(verdict, "completion", check="a-there").stopped()


def refused() -> Run:
    two = plan(step("b", STATE, UNDO), step("a", STATE))
    return Run(two).done("b/1").sent(Outcome.REFUSED).stopped()


def out_of_writes() -> Run:
    two = plan(step("a", STATE, UNDO), step("b", STATE))
    return Run(replace(two, writes=1)).done().stopped()


def unconfirmed() -> Run:
    return Run(UNDOABLE, mode="confirm").ask_confirmation()


STOPS: Mapping[str, Callable[[], Run]] = {
    "ambiguous": lambda: (
        Run(plan(step("a", BLIND, UNDO))).sent(Outcome.UNKNOWN).stopped().later(BLIND.span_ms)
    ),
    "unproven_sender": lambda: (
        Run(plan(step("a", BLIND, UNDO))).intent().claim("B").stopped().attest(1).later(BLIND.span_ms)
    ),
    "verify_failed": lambda: Run(plan(step("a", ONCE, UNDO))).sent(Outcome.SUCCEEDED).check("fail").stopped(),
    "verify_unknown": lambda: Run(UNDOABLE).sent(Outcome.SUCCEEDED).check("unknown").stopped(),
    "refused": refused,
    "retries_exhausted": lambda: Run(plan(step("a", ONCE, UNDO))).sent(Outcome.NOT_APPLIED).stopped(),
    "conflict": lambda: Run(UNDOABLE).conflict().stopped(),
    "precondition_failed": lambda: (
        Run(plan(step("a", STATE, UNDO), preconditions=NEEDED)).condition("fail").stopped()
    ),
    "denied": lambda: Run(UNDOABLE).deny().stopped(),
    "deadline_passed": lambda: Run(replace(UNDOABLE, deadline_ms=1_000)).later(2_000).stopped(),
    "writes_exhausted": out_of_writes,
    "resource_exhausted": lambda: Run(UNDOABLE).escalate("resource_exhausted", row=16, step_id="a"),
    "confirmation_refused": lambda: unconfirmed().signal("confirm", op="a/1", answer="no").stopped(),
    "confirmation_expired": lambda: unconfirmed().later(60_000).stopped(),
    "unreadable": unreadable,
    "stuck": idle,
    "tools_unavailable": lambda: Run(UNDOABLE).escalate("tools_unavailable"),
    "cancel_blocked": lambda: Run().done().cancel().stopped(),
    "model": lambda: Run(UNDOABLE).escalate("model"),
    "rollback": rollback,
    "completion: verify_failed": lambda: completion("fail"),
    "completion: verify_unknown": lambda: completion("unknown"),
}

SEND, LOOK, UNDOES, NOTHING = "Send/21", "Observe/11", "Send/21 undo", "-nothing_to_undo"
_BEFORE = {"resume": SEND, "retry_once": SEND, "roll_back": NOTHING}
_WORD = {"resume": LOOK, "retry_once": LOOK, "roll_back": UNDOES}
_ASKS = {"resume": "AskConfirmation/20", "retry_once": "AskConfirmation/20", "roll_back": NOTHING}

# What the run does next, or (with a dash) why the choice is not there. The ends are the same everywhere.
CELLS: Mapping[str, Mapping[str, str]] = {
    "ambiguous": _WORD,
    "unproven_sender": _WORD,
    "verify_failed": {"resume": LOOK, "retry_once": LOOK, "roll_back": UNDOES},
    "verify_unknown": {"resume": LOOK, "retry_once": LOOK, "roll_back": UNDOES},
    "refused": {"resume": LOOK, "retry_once": LOOK, "roll_back": UNDOES},
    "retries_exhausted": {"resume": LOOK, "retry_once": LOOK, "roll_back": NOTHING},
    "conflict": _BEFORE,
    "precondition_failed": {
        "resume": "CheckPreconditions/18",
        "retry_once": "CheckPreconditions/18",
        "roll_back": NOTHING,
    },
    "denied": _BEFORE,
    "deadline_passed": _BEFORE,
    "writes_exhausted": {"resume": "Escalate/16", "retry_once": SEND, "roll_back": UNDOES},
    "resource_exhausted": _BEFORE,
    "confirmation_refused": _ASKS,
    "confirmation_expired": _ASKS,
    "unreadable": {"resume": "Bind/17", "retry_once": "Bind/17", "roll_back": NOTHING},
    "stuck": _BEFORE,
    "tools_unavailable": _BEFORE,
    "cancel_blocked": {"resume": "Observe/23", "retry_once": "-nothing_to_send", "roll_back": "-no_undo"},
    "model": _BEFORE,
    "rollback": {"resume": LOOK, "retry_once": LOOK, "roll_back": "-rolling_back"},
    "completion: verify_failed": {
        "resume": "Observe/23",
        "retry_once": "-nothing_to_send",
        "roll_back": UNDOES,
    },
    "completion: verify_unknown": {
        "resume": "Observe/23",
        "retry_once": "-nothing_to_send",
        "roll_back": UNDOES,
    },
}


def word_for(run: Run, choice: str) -> dict[str, str]:
    """The word that lets ``choice`` through, where one is asked."""
    offer = next(o for o in offers(run.task, run.plan, run.moment()) if o.id == choice)
    if "effect" not in offer.needs:
        return {}
    return {"a/1": {"retry_once": "not_applied", "resume": "not_applied"}.get(choice, "applied")}


def next_of(run: Run) -> str:
    move = run.move()
    undo = " undo" if getattr(move, "undoes", None) else ""
    return f"{type(move).__name__}/{move.row}{undo}"


def test_there_is_a_stop_and_a_cell_for_every_reason_there_is() -> None:
    plain = {name for name in STOPS if ":" not in name}
    assert plain == set(KINDS)
    assert set(CELLS) == set(STOPS)
    assert all(set(cells) == set(CHOICES) - {"mark_done", "abort"} for cells in CELLS.values())
    assert set(KINDS.values()) | {"completion"} == set(TABLE)
    assert all(set(does) == set(CHOICES) for does in TABLE.values())


@pytest.mark.parametrize("reason", STOPS)
def test_the_stop_is_of_that_reason_and_kind(reason: str) -> None:
    run = STOPS[reason]()
    escalation = run.task.open_escalation
    assert escalation is not None
    assert escalation.reason == reason.rpartition(": ")[2]
    wanted = "completion" if ":" in reason else KINDS[reason]
    assert kind_of(run.task, escalation) == wanted
    assert [o.does for o in offers(run.task, run.plan, run.moment())] == [TABLE[wanted][c] for c in CHOICES]


@pytest.mark.parametrize("choice", ["resume", "retry_once", "roll_back"])
@pytest.mark.parametrize("reason", STOPS)
def test_a_choice_that_goes_on(reason: str, choice: str) -> None:
    run, wanted = STOPS[reason](), CELLS[reason][choice]
    words = word_for(run, choice)
    if wanted.startswith("-"):
        assert run.refusal(choice, words) == wanted[1:]
        return
    run.decide(choice, words)
    assert next_of(run) == "CarryOut/6"
    run.grant()
    assert next_of(run) == wanted
    assert run.task.cancel is None
    assert run.task.granted == (choice == "retry_once")


@pytest.mark.parametrize("choice", ["mark_done", "abort"])
@pytest.mark.parametrize("reason", STOPS)
def test_a_choice_that_ends(reason: str, choice: str) -> None:
    run = STOPS[reason]()
    run.decide(choice, word_for(run, choice))
    assert next_of(run) == "Close/5"
    run.append(bodies.closed(state="closed_by_human", reason=choice, by="alice"))
    assert next_of(run) == "Done/0"
