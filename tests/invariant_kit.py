"""One run by hand, entry by entry, with all that the world kept of it; each test spoils one thing in it."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

from evals.invariants.evidence import Arrival, Calm, Delivery, Evidence, Goal, State, When, World
from policies.in_force import fold_desk
from state import bodies, canonical, instants
from state.entry import DESK, Draft, Entry, Head, seal
from state.ledger.derived import rows_of
from state.outcome import Outcome
from state.projection import project
from state.task import Clock
from tests import invariant_books

RUN = "01HANDMADE0000000000000001"
OTHER = "01HANDMADE0000000000000002"
THING, RESOURCE = "t1", "thing/t1"
KEY = f"{RUN}/add/1"
BEGAN = "2026-11-25T08:00:00.000000Z"
CLOCK = Clock(boot_id="b", ms=1_000)
BASIS = "sha256:" + "a" * 64
PACKET = "sha256:" + "c" * 64
SECRET = "hand-made-canary-value"


@dataclass
class Said:
    """A draft with the second of the run at which it was said, and under which epoch."""

    draft: Draft
    second: float
    epoch: int = 1


@dataclass
class Case:
    """Everything that the evidence is made of, to be spoilt."""

    desk: list[Entry]
    said: list[Said]
    world: dict[str, Any]
    payloads: dict[str, str] = field(default_factory=dict)
    others: list[list[Said]] = field(default_factory=list)
    spoil_entries: Callable[[list[Entry]], list[Entry]] = lambda entries: entries
    spoil_tables: Callable[[dict[str, list[Any]]], None] = lambda tables: None

    def place(self, kind: str, nth: int = 0) -> int:
        """Where the nth draft of a kind stands."""
        return [i for i, s in enumerate(self.said) if s.draft.kind == kind][nth]

    def of(self, kind: str, nth: int = 0) -> Said:
        """The nth thing said of a kind."""
        return self.said[self.place(kind, nth)]

    def change(self, kind: str, nth: int = 0, **body: Any) -> None:
        """Let it say something else."""
        said = self.of(kind, nth)
        said.draft = replace(said.draft, body={**said.draft.body, **body})

    def insert(self, before: str, *drafts: Draft, nth: int = 0, second: float | None = None) -> None:
        """Say more, before something."""
        place = self.place(before, nth)
        at = self.said[place].second if second is None else second
        self.said[place:place] = [Said(draft, at, self.said[place].epoch) for draft in drafts]

    def evidence(self) -> Evidence:
        """Seal it all."""
        chains = {RUN: self.spoil_entries(_sealed(RUN, self.said))}
        for said in self.others:
            chains[OTHER] = _sealed(OTHER, said)
        tables: dict[str, list[Any]] = {name: [] for name in ("payloads", "stops", "signals")}
        tables["payloads"] = [{"digest": d, "text": t} for d, t in self.payloads.items()]
        for run, entries in chains.items():
            for name, rows in rows_of(run, project(entries)).items():
                tables.setdefault(name, []).extend(rows)
        self.spoil_tables(tables)
        world = {**self.world}
        if world.get("durable") is None:
            everything = [e for chain in (self.desk, *chains.values()) for e in chain]
            in_order = sorted(everything, key=lambda e: (e.at, e.run != DESK, e.seq))
            world["durable"] = {
                (e.run, e.seq): When(order=10 * place, ms=_ms(e.at)) for place, e in enumerate(in_order, 1)
            }
        for name, made in world.items():
            if callable(made):
                world[name] = made(world["durable"])
        return Evidence(chains=chains, desk=self.desk, tables=tables, world=World(**world))


def _ms(at: str) -> int:
    return round(instants.seconds_between("2026-01-01T00:00:00Z", at) * 1000)


def _sealed(run: str, said: list[Said]) -> list[Entry]:
    entries: list[Entry] = []
    head = Head()
    for each in said:
        at = instants.after(BEGAN, each.second)
        entries.append(seal(each.draft, run=run, head=head, at=at, epoch=each.epoch, code="hand"))
        head = Head(seq=entries[-1].seq, hash=entries[-1].hash)
    return entries


def with_body(entry: Entry, **body: Any) -> Entry:
    """The entry as if somebody had changed what is stored of it."""
    changed = {**entry.body, **body}
    return replace(entry, body=changed, body_text=canonical.dumps(changed))


_desk = lru_cache(invariant_books.desk)


def begin(
    run: str, pins: dict[str, str], runbook: str, mode: str = "delegated", delivery: str = "d1"
) -> list[Said]:
    """A request, admitted."""
    inputs = {"thing": THING, "goal": 5}
    return [
        Said(
            bodies.requested(
                actor="ann", source="cli", by="ann", how="as", os_user="ann", ref="", delivery=delivery,
                delivery_digest="sha256:" + "d" * 64, text=None, criteria=[],
            ),
            0, 0,
        ),
        Said(bodies.interpreted(actor="ann", runbook=runbook, version=1, inputs=inputs, by="direct"), 0, 0),
        Said(
            bodies.admitted(
                actor="ann", runbook=runbook, version=1, title="", inputs=inputs, target=f"things/{THING}",
                mode=mode, solo=False, pins=pins, once_key=None, once_span_ms=None, delivery=delivery,
                deadline_ms=600_000, severity="low", requester="ann", source="cli",
            ),
            0, 0,
        ),
    ]  # fmt: skip


def claimed(epoch: int = 1, proven: tuple[int, ...] = ()) -> Draft:
    """A worker takes the run."""
    return bodies.claimed(
        worker=f"w-{epoch}", boot_id="b", pid_ns="n", pid=1, start_time=1, uid=0, lock_file="", clock=CLOCK,
        predecessor=None, proven=proven,
    )  # fmt: skip


def intent(attempt: int = 1, *, op: str = "add/1", worker: str = "w-1", **more: Any) -> Draft:
    """A write is about to be sent."""
    ordinal = int(op.rpartition("/")[2])
    call = {"tool": "things.add_read_back", "arguments": {"number": 5, "thing": THING}, "resource": RESOURCE}
    key = f"{RUN}/{op}"
    digest = canonical.digest({**call, "key": key})
    given: dict[str, Any] = {
        "actor": worker, "credential": "things_write", "op": op, "step": "add", "item": None,
        "ordinal": ordinal, "undoes": None, "attempt": attempt, "key": key, "send_by": BEGAN,
        "span_ms": 6_000, "facts": {}, "granted": False, "digest": digest, **call, **more,
    }  # fmt: skip
    return bodies.intent(**given)


def outcome(said: Outcome, attempt: int = 1, *, op: str = "add/1", worker: str = "w-1") -> Draft:
    """How it ended."""
    return bodies.outcome(
        actor=worker, credential="things_write", op=op, attempt=attempt, outcome=said, code="", detail="",
        result=None, condition_failed=False, pauses=False, counts=True, returned=CLOCK,
    )  # fmt: skip


def verified(scope: str, check: str, verdict: str = "pass", **more: Any) -> Draft:
    """A look."""
    given: dict[str, Any] = {
        "actor": "w-1", "scope": scope, "check": check, "expected": "", "observed": "", "verdict": verdict,
        "facts": {}, "max_gap_ms": 6_000, **more,
    }  # fmt: skip
    return bodies.verified(**given)


def escalated(**more: Any) -> Draft:
    """A stop for a human."""
    notice = {"channel": "page", "to": "role:oncall", "body": {}}
    given: dict[str, Any] = {
        "id": f"{RUN}/esc-1", "reason": "verify_failed", "code": "", "row": 13, "packet": PACKET,
        "basis": BASIS, "severity": "low", "step": "add", "next_level_at": None, "notice": notice, **more,
    }  # fmt: skip
    return bodies.escalated(**given)


def decided(choice: str = "abort", **more: Any) -> Draft:
    """What a human decided."""
    given: dict[str, Any] = {
        "id": "s1", "escalation": f"{RUN}/esc-1", "choice": choice, "by": "bob", "basis": BASIS, "words": {},
        "evidence": None, "reason": "", **more,
    }  # fmt: skip
    return bodies.decided(**given)


def clean(mode: str = "delegated") -> Case:
    """A run that goes well, and a world that knows all of it."""
    desk = list(_desk(mode))
    policy = next(iter(fold_desk(desk).runbooks))
    view = fold_desk(desk)
    pins = view.policy(policy).pins
    runbook = policy.partition("@")[0]
    said = [
        *begin(RUN, pins, runbook, mode),
        Said(claimed(), 1),
        Said(bodies.hydrated(actor="w-1", bindings={}, facts={}, resources=[RESOURCE]), 1),
        Said(bodies.hydrated(actor="w-1", holds=[RESOURCE]), 1),
        Said(bodies.hydrated(actor="w-1", initial={}, derived={}, items={}, resources=[RESOURCE]), 1),
        Said(
            bodies.checked(
                actor="w-1", id="untouched", verdict="pass", expected="", observed="", facts={}
            ),
            1,
        ),
        Said(intent(), 2),
        Said(outcome(Outcome.SUCCEEDED), 3),
        Said(verified("add/1", "added"), 5),
        Said(bodies.confirmed(op="add/1"), 5),
        Said(verified("completion", "at-goal"), 6),
        Said(bodies.closed(state="completed", reason="verified"), 6),
    ]  # fmt: skip
    return Case(desk=desk, said=said, world=_world())


def _world() -> dict[str, Any]:
    arguments = {"number": 5, "thing": THING}

    def arrivals(durable: Any) -> list[Arrival]:
        sent = durable[RUN, 9]
        when = When(order=sent.order + 5, ms=sent.ms + 100)
        return [
            Arrival(
                when=when, applied=True, resource=RESOURCE, tool="things.add_read_back", arguments=arguments,
                run=RUN, op="add/1", attempt=1, credential="writer",
            )
        ]  # fmt: skip

    def states(durable: Any) -> list[State]:
        sent = durable[RUN, 9]
        first = State(when=When(order=0, ms=0), thing=THING, value=0)
        return [first, State(when=When(order=sent.order + 5, ms=sent.ms + 100), thing=THING, value=5)]

    return {
        "durable": None,
        "arrivals": arrivals,
        "states": states,
        "goals": {RUN: Goal(completed={THING: 5})},
        "readers": ["reader"],
        "told": [f"{RUN}/esc-1"],
        "accepted": [RUN],
        "posted": [],
        "deliveries": [Delivery(source="cli", delivery="d1", digest="x", answer=RUN)],
        "canaries": [SECRET],
        "sinks": {"log": "nothing to see"},
        "calm": Calm(since_ms=0, now_ms=10**14, bound_ms=10**6),
        "alone": {RUN: [("add/1", intent().body["digest"])]},
        "shown": {},
    }
