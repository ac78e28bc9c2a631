"""What one round of looking has seen: every call is made once, and nothing outlives the round.

A name stands for a read: an observation, or a binding read again. Arguments are rendered from what the run
knows (bindings as they were pinned), never from what this round has read.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from agents.facts import MAX_FACTS, Path, fact, looked_up, observed_line, picked, shown
from agents.verdicts import Drift
from policies.call import Call, Outcome, Reply
from policies.contract import ToolContract
from policies.errors import TemplateError
from policies.expressions import Truth, compile_expression
from policies.runbook import Arguments, Runbook
from policies.scope import Scope
from policies.templates import render_value
from state import canonical
from state.entry import Role
from state.errors import CanonicalError

Read = Callable[[Call], Reply]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """One read: ``value`` where it succeeded, else None and the ``problem``.

    ``at`` is the instant before the read. ``gone``: the target says definitely that there is no such thing.
    """

    source: str
    at: str
    value: dict[str, Any] | None = None
    problem: str = ""
    gone: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluated:
    """An expression over fresh reads: its truth, what it saw, and why it is unknown."""

    truth: Truth
    observed: str = ""
    reason: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Computed:
    """A value computed over fresh reads; ``reason`` where it is not ``known``."""

    known: bool
    value: Any = None
    reason: str = ""


class Reads:
    """The reads of one round, for one runbook."""

    def __init__(
        self,
        *,
        runbook: Runbook,
        contracts: Mapping[str, ToolContract],
        pinned: Mapping[str, tuple[Path, ...]],
        read: Read,
        now: Callable[[], str],
    ) -> None:
        """``read`` makes one guarded call, ``now`` tells the time; ``pinned``: see ``agents.wanted``."""
        self._runbook, self._contracts, self._pinned = runbook, contracts, pinned
        self._read, self._now = read, now
        self._seen: dict[str, Reading] = {}
        self.began = now()

    def call(self, tool: str, arguments: Arguments, scope: Scope) -> Reading:
        """One read with ``arguments`` rendered in ``scope``; the same call is made once a round."""
        at = self._now()
        try:
            rendered = render_value(arguments, scope.values(observed={}))
            call = Call(
                tool=tool, arguments=rendered, role=Role.VERIFIER, timeout_s=self._contracts[tool].timeout_s
            )
            digest = call.digest
        except (TemplateError, CanonicalError) as error:
            return Reading(source=tool, at=at, problem=f"its arguments are not known: {error}")
        if digest not in self._seen:
            self._seen[digest] = _reading(tool, at, self._read(call))
        return self._seen[digest]

    def name(self, name: str, scope: Scope) -> Reading:
        """Read an observation, or a binding again; KeyError for any other name."""
        source = self._runbook.observe.get(name) or self._runbook.bindings[name]
        return self.call(source.tool, source.arguments, scope)

    def stands_for_a_read(self, name: str) -> bool:
        """Whether a name of an expression is an observation or a binding."""
        return name in self._runbook.observe or name in self._runbook.bindings

    def evaluate(self, text: str, scope: Scope) -> Evaluated:
        """Whether ``text`` holds now; a read that failed makes it unknown."""
        expression = compile_expression(text)
        paths = tuple(use.parts for use in expression.names())
        values, facts, problem = self._values(paths, scope)
        observed = observed_line(values, paths)
        if problem:
            return Evaluated(truth=Truth.UNKNOWN, observed=observed, reason=problem, facts=facts)
        answer = expression.truth(values)
        return Evaluated(truth=answer.truth, observed=observed, reason=answer.reason, facts=facts)

    def compute(self, text: str, scope: Scope) -> Computed:
        """What ``text`` gives now; a read that failed makes it unknown."""
        expression = compile_expression(text)
        values, _, problem = self._values(tuple(use.parts for use in expression.names()), scope)
        if problem:
            return Computed(known=False, reason=problem)
        found = expression.value(values)
        return Computed(known=found.known, value=found.value, reason=found.reason)

    def drifts(self, name: str, before: Mapping[str, Any], now: Mapping[str, Any]) -> list[Drift]:
        """Which pinned fields of a binding differ."""
        found = []
        for field_ in self._pinned.get(name, ()):
            expected, observed = looked_up(before, field_), looked_up(now, field_)
            if expected != observed or type(expected) is not type(observed):
                what = ".".join((name, *field_))
                found.append(Drift(what=what, expected=shown(expected), observed=shown(observed)))
        return found

    def _values(self, paths: tuple[Path, ...], scope: Scope) -> tuple[dict[str, Any], dict[str, Any], str]:
        fresh: dict[str, Any] = {}
        facts: dict[str, Any] = {}
        problem = ""
        for name in dict.fromkeys(path[0] for path in paths):
            if name in scope.local or not self.stands_for_a_read(name):
                continue
            reading = self.name(name, scope)
            if reading.value is None:
                problem = problem or f"{name} could not be read: {reading.problem}"
                continue
            if name in scope.bindings and (moved := self.drifts(name, scope.bindings[name], reading.value)):
                problem = problem or f"{moved[0].what} is no longer what this run was bound to"
            fresh[name] = reading.value
            if len(facts) < MAX_FACTS:
                used = (path[1:] for path in paths if path[0] == name)
                facts[name] = fact(picked(reading.value, used), reading.source)
        return scope.values(observed=fresh), facts, problem


def _reading(tool: str, at: str, reply: Reply) -> Reading:
    if reply.outcome is Outcome.SUCCEEDED and reply.result is not None:
        try:
            canonical.dumps(reply.result)
        except CanonicalError as error:
            return Reading(source=tool, at=at, problem=f"its answer cannot be recorded: {error}")
        return Reading(source=tool, at=at, value=reply.result)
    why = " ".join(part for part in (reply.outcome.value, reply.code, reply.detail) if part)
    return Reading(source=tool, at=at, problem=why, gone=reply.outcome is Outcome.REFUSED)
