"""What a human may decide when a run has stopped, what each decision does there, and whether one is taken.

``KINDS`` sorts the reasons of a stop; ``TABLE`` says for each kind what each of the five choices does.
``offers`` answers which of them are open now; ``judge`` takes or refuses one. Pure: who decides with which
roles, and the time, come in as values.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from policies import flight
from policies.moment import Moment
from policies.moves import due
from policies.plan import Plan
from policies.situation import Situation
from state import canonical
from state.outcome import Known, Outcome
from state.task import Escalation, Operation, Task

CHOICES: Final = ("resume", "retry_once", "mark_done", "roll_back", "abort")
WORDS: Final = ("applied", "not_applied", "unknown")
BASIS_DIGITS: Final = 8
COMPLETION_ROW: Final = 23

_ENDS: Final = {
    "mark_done": "ends the run as closed_by_human; what was verified is listed",
    "abort": "ends the run as closed_by_human (aborted); its effects stay, its hold is freed",
}
_BACK: Final = {"roll_back": "undoes every effect, the newest first, and proves it"}

# kind of stop -> choice -> what it does
TABLE: Final[Mapping[str, Mapping[str, str]]] = MappingProxyType(
    {
        "unsettled": {
            "resume": "takes your word on the open effect and goes on from there",
            "retry_once": "sends the same write once more, under the same key where the target honours it",
            **_BACK,
            **_ENDS,
        },
        "operation": {
            "resume": "observes the open step again; goes on if its check now passes",
            "retry_once": "observes the open step again; sends it once more if its check still fails",
            **_BACK,
            **_ENDS,
        },
        "before_write": {
            "resume": "reads everything again and goes on if nothing stands in the way any more",
            "retry_once": "reads everything again and allows one more send beyond the budgets",
            **_BACK,
            **_ENDS,
        },
        "completion": {
            "resume": "observes again; completes if the checks now pass",
            "retry_once": "sends nothing: all steps are confirmed",
            **_BACK,
            **_ENDS,
        },
        "rollback": {
            "resume": "goes on rolling back, with fresh tries",
            "retry_once": "sends the open compensation once more if its check still fails",
            "roll_back": "changes nothing: the run rolls back already",
            **_ENDS,
        },
    }
)

# reason of a stop -> its kind; verify_failed and verify_unknown of the completion are of kind ``completion``
KINDS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "ambiguous": "unsettled", "unproven_sender": "unsettled",
        "verify_failed": "operation", "verify_unknown": "operation", "refused": "operation",
        "retries_exhausted": "operation",
        "conflict": "before_write", "precondition_failed": "before_write", "denied": "before_write",
        "deadline_passed": "before_write", "writes_exhausted": "before_write",
        "resource_exhausted": "before_write",
        "confirmation_refused": "before_write", "confirmation_expired": "before_write",
        "unreadable": "before_write", "stuck": "before_write", "cancel_blocked": "before_write",
        "tools_unavailable": "before_write", "model": "before_write",
        "rollback": "rollback",
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """One choice as it stands now. ``needs``: effect (a word, taken in ``not_before_ms``), evidence."""

    id: str
    allowed: bool
    does: str
    code: str = ""
    why: str = ""
    needs: tuple[str, ...] = ()
    not_before_ms: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """A decision that somebody wants to make. ``words``: operation -> applied, not_applied or unknown."""

    escalation: str
    choice: str
    by: str
    basis: str
    words: Mapping[str, str]
    evidence: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """A decision that is not taken: nothing has changed."""

    code: str
    message: str


def kind_of(task: Task, escalation: Escalation) -> str:
    """The row of ``TABLE`` for a stop."""
    if escalation.row == COMPLETION_ROW:
        return "completion"
    return "rollback" if task.direction == "rolling_back" else KINDS[escalation.reason]


def offers(task: Task, plan: Plan, moment: Moment) -> tuple[Offer, ...]:
    """The five choices on the open escalation, each allowed or why not."""
    escalation = task.open_escalation or task.escalation
    if escalation is None:
        return ()
    situation = Situation(task=task, plan=plan, moment=moment)
    does = TABLE[kind_of(task, escalation)]
    return tuple(_OFFERS[choice](situation, does[choice]) for choice in CHOICES)


def basis(task: Task) -> str:
    """The digest of what a decision rests on: which stop it is, effects, verdicts, budgets.

    No time and no clock is part of it: a page, an acknowledgement or a wait that is over does not move it,
    and from every host it is the same. What is offered follows from it and the time (``judge`` asks again).
    """
    stop = task.open_escalation or task.escalation
    return canonical.digest(
        {
            "run": [task.run, task.runbook, task.version, task.target, task.pins.get("bundle")],
            "stop": [stop.id, stop.reason, stop.code, stop.step] if stop is not None else None,
            "operations": [
                [
                    o.id, o.status.value, o.settled.value if o.settled else None, o.known.value, o.word,
                    [
                        [a.number, a.outcome.value if a.outcome else None, a.code, a.detail, a.grounded]
                        for a in o.attempts
                    ],
                ]
                for o in task.operations
            ],
            "verdicts": {s: {c: st.verdict for c, st in checks.items()} for s, checks in task.checks.items()},
            "conditions": {c: state.verdict for c, state in task.conditions.items()},
            "conflicts": [[c.what, c.observed, c.acknowledged] for c in task.conflicts],
            "budgets": [task.writes_used(), task.granted],
            "direction": task.direction.value,
            "cancel": task.cancel,
            "attested": sorted(task.attested),
        }
    )  # fmt: skip


def judge(
    task: Task,
    plan: Plan,
    moment: Moment,
    proposal: Proposal,
    *,
    roles: frozenset[str],
    deciders: frozenset[str],
    enders: frozenset[str] = frozenset(),
) -> Refusal | None:
    """Why ``proposal`` is not taken; None when it is. The first reason in the order of the list counts.

    ``enders``: roles that may abort, because nobody holds one of ``deciders``.
    """
    escalation = task.open_escalation
    if escalation is None or escalation.id != proposal.escalation:
        return decided_already(task, proposal.escalation)
    if not roles & (deciders | enders if proposal.choice == "abort" else deciders):
        return Refusal(code="not_a_decider", message=_who_may(proposal.by, deciders, enders))
    offer = next((o for o in offers(task, plan, moment) if o.id == proposal.choice), None)
    if offer is None:
        return Refusal(code="unknown_choice", message=f"{proposal.choice!r} is none of {', '.join(CHOICES)}")
    if not offer.allowed:
        return Refusal(code=offer.code, message=f"{proposal.choice}: {offer.why}")
    if not same_basis(proposal.basis, basis(task)):
        return Refusal(code="basis_moved", message="the run is not as you saw it; look at the fresh packet")
    return _judge_words(Situation(task=task, plan=plan, moment=moment), offer, proposal)


def _who_may(by: str, deciders: frozenset[str], enders: frozenset[str]) -> str:
    """Why ``by`` may not decide, and who may."""
    needed, end = " or ".join(sorted(deciders)), " or ".join(sorted(enders))
    if not enders:
        return f"{by} may not decide here: needs role {needed}"
    why = f"nobody has a role that decides on this run any more ({needed or 'its delegation was changed'})"
    return f"{why}; it can only be aborted, by role {end}"


def same_basis(given: str, now: str) -> bool:
    """Whether ``given`` names the basis ``now``: whole, or its first digits (at least 8)."""
    digits, present = given.removeprefix("sha256:"), now.removeprefix("sha256:")
    return len(digits) >= BASIS_DIGITS and present.startswith(digits)


def decided_already(task: Task, name: str) -> Refusal:
    """Why nothing can be said any more of the escalation of that id, which is not open."""
    for escalation in task.escalations:
        if escalation.id == name and escalation.decision is not None:
            first = escalation.decision
            return Refusal(
                code="already_decided",
                message=f"{first.by} decided {first.choice} at {first.at}; yours changes nothing",
            )
    return Refusal(code="no_such_escalation", message=f"{name} is no escalation of this run")


def _judge_words(s: Situation, offer: Offer, proposal: Proposal) -> Refusal | None:
    asked = "effect" in offer.needs
    open_ids = {o.id for o in unsettled(s)} if asked else set[str]()
    if strange := set(proposal.words) - open_ids:
        return Refusal(code="word_not_asked", message=f"nothing is open about {', '.join(sorted(strange))}")
    if missing := open_ids - set(proposal.words):
        return Refusal(
            code="word_needed",
            message=f"say what became of it: --effect {min(missing)}=applied|not_applied|unknown",
        )
    if any(w not in WORDS for w in proposal.words.values()):
        return Refusal(code="unknown_word", message=f"an effect is one of {', '.join(WORDS)}")
    if asked and offer.not_before_ms:
        wait_s = -(-offer.not_before_ms // 1000)
        return Refusal(
            code="too_early", message=f"a word on it is taken in {wait_s} s, when nothing can land any more"
        )
    if refusal := _too_little(s, proposal):
        return refusal
    if offer.needs and not proposal.evidence:
        return Refusal(code="evidence_needed", message="this is taken with --evidence FILE only")
    return None


def _too_little(s: Situation, proposal: Proposal) -> Refusal | None:
    """Why the choice does not follow from the words."""
    words = set(proposal.words.values())
    if proposal.choice not in ("mark_done", "abort") and "unknown" in words:
        return Refusal(code="word_not_enough", message="unknown allows done and abort only")
    if proposal.choice == "retry_once" and words - {"not_applied"}:
        return Refusal(code="word_not_enough", message="only what was not applied may be sent again")
    return _nothing_comes_of_it(s, proposal.words) if proposal.choice == "roll_back" else None


def _nothing_comes_of_it(s: Situation, words: Mapping[str, str]) -> Refusal | None:
    """Why the run could not be rolled back once ``words`` are taken."""
    effects = [o for o in s.task.effects if words.get(o.id) != "not_applied"]
    if not effects:
        return Refusal(code="nothing_to_undo", message="by your word nothing was changed; abort ends the run")
    return _not_undoable(s, effects, words)


def unsettled(s: Situation) -> tuple[Operation, ...]:
    """Operations about which only a human's word can say more: their outcome is open, or something flies."""
    return tuple(o for o in s.task.operations if flight.unresolved(s.task, o, s.moment))


def honoured(s: Situation, operation: Operation) -> bool:
    """The target itself settles a double of ``operation`` now."""
    write = s.write_of(operation)
    return (
        flight.own_outcome_open(operation)
        and not (operation.undoes is None and s.rolling_back)
        and operation.word is None
        and not operation.conflicted
        and flight.settles_doubles(s.task, operation, write, s.moment)
    )


def _word(s: Situation, does: str, choice: str, *, evidence: bool = False) -> Offer:
    """An offer that needs a human's word on whatever is unsettled."""
    pending = unsettled(s)
    needs = ("effect", "evidence") if pending else ("evidence",) if evidence else ()
    unproven = [
        a for o in pending for a in flight.unproven(s.task, o, s.moment) if a.epoch not in s.task.attested
    ]
    if unproven:
        return Offer(
            id=choice, allowed=False, does=does, code="attest_first", needs=needs,
            why=f"a sender is not proven dead; state that it is with: remit esc attest-dead {s.task.run}",
        )  # fmt: skip
    left = max((_word_left_ms(s, o) for o in pending), default=0)
    return Offer(id=choice, allowed=True, does=does, needs=needs, not_before_ms=left)


def _word_left_ms(s: Situation, operation: Operation) -> int:
    """Milliseconds until nothing of the operation can land any more, attested senders included."""
    left = 0
    for attempt in operation.attempts:
        if not attempt.undecided:
            continue
        left = max(left, flight.quarantine_left_ms(s.task, attempt, s.moment))
        if flight.licence(s.task, attempt, s.moment) is flight.Licence.UNPROVEN:
            left = max(left, flight.attest_left_ms(s.task, attempt, s.moment))
    return left


def _refused(choice: str, does: str, code: str, why: str) -> Offer:
    return Offer(id=choice, allowed=False, does=does, code=code, why=why)


def _resume(s: Situation, does: str) -> Offer:
    return _word(s, does, "resume")


def _retry_once(s: Situation, does: str) -> Offer:
    if s.task.granted >= s.plan.retry_grants:
        return _refused("retry_once", does, "no_grant", "the runbook grants no (further) retry")
    pending = unsettled(s)
    if pending:
        if len(pending) == 1 and honoured(s, pending[0]):
            return Offer(id="retry_once", allowed=True, does=does)
        return _word(s, does, "retry_once")
    operation = s.open_operation()
    if operation is not None and operation.settled is Outcome.SUCCEEDED:
        if s.write_of(operation).repeatable:
            return Offer(id="retry_once", allowed=True, does=does)
        return _refused("retry_once", does, "not_repeatable", "it succeeded, and doing it twice is not safe")
    if operation is None and due(s) is None:
        return _refused("retry_once", does, "nothing_to_send", "no step is open, and none is due")
    return Offer(id="retry_once", allowed=True, does=does)


def _roll_back(s: Situation, does: str) -> Offer:
    if s.rolling_back:
        return _refused("roll_back", does, "rolling_back", "the run rolls back already")
    pending = {o.id for o in unsettled(s)}
    if not s.task.effects:
        return _refused("roll_back", does, "nothing_to_undo", "nothing was changed")
    why = _not_undoable(s, [o for o in s.task.effects if o.id not in pending], {})
    return _refused("roll_back", does, why.code, why.message) if why else _word(s, does, "roll_back")


def _not_undoable(s: Situation, effects: Sequence[Operation], words: Mapping[str, str]) -> Refusal | None:
    """Why not every one of ``effects`` can be undone once ``words`` are taken."""
    for operation in effects:
        step = s.plan.steps_by_id[operation.step]
        if step.undo is None:
            return Refusal(code="no_undo", message=f"{operation.id} has no inverse: {step.undo_why}")
        known = operation.known is Known.CONFIRMED or words.get(operation.id) == "applied"
        if not known and not step.undo.sets_state:
            return Refusal(code="effect_unknown", message=f"nobody knows whether {operation.id} took effect")
    return None


def _mark_done(s: Situation, does: str) -> Offer:
    return _word(s, does, "mark_done", evidence=True)


def _abort(s: Situation, does: str) -> Offer:
    return _word(s, does, "abort")


_OFFERS: Final[Mapping[str, Callable[[Situation, str], Offer]]] = MappingProxyType(
    {
        "resume": _resume,
        "retry_once": _retry_once,
        "mark_done": _mark_done,
        "roll_back": _roll_back,
        "abort": _abort,
    }
)
