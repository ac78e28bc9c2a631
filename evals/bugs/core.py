"""Bugs of the decision core: what may still land, what is due, what is proven, and what the fold says."""

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any, Final

from evals.bugs.bug import Bug, Swap, bug
from policies import decisions, flight, guards
from policies.checks import CheckView, Standing
from policies.guards import GUARDS, Allowed, Guards
from policies.in_force import Policy
from policies.move import Close, Move
from policies.moves import table
from policies.plan import WritePlan
from policies.situation import Situation
from state import holder
from state.entry import Kind
from state.evolve import evolve
from state.fold import reduce
from state.projection import row_of
from state.task import Task


def without_guards(*names: str) -> Sequence[Swap]:
    """The gateway's table without these guards."""
    assert {*names} <= {g.name for g in GUARDS.write}, names
    fewer = Guards(write=tuple(g for g in GUARDS.write if g.name not in names), read=GUARDS.read)
    return [(guards, "GUARDS", fewer)]


def with_row(name: str, row: Callable[[Situation], Move | None]) -> Swap:
    """The decision table with another row in the place of the one of that name."""
    assert any(r.__name__ == name for r in table.ROWS), name
    return (table, "ROWS", tuple(row if r.__name__ == name else r for r in table.ROWS))


def _never(situation: Situation) -> Move | None:
    del situation
    return None


@bug("no_quarantine", "flight", "a look counts at once, although the request may still land")
def no_quarantine() -> Sequence[Swap]:
    """Nothing is waited out."""
    return [(flight, "quarantine_left_ms", lambda *_: 0)]


@bug("blind_resend", "flight", "every target is believed to settle a second send")
def blind_resend() -> Sequence[Swap]:
    """Every kind absorbs."""
    return [(flight, "settles_doubles", lambda *_: True)]


@bug("unproven_licensed", "flight", "a sender that may still send licenses another send")
def unproven_licensed() -> Sequence[Swap]:
    """Everybody is proven dead."""
    return [(flight, "licence", lambda *_: flight.Licence.PROVEN_DEAD)]


@bug("window_ignored", "flight", "a key is sent when the target has forgotten it")
def window_ignored() -> Sequence[Swap]:
    """A key is good for ever."""
    return [(flight, "key_ms_left", lambda *_: 1)]


@bug("nothing_flies", "flight", "what may still land is taken for settled once its operation is")
def nothing_flies() -> Sequence[Swap]:
    """No attempt flies."""
    return [(flight, "_flies", lambda *_: False)]


@bug("word_early", "decisions", "a human's word is taken while the request may still land")
def word_early() -> Sequence[Swap]:
    """No offer has to wait."""
    offers = decisions.offers

    def early(*given: Any) -> Any:
        return tuple(replace(offer, not_before_ms=0) for offer in offers(*given))

    return [(decisions, "offers", early)]


@bug("anybody_decides", "decisions", "every decision is taken, whoever makes it on whatever basis")
def anybody_decides() -> Sequence[Swap]:
    """No decision is judged."""
    return [(decisions, "judge", lambda *_, **__: None)]


@bug("stale_basis", "decisions", "a decision on what is not so any more is taken")
def stale_basis() -> Sequence[Swap]:
    """Every basis is the present one."""
    return [(decisions, "same_basis", lambda *_: True)]


@bug("early_verify", "moves", "the end state is looked at before the read lag is over")
def early_verify() -> Sequence[Swap]:
    """No read lags."""
    return [
        (Situation, "operation_lag_left_ms", lambda *_: 0),
        (Situation, "longest_lag_left_ms", lambda *_: 0),
    ]


@bug("unchecked_completion", "moves", "a run completes although its completion was not looked at")
def unchecked_completion() -> Sequence[Swap]:
    """Completion passes unseen."""
    standing = Situation.standing

    def passes(self: Situation, scope: str, checks: Any) -> CheckView:
        view = standing(self, scope, checks)
        return replace(view, standing=Standing.PASS) if scope == "completion" else view

    return [(Situation, "standing", passes)]


@bug("unchecked_rollback", "moves", "a run ends rolled back although nothing was undone")
def unchecked_rollback() -> Sequence[Swap]:
    """Rolling back ends at once."""

    def row(s: Situation) -> Move | None:
        return Close(row=22, state="rolled_back", reason="refused") if s.rolling_back else None

    return [with_row("row_15_not_applied", row), (Situation, "undo_slots", lambda _: iter(()))]


@bug("rollback_completes", "moves", "a run that rolled back ends completed")
def rollback_completes() -> Sequence[Swap]:
    """Row 22 closes with the other word."""
    right = next(r for r in table.ROWS if r.__name__ == "row_22_rolled_back")

    def row(s: Situation) -> Move | None:
        move = right(s)
        return replace(move, state="completed", packet=False) if isinstance(move, Close) else move

    return [with_row("row_22_rolled_back", row)]


@bug("budget_from_memory", "moves", "tries are counted in the process and not in the ledger")
def budget_from_memory() -> Sequence[Swap]:
    """The step's budget never runs out."""
    return [(Situation, "step_left", lambda *_: True), *without_guards("budgets")]


@bug("takeover_refills", "moves", "a takeover gives the step's budget afresh")
def takeover_refills() -> Sequence[Swap]:
    """Attempts of earlier epochs are not counted."""

    def sends(task: Task, operations: Any) -> int:
        return sum(a.counts and a.epoch == task.epoch for o in operations for a in o.attempts)

    def used(self: Situation, slot: Any) -> int:
        return max(0, sends(self.task, self.operations(slot)) - 1)

    def left(self: Situation) -> bool:
        return sends(self.task, self.task.forward) < self.plan.writes

    return [(Situation, "step_used", used), (Situation, "writes_left", left), *without_guards("budgets")]


@bug("writes_unlimited", "moves", "limits.writes and the deadline are not asked")
def writes_unlimited() -> Sequence[Swap]:
    """There is always one more write, and always time."""
    return [
        (Situation, "writes_left", lambda _: True),
        (Situation, "deadline_passed", lambda _: False),
        *without_guards("budgets"),
    ]


@bug("escalation_sends", "moves", "a run goes on although a human is asked")
def escalation_sends() -> Sequence[Swap]:
    """Row 4 does not hold it."""
    return [with_row("row_4_open_escalation", _never), *without_guards("live", "order", "resolved")]


@bug("cancel_leaves_effects", "moves", "a cancelled run ends as if nothing was done")
def cancel_leaves_effects() -> Sequence[Swap]:
    """It closes cancelled whatever is open."""

    def row(s: Situation) -> Move | None:
        cancelled = s.task.cancel is not None and not s.task.open_escalation
        return Close(row=12, state="cancelled", reason="cancelled") if cancelled else None

    return [with_row("row_6b_without_tools", row)]


@bug("unconfirmed_write", "guards", "mode confirm sends without a human")
def unconfirmed_write() -> Sequence[Swap]:
    """Nobody is asked."""
    return [with_row("row_20_confirmation", _never), *without_guards("confirmation")]


@bug("withdrawal_ignored", "guards", "a delegation that was withdrawn still allows")
def withdrawal_ignored() -> Sequence[Swap]:
    """The present policy is not asked."""
    return without_guards("in_force")


@bug("denial_forgotten", "guards", "a write that was denied is sent at the next look")
def denial_forgotten() -> Sequence[Swap]:
    """Every other look lets everything through."""
    looks = iter(range(10**9))
    check = Guards.check_write

    def forgets(self: Guards, call: Any, context: Any) -> Any:
        verdict = check(self, call, context)
        return verdict if next(looks) % 2 == 0 or not hasattr(verdict, "code") else _allowed(call)

    return [(Guards, "check_write", forgets), with_row("row_19_denied", _never)]


def _allowed(call: Any) -> Any:
    """What the guards say where nothing stands against a call."""
    return Allowed(digest=call.digest)


@bug("pins_of_the_present", "admission", "a run is pinned to other digests than those of its bundle")
def pins_of_the_present() -> Sequence[Swap]:
    """One pin is of another document."""

    def pins(self: Policy) -> dict[str, str]:
        return {"bundle": self.bundle.digest, **self.bundle.parts, "contracts": "sha256:" + "0" * 64}

    return [(Policy, "pins", property(pins))]


@bug("span_of_the_present", "plan", "the quarantine is not the one of the pinned contract")
def span_of_the_present() -> Sequence[Swap]:
    """A quarantine lasts a moment."""
    return [(WritePlan, "span_ms", property(lambda _: 1))]


@bug("fold_reads_clock", "fold", "the fold says something else each time")
def fold_reads_clock() -> Sequence[Swap]:
    """The time spent is that of this process."""
    right = reduce.HANDLERS[Kind.CLAIMED]

    def claimed(task: Task, entry: Any) -> Task:
        return evolve(right(task, entry), model_tokens=time.perf_counter_ns())

    return [(reduce, "HANDLERS", MappingProxyType({**reduce.HANDLERS, Kind.CLAIMED: claimed}))]


@bug("unknown_is_absent", "fold", "an outcome that is not known is folded as not applied")
def unknown_is_absent() -> Sequence[Swap]:
    """Unknown becomes definite."""
    right = reduce.HANDLERS[Kind.OUTCOME]

    def outcome(task: Task, entry: Any) -> Task:
        said = {**entry.body, "outcome": "not_applied"} if entry.body["outcome"] == "unknown" else entry.body
        return right(task, replace(entry, body=said))

    return [(reduce, "HANDLERS", MappingProxyType({**reduce.HANDLERS, Kind.OUTCOME: outcome}))]


def _row(**wrong: Callable[[Task], Any]) -> Sequence[Swap]:
    def row(task: Task) -> Any:
        return replace(row_of(task), **{name: made(task) for name, made in wrong.items()})

    return [(holder, "row_of", row)]


@bug("outbox_row_missing", "projection", "an escalation pages nobody: its row is not written")
def outbox_row_missing() -> Sequence[Swap]:
    """No notice is ever to be delivered."""
    return _row(outbox=lambda _: ())


@bug("derived_table_lies", "projection", "a run's row says another due time than its chain")
def derived_table_lies() -> Sequence[Swap]:
    """A run is due when it was created."""
    return _row(due_at=lambda task: task.created_at)


@bug("hold_given_back_early", "projection", "the hold is released while the run still waits for a human")
def hold_given_back_early() -> Sequence[Swap]:
    """An escalated run holds nothing."""
    return _row(holds=lambda task: () if task.open_escalation else task.holds)


BUGS: Final = tuple(each for each in list(globals().values()) if isinstance(each, Bug))
