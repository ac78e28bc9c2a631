"""The invariants as one table, and the function that judges a ledger and a world by it."""

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from typing import Final

from evals.invariants import chains, derived, ends, guards, limits, people, secrecy, sends, tasks
from evals.invariants.evidence import Evidence
from evals.invariants.report import Findings, Found, Lacking, NotJudged, Report, Violation


@dataclass(frozen=True, slots=True, kw_only=True)
class Invariant:
    """Something that must always hold: its number, its name, and in a sentence what it says."""

    number: int
    name: str
    sentence: str
    judge: Callable[[Evidence], Findings]


def _row(number: int, name: str, judge: Callable[[Evidence], Findings]) -> Invariant:
    sentence = (judge.__doc__ or "").splitlines()[0].removeprefix(f"{number}: ")
    return Invariant(number=number, name=name, sentence=sentence, judge=judge)


INVARIANTS: Final = (
    _row(1, "order", chains.order),
    _row(2, "intent_first", sends.intent_first),
    _row(3, "at_most_once", sends.at_most_once),
    _row(4, "single_outcome", sends.single_outcome),
    _row(5, "explicit_ambiguity", sends.ambiguity),
    _row(6, "keys", sends.keys),
    _row(7, "budgets", limits.budgets),
    _row(8, "guards_dominate", guards.guarded),
    _row(9, "bytes_are_the_decision", sends.bytes_decided),
    _row(10, "authority_narrows", limits.narrows),
    _row(11, "attribution", people.attributed),
    _row(12, "success_is_evidenced", ends.evidenced),
    _row(13, "nothing_lost", tasks.nothing_lost),
    _row(14, "escalation_complete_and_quiet", people.escalations),
    _row(15, "approvals_bind", people.approvals),
    _row(16, "pins", chains.pins),
    _row(17, "single_writer", chains.single_writer),
    _row(18, "stop_switch", guards.stopped),
    _row(19, "secrecy", secrecy.secrecy),
    _row(20, "replay", derived.replay),
    _row(21, "intake", tasks.intake),
    _row(22, "monotone_models", limits.monotone),
    _row(23, "resources", ends.resources),
    _row(24, "derived_tables", derived.derived),
)
ALL: Final = frozenset(invariant.number for invariant in INVARIANTS)


def check(evidence: Evidence, only: Collection[int] = ALL) -> Report:
    """Judge ``evidence`` by the invariants of these numbers; what cannot be read at all is a violation."""
    violations: list[Violation] = []
    not_judged: list[NotJudged] = []
    for invariant in INVARIANTS:
        if invariant.number not in only:
            continue
        for found in _judged(invariant, evidence):
            if isinstance(found, Lacking):
                lacking = NotJudged(invariant=invariant.number, why=found.why)
                if lacking not in not_judged:
                    not_judged.append(lacking)
            else:
                violations.append(
                    Violation(invariant=invariant.number, run=found.run, seq=found.seq, what=found.what)
                )
    return Report(violations=violations, not_judged=not_judged)


def _judged(invariant: Invariant, evidence: Evidence) -> Iterator[Found | Lacking]:
    try:
        yield from invariant.judge(evidence)
    except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
        yield Found("?", None, f"an entry says what none can say: {type(error).__name__}: {error}")
