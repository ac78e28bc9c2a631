"""Is the world as it should be? The verifier looks, with its own read-only credentials, and says what it saw.

It judges by the runbook's expressions alone. Whatever cannot be read or evaluated is unknown, and unknown is
never a pass. No model is asked, and nothing turns anything into a pass.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any, Final

from agents.binding import bind
from agents.facts import MAX_FACTS, capped, fact, shown
from agents.reads import Computed, Evaluated, Read, Reading, Reads
from agents.survey import survey
from agents.verdicts import AttemptFacts, BindResult, Effect, ProbeResult, Standing, Survey, Verdict
from agents.wanted import attempt_names, pinned_fields
from policies.contract import ToolContract
from policies.expressions import Truth
from policies.runbook import Check, Diagnose, ForEach, Precondition, Probe, Rollback, Runbook, Step
from policies.scope import Scope
from state import canonical

_STANDING: Final = {
    Truth.TRUE: Standing.PASS,
    Truth.FALSE: Standing.FAIL,
    Truth.UNKNOWN: Standing.UNKNOWN,
}
# What the two expressions of a probe say together. Anything else is unknown, both true at once included.
_EFFECTS: Final = {
    (Truth.TRUE, Truth.FALSE): Effect.APPLIED,
    (Truth.FALSE, Truth.TRUE): Effect.ABSENT,
}
MAX_ATTEMPT_FACTS_TEXT: Final = 16_384


class Verifier:
    """Looks for one runbook. Every method is one round: the same call is made at most once in it."""

    def __init__(
        self, *, runbook: Runbook, contracts: Mapping[str, ToolContract], read: Read, now: Callable[[], str]
    ) -> None:
        """``read`` makes one guarded call as the verifier; ``now`` is the database's clock."""
        self._runbook, self._contracts, self._read, self._now = runbook, contracts, read, now
        self._pinned = pinned_fields(runbook)

    def round(self) -> "Round":
        """A round of looking, for several questions about one moment."""
        return Round(
            self._runbook,
            Reads(
                runbook=self._runbook,
                contracts=self._contracts,
                pinned=self._pinned,
                read=self._read,
                now=self._now,
            ),
        )

    def bind(self, scope: Scope) -> BindResult:
        """Read every binding, check its identity, and compare what is pinned where ``scope`` is bound."""
        return self.round().bind(scope)

    def survey(self, scope: Scope) -> Survey:
        """Make the run's first look; ``scope`` has the bindings."""
        return self.round().survey(scope)

    def observe(self, names: Iterable[str], scope: Scope) -> dict[str, Reading]:
        """Read observations by name; KeyError for a name that the runbook does not have."""
        return self.round().observe(names, scope)

    def check(self, check: Check, scope: Scope) -> Verdict:
        """One look at one check."""
        return self.round().check(check, scope)

    def checks(self, checks: Iterable[Check], scope: Scope) -> tuple[Verdict, ...]:
        """One look at several checks, all of the same moment."""
        one = self.round()
        return tuple(one.check(check, scope) for check in checks)

    def precondition(self, precondition: Precondition, scope: Scope) -> Verdict:
        """One look at one precondition, over all its items."""
        return self.round().precondition(precondition, scope)

    def probe(self, probe: Probe, scope: Scope) -> ProbeResult:
        """One look at whether a write was applied."""
        return self.round().probe(probe, scope)

    def attempt_facts(self, write: Step | Rollback, scope: Scope) -> AttemptFacts:
        """Make the reads that a first send of ``write`` rests on."""
        return self.round().attempt_facts(write, scope)

    def conflict_if(self, step: Step, scope: Scope) -> Verdict | None:
        """Whether somebody else has been there; None where the step does not ask. ``fail``: a conflict."""
        return self.round().conflict_if(step, scope)


class Round:
    """One round of looking: all its answers rest on the same reads."""

    def __init__(self, runbook: Runbook, reads: Reads) -> None:
        self._runbook, self._reads = runbook, reads

    def bind(self, scope: Scope) -> BindResult:
        """See ``Verifier.bind``."""
        return bind(self._runbook, self._reads, scope)

    def survey(self, scope: Scope) -> Survey:
        """See ``Verifier.survey``."""
        return survey(self._runbook, self._reads, scope)

    def observe(self, names: Iterable[str], scope: Scope) -> dict[str, Reading]:
        """See ``Verifier.observe``."""
        return {name: self._reads.name(name, scope) for name in names}

    def diagnose(self, diagnose: Diagnose, scope: Scope) -> Reading:
        """One of the runbook's complete reads, for a packet."""
        return self._reads.call(diagnose.tool, diagnose.arguments, scope)

    def check(self, check: Check, scope: Scope) -> Verdict:
        """See ``Verifier.check``."""
        return self._judge(check.id, check.expect, scope)

    def precondition(self, precondition: Precondition, scope: Scope) -> Verdict:
        """See ``Verifier.precondition``."""
        if precondition.for_each is not None:
            return self._each(precondition, precondition.for_each, scope)
        return self._one(precondition, precondition.id, scope)

    def probe(self, probe: Probe, scope: Scope) -> ProbeResult:
        """See ``Verifier.probe``."""
        applied = self._reads.evaluate(probe.applied_when, scope)
        absent = self._reads.evaluate(probe.absent_when, scope)
        reading = self._reads.name(probe.observe, scope)
        verdict = _EFFECTS.get((applied.truth, absent.truth), Effect.UNKNOWN)
        reason = ""
        if verdict is Effect.UNKNOWN:
            reason = applied.reason or absent.reason or _contradiction(applied.truth)
        facts = {**absent.facts, **applied.facts}
        if reading.value is not None:
            facts[probe.observe] = fact(reading.value, reading.source)
        observed = max(_observed(applied), _observed(absent), key=len)
        return ProbeResult(
            verdict=verdict,
            observed=capped(observed),
            at=self._reads.began,
            facts=facts,
            reason=capped(reason),
        )

    def attempt_facts(self, write: Step | Rollback, scope: Scope) -> AttemptFacts:
        """See ``Verifier.attempt_facts``."""
        values: dict[str, Any] = {}
        for name in attempt_names(write):
            reading = self._reads.name(name, scope)
            if reading.value is None:
                return AttemptFacts(problem=f"{name} could not be read: {reading.problem}")
            values[name] = reading.value
        if len(canonical.dumps(values)) > MAX_ATTEMPT_FACTS_TEXT:
            return AttemptFacts(problem="what was read is too large to be kept with the intent")
        return AttemptFacts(values=values)

    def conflict_if(self, step: Step, scope: Scope) -> Verdict | None:
        """See ``Verifier.conflict_if``."""
        if step.conflict_if is None:
            return None
        found = self._reads.evaluate(step.conflict_if, scope)
        against = {Truth.TRUE: Standing.FAIL, Truth.FALSE: Standing.PASS}
        return Verdict(
            check=f"conflict_if of {step.id}",
            expected=capped(f"not ({step.conflict_if})"),
            observed=found.observed,
            verdict=against.get(found.truth, Standing.UNKNOWN),
            at=self._reads.began,
            facts=found.facts,
            reason=found.reason,
        )

    def compute(self, expression: str, scope: Scope) -> Computed:
        """What an expression gives over this round's reads."""
        return self._reads.compute(expression, scope)

    def _judge(self, check: str, expect: str, scope: Scope) -> Verdict:
        found = self._reads.evaluate(expect, scope)
        return Verdict(
            check=check,
            expected=capped(expect),
            observed=capped(_observed(found)),
            verdict=_STANDING[found.truth],
            at=self._reads.began,
            facts=found.facts,
            reason=found.reason,
        )

    def _one(self, precondition: Precondition, name: str, scope: Scope) -> Verdict:
        """One item of a precondition (or its only one), with a read of its own where it has one."""
        if precondition.tool is None:
            return self._judge(name, precondition.expect, scope)
        reading = self._reads.call(precondition.tool, precondition.arguments, scope)
        if reading.value is None:
            return self._unknown(name, precondition.expect, f"could not be read: {reading.problem}")
        verdict = self._judge(name, precondition.expect, scope.with_local(result=reading.value))
        facts = {**verdict.facts, f"{name}.result": fact(reading.value, reading.source)}
        return replace(verdict, facts=facts)

    def _each(self, precondition: Precondition, each: ForEach, scope: Scope) -> Verdict:
        listed = self._reads.compute(each.of, scope)
        if (problem := _list_problem(listed, each)) is not None:
            return self._unknown(precondition.id, precondition.expect, problem)
        seen: list[tuple[str, Verdict]] = []
        for place, item in enumerate(listed.value):
            verdict = self._one(precondition, f"{precondition.id}[{place}]", scope.with_local(item=item))
            seen.append((_called(item), verdict))
        return self._together(precondition, seen)

    def _together(self, precondition: Precondition, seen: list[tuple[str, Verdict]]) -> Verdict:
        standings = {v.verdict for _, v in seen}
        verdict = next((s for s in (Standing.FAIL, Standing.UNKNOWN) if s in standings), Standing.PASS)
        ordered = sorted(seen, key=lambda pair: pair[1].verdict is Standing.PASS)  # what is wrong comes first
        facts: dict[str, Any] = {}
        for _, one in ordered:
            facts.update(one.facts)
        return Verdict(
            check=precondition.id,
            expected=capped(precondition.expect),
            observed=capped("; ".join(f"{name}: {v.observed}" for name, v in ordered) or "no items"),
            verdict=verdict,
            at=self._reads.began,
            facts=dict(list(facts.items())[:MAX_FACTS]),
            reason=capped(next((v.reason for _, v in ordered if v.reason), "")),
        )

    def _unknown(self, check: str, expect: str, reason: str) -> Verdict:
        return Verdict(
            check=check, expected=capped(expect), observed=capped(reason), verdict=Standing.UNKNOWN,
            at=self._reads.began, reason=capped(reason),
        )  # fmt: skip


def _observed(found: Evaluated) -> str:
    """What was seen; where it says nothing, why it does not comes first."""
    why = found.reason if found.truth is Truth.UNKNOWN else ""
    return "; ".join(part for part in (why, found.observed) if part)


def _contradiction(applied: Truth) -> str:
    if applied is Truth.TRUE:
        return "both expressions of the probe are true"
    return "neither expression of the probe is true"


def _list_problem(listed: Computed, each: ForEach) -> str | None:
    if not listed.known:
        return f"its items are not known: {listed.reason}"
    if not isinstance(listed.value, list):
        return "its items are not a list"
    if not each.min <= len(listed.value) <= each.max:
        return f"{len(listed.value)} items, where {each.min} to {each.max} are meant"
    return None


def _called(item: Any) -> str:
    if isinstance(item, Mapping) and isinstance(item.get("name"), str):
        return shown(item["name"], 60)
    return shown(item, 60)
