"""What a storm came to, judged from the target's own log; of remit only its word on each run is taken.

| finding           | what was seen                                                                     |
|-------------------|-----------------------------------------------------------------------------------|
| lost              | the request was accepted, and no run tells how it went                             |
| duplicate         | more than one effect on the thing of one run                                       |
| false_completion  | ``completed``, and the target is not at the goal                                   |
| not_completed     | the effect could be settled and the goal holds, and the run did not end completed  |
| stuck             | neither ended nor waiting for a human                                              |
| no_packet         | waits for a human without a packet                                                 |
| unrecorded        | the target was asked more often than the ledger says                               |
| over_budget       | more attempts than the runbook allows                                              |
| budget_unspent    | must end on its budget, and has made fewer attempts, or did not stop for a human   |
| wrong_credential  | a write with the reader's credential, or a read with the writer's                  |
| not_killed        | its process was to be killed at a point that it never came to                      |

``broken`` holds the ledger itself, and the target's log beside it, against what must always hold.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from evals.invariants.evidence import Evidence, Goal
from evals.invariants.journal import world_of
from evals.invariants.report import Violation
from evals.invariants.table import check
from evals.storm.cases import BUDGET, GOAL, UNSENT, Case
from state.ledger.port import Record

WAITS: Final = "escalated"
ENDS: Final = frozenset(
    {"completed", "partially_completed", "rolled_back", "closed_by_human", "cancelled", "rejected"}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What the target's log says of one thing. ``value``: where it stands in the end."""

    requests: int = 0
    effects: int = 0
    value: int = 0
    foreign: int = 0  # requests with a credential of the other role


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that must not be: which case, which finding, and in words what."""

    case: Case
    code: str
    what: str

    def __str__(self) -> str:
        """Name the case and the finding in one line."""
        case = self.case
        return f"{self.code}: {case.thing} ({case.kind}, {case.fault.name}, {case.phase}): {self.what}"


@dataclass(slots=True)
class _Tally:
    requests: int = 0
    effects: int = 0
    value: int = 0
    credentials: dict[str, Counter[str]] = field(default_factory=dict)


def read_log(journal: Sequence[Mapping[str, Any]]) -> dict[str, Seen]:
    """Sum the log up by thing."""
    tallies: dict[str, _Tally] = {}
    for event in journal:
        if event["event"] == "request":
            parts = event["path"].strip("/").split("/")
            tally = tallies.setdefault(parts[1] if len(parts) > 1 else "", _Tally())
            tally.requests += event["method"] == "POST"
            tally.credentials.setdefault(event["method"], Counter())[str(event["credential"])] += 1
        elif event["event"] in ("effect", "outside"):
            tally = tallies.setdefault(event["thing"], _Tally())
            tally.effects += event["event"] == "effect"
            tally.value = event["after"]
    writers = _fingerprints(tallies, "POST")
    readers = _fingerprints(tallies, "GET")
    return {
        thing: Seen(
            requests=tally.requests,
            effects=tally.effects,
            value=tally.value,
            foreign=sum(tally.credentials.get("POST", Counter())[c] for c in readers)
            + sum(tally.credentials.get("GET", Counter())[c] for c in writers),
        )
        for thing, tally in tallies.items()
    }


def _fingerprints(tallies: Mapping[str, _Tally], method: str) -> set[str]:
    return {c for tally in tallies.values() for c in tally.credentials.get(method, ())}


def judge(
    cases: Sequence[Case],
    *,
    journal: Sequence[Mapping[str, Any]],
    records: Sequence[Mapping[str, Any]],
    killed: frozenset[str],
) -> list[Finding]:
    """Find everything that must not be. ``killed``: things whose first process was seen to die by SIGKILL."""
    log = read_log(journal)
    by_thing = {record["inputs"]["thing"]: record for record in records}
    findings: list[Finding] = []
    for case in cases:
        seen = log.get(case.thing, Seen())
        codes = _of_target(case, seen) + _of_run(case, seen, by_thing.get(case.thing))
        if case.killed and case.thing not in killed:
            codes.append(("not_killed", "its process ended by itself"))
        findings += [Finding(case=case, code=code, what=what) for code, what in codes]
    return findings


def broken(rows: Iterable[Record], *, journal: Sequence[Mapping[str, Any]]) -> Sequence[Violation]:
    """Every invariant that a storm's ledger violates beside the target's log; ``rows``: of its export.

    A run on a thing of its own that ends completed has brought it to the goal.
    """
    evidence = Evidence.of(rows, world_of(journal))
    goals = {
        run: Goal(completed={story.admitted.body["inputs"]["thing"]: GOAL})
        for run, story in evidence.stories.items()
        if story.admitted is not None and "thing" in story.admitted.body["inputs"]
    }
    return check(replace(evidence, world=replace(evidence.world, goals=goals))).violations


def _of_target(case: Case, seen: Seen) -> list[tuple[str, str]]:
    found = []
    if seen.effects > 1:
        found.append(("duplicate", f"{seen.effects} effects in the target's log"))
    if seen.requests > 1 + BUDGET:
        found.append(("over_budget", f"{seen.requests} requests, {1 + BUDGET} are allowed"))
    if seen.foreign:
        found.append(("wrong_credential", f"{seen.foreign} requests of {case.thing}"))
    return found


def _of_run(case: Case, seen: Seen, record: Mapping[str, Any] | None) -> list[tuple[str, str]]:
    if record is None:
        return [("lost", "no run was found for it")]
    state, reason, attempts = record["state"], record["reason"], len(record["writes"])
    found = []
    if state == "completed" and seen.value != GOAL:
        found.append(("false_completion", f"the target is at {seen.value}"))
    if case.must_complete and state != "completed":
        found.append(("not_completed", f"{state} ({reason}), the target is at {seen.value}"))
    if state not in ENDS and state != WAITS:
        found.append(("stuck", f"{state} ({reason})"))
    if state == WAITS and not record["packet"]:
        found.append(("no_packet", f"{reason}"))
    if seen.requests > attempts:
        found.append(("unrecorded", f"{seen.requests} requests, {attempts} attempts in the ledger"))
    if attempts > 1 + BUDGET:
        found.append(("over_budget", f"{attempts} attempts, {1 + BUDGET} are allowed"))
    if case.must_exhaust:
        unsent = 1 if case.phase in UNSENT else 0
        if (state, attempts, seen.requests) != (WAITS, 1 + BUDGET, 1 + BUDGET - unsent):
            found.append(
                ("budget_unspent", f"{state} ({reason}), {attempts} attempts, {seen.requests} requests")
            )
    return found
