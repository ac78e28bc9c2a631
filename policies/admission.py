"""Whether a request becomes a run: a table of questions, first refusal wins, any error is a refusal.

Pure: counts, stops and the time come in as values. What is admitted carries everything that the run is
pinned to; what is rejected says why, by a stable code.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final

from policies.approval import Principals
from policies.delegation import WEEK_MINUTES, Window
from policies.errors import ExpressionError, TemplateError
from policies.expressions import Truth, compile_expression
from policies.in_force import Policy
from policies.inputs import read_inputs
from policies.runbook import Refuse
from policies.templates import lookup, render_resource
from policies.text import flaw
from state import canonical, instants

MAX_REQUEST: Final = 4000  # characters of free text
MAX_CRITERIA: Final = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A request that has been read: which inputs, by whom, and what else its author wants to see true.

    ``text``: the free text it came as, if any; ``text_door``: inputs are text and are read as such.
    """

    requester: str
    source: str
    inputs: Mapping[str, Any]
    text: str = ""
    text_door: bool = True
    criteria: tuple[str, ...] = ()
    delivery: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What the ledger says at this moment.

    ``stops``: scopes that are stopped; ``live`` and ``recent``: runs of the runbook that live, and that were
    admitted in the span of its rate; ``escalated``: target -> live run that waits there for a human.
    """

    at: str
    stops: Sequence[str] = ()
    live: int = 0
    recent: int = 0
    escalated: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Admitted:
    """The terms of the run: the body of its ``admitted`` entry."""

    terms: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejected:
    """Not admitted, and nothing was done: a stable code, and a sentence."""

    code: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Case:
    """One request beside the policy that judges it; ``inputs`` and ``target`` as far as they are known."""

    asked: Asked
    policy: Policy
    people: Principals
    facts: Facts
    inputs: Mapping[str, Any] = field(default_factory=dict)
    target: str = ""


_Question = Callable[[_Case], Rejected | None]


def admit(
    asked: Asked, *, policy: Policy, people: Principals, facts: Facts, moment: bool = True
) -> Admitted | Rejected:
    """Judge a request by the policy in force of the runbook that it names.

    Without ``moment`` the questions about this moment are left out: whoever asks for what a run does already
    joins it, however many runs there are.
    """
    case = _Case(asked=asked, policy=policy, people=people, facts=facts)
    refusal = _first(_OF_THE_REQUEST, case)
    if refusal:
        return refusal
    inputs, wrong = read_inputs(policy.runbook.inputs, asked.inputs, text_door=asked.text_door)
    if wrong:
        return Rejected(code=wrong[0].code, message="; ".join(f"input {w.name}: {w.why}" for w in wrong[:5]))
    try:
        target = str(render_resource(policy.delegation.target, {"inputs": inputs}))
    except TemplateError as error:
        return Rejected(code="target_not_delegated", message=f"it has no target: {error}")
    case = _Case(asked=asked, policy=policy, people=people, facts=facts, inputs=inputs, target=target)
    questions = (*_OF_THE_TASK, *_OF_THE_MOMENT) if moment else _OF_THE_TASK
    return _first(questions, case) or Admitted(terms=_terms(case))


def refused_by_phrase(refusals: Sequence[Refuse], text: str) -> Rejected | None:
    """Whether words of the request name a branch that is never taken: whole words, case folded."""
    words = f" {_words(text)} "
    for refuse in refusals:
        if any(f" {_words(phrase)} " in words for phrase in refuse.phrase or ()):
            return Rejected(code="refused_branch", message=f"{refuse.reason}: {refuse.say}")
    return None


def open_throughout(window: Window, at: str, span_ms: int) -> bool:
    """Whether the closed span of ``window`` covers no moment from ``at`` for ``span_ms`` milliseconds."""
    start = instants.parse(at)
    if window.closed_at(start):
        return False
    if span_ms >= WEEK_MINUTES * 60_000:
        return False
    end = start + timedelta(milliseconds=span_ms)
    step = timedelta(minutes=1)
    moment = start.replace(second=0, microsecond=0) + step
    # A closed span is at least a minute long: from one of its whole minutes to the next.
    while moment <= end:
        if window.closed_at(moment):
            return False
        moment += step
    return True


def _words(text: str) -> str:
    return " ".join(re.findall(r"\w+", text.casefold()))


def _first(questions: Sequence[_Question], case: _Case) -> Rejected | None:
    return next((refusal for ask in questions if (refusal := ask(case))), None)


# --- questions about the request, before its inputs are read


def _plain(case: _Case) -> Rejected | None:
    if len(case.asked.text) > MAX_REQUEST:
        return Rejected(code="oversized", message=f"the request is longer than {MAX_REQUEST} characters")
    if len(case.asked.criteria) > MAX_CRITERIA:
        return Rejected(code="oversized", message=f"more than {MAX_CRITERIA} criteria")
    found = flaw(case.asked.text, allowed="\n\t")
    return Rejected(code="not_canonical", message=f"the request's text holds {found.why}") if found else None


def _phrases(case: _Case) -> Rejected | None:
    return refused_by_phrase(case.policy.runbook.refuse, case.asked.text)


def _requester(case: _Case) -> Rejected | None:
    name = case.asked.requester
    if name not in case.people.principals:
        return Rejected(code="unknown_requester", message=f"{name} is no principal of this desk")
    wanted = case.policy.delegation.request
    if not case.people.roles(name) & {*wanted}:
        message = f"{name} may not ask for {case.policy.delegation.runbook}: needs role {' or '.join(wanted)}"
        return Rejected(code="requester_not_allowed", message=message)
    return None


# --- questions about the task, once its inputs are known


def _branches(case: _Case) -> Rejected | None:
    for refuse in case.policy.runbook.refuse:
        if refuse.when is None:
            continue
        try:
            truth = compile_expression(refuse.when).truth({"inputs": dict(case.inputs)}).truth
        except ExpressionError:
            truth = Truth.UNKNOWN
        if truth is not Truth.FALSE:
            return Rejected(code="refused_branch", message=f"{refuse.reason}: {refuse.say}")
    return None


def _target(case: _Case) -> Rejected | None:
    if case.policy.delegation.covers_target(case.target):
        return None
    message = f"{case.target} is not delegated for {case.policy.delegation.runbook}"
    return Rejected(code="target_not_delegated", message=message)


def _window(case: _Case) -> Rejected | None:
    for window in case.policy.delegation.windows:
        try:
            applies = compile_expression(window.when).truth({"inputs": dict(case.inputs)}).truth
        except ExpressionError:
            applies = Truth.UNKNOWN
        deadline = case.policy.runbook.limits.deadline_ms
        if applies is not Truth.FALSE and not open_throughout(window, case.facts.at, deadline):
            message = f"{case.target} is closed now, or will be before the deadline"
            return Rejected(code="window_closed", message=message)
    return None


def _stops(case: _Case) -> Rejected | None:
    scope = next((s for s in ("desk", f"runbook:{case.policy.runbook.id}") if s in case.facts.stops), None)
    return Rejected(code="stopped", message=f"stopped: {scope}") if scope else None


def _rate(case: _Case) -> Rejected | None:
    rate = case.policy.delegation.rate
    if rate is None or case.facts.recent < rate.max:
        return None
    return Rejected(
        code="rate_exceeded", message=f"already {case.facts.recent} of {rate.max} in this span of time"
    )


def _concurrency(case: _Case) -> Rejected | None:
    most = case.policy.delegation.concurrency
    if case.facts.live < most:
        return None
    return Rejected(
        code="concurrency_exceeded", message=f"{case.facts.live} of {most} runs of it are live already"
    )


def _criteria(case: _Case) -> Rejected | None:
    book = case.policy.runbook
    steps = (check.id for step in book.steps if isinstance(step.verify, tuple) for check in step.verify)
    covered = {check.id for check in book.completion} | {*steps}
    missing = [wanted for wanted in case.asked.criteria if wanted not in covered]
    if not missing:
        return None
    named, known = ", ".join(m[:60] for m in missing[:5]), ", ".join(sorted(covered))
    message = f"no check of {book.id} shows {named}; its checks: {known}"
    return Rejected(code="criteria_not_covered", message=message)


def _escalated(case: _Case) -> Rejected | None:
    waiting = case.facts.escalated.get(case.target)
    if waiting is None:
        return None
    message = f"{case.target} waits for a human's decision in run {waiting}"
    return Rejected(code="escalation_open", message=message)


_OF_THE_REQUEST: Final[tuple[_Question, ...]] = (_plain, _phrases, _requester)
_OF_THE_TASK: Final[tuple[_Question, ...]] = (_branches, _target, _criteria)
_OF_THE_MOMENT: Final[tuple[_Question, ...]] = (_stops, _window, _escalated, _rate, _concurrency)


def once_key(policy: Policy, inputs: Mapping[str, Any]) -> str | None:
    """Text that two requests for the same need share; None where a runbook says nothing of it."""
    once = policy.runbook.once
    if once is None:
        return None
    return f"{policy.runbook.id}:{canonical.dumps([lookup(path, {'inputs': inputs}) for path in once.key])}"


def _terms(case: _Case) -> dict[str, Any]:
    book, asked = case.policy.runbook, case.asked
    return {
        "runbook": book.id,
        "version": book.version,
        "title": book.title,
        "inputs": dict(case.inputs),
        "target": case.target,
        "mode": case.policy.delegation.mode,
        "solo": case.people.approval.solo,
        "pins": case.policy.pins,
        "once_key": once_key(case.policy, case.inputs),
        "once_span_ms": book.once.per_ms if book.once else None,
        "delivery": asked.delivery,
        "deadline_ms": book.limits.deadline_ms,
        "severity": book.escalation.severity_for(dict(case.inputs)),
        "requester": asked.requester,
        "source": asked.source,
    }
