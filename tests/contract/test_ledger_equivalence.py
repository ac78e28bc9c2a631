"""Whatever is done to them in whatever order, both ledgers answer alike and hold the same rows."""

import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from state.entry import Draft, Kind
from state.errors import StateError
from state.ledger.memory import MemoryLedger
from state.ledger.payload import payload_of
from state.ledger.port import Limit, Query, Stop
from state.ledger.sql.opening import open_ledger
from tests.ledger_kit import CODE, KEY, T0, Chain, Clock, project, signal, worker

RUNS = st.sampled_from(["r1", "r2", "r3"])
SMALL = st.integers(0, 3)
TIMES = st.sampled_from([None, T0, "2026-11-23T21:09:00.000000Z", "2026-11-23T23:00:00+01:00"])
ROWS = st.fixed_dictionaries(
    {
        "runbook": st.sampled_from(["rb", "other"]),
        "target": st.sampled_from(["prod/a", "prod/b", "dev/a"]),
        "due_at": TIMES,
        "ended_at": st.sampled_from([None, None, T0]),
        "state": st.sampled_from([None, "rejected", "completed"]),
        "once_key": st.sampled_from([None, "k1", "k2"]),
        "once_until": TIMES,
        "source": st.sampled_from(["chat", "queue"]),
        "delivery": st.sampled_from([None, "d1", "d2"]),
        "delivery_digest": st.sampled_from([None, "sha256:a", "sha256:b"]),
        "escalation": st.sampled_from([None, "e1"]),
        "holds": st.lists(st.sampled_from(["a", "b", "c"]), max_size=2),
        "resources": st.lists(st.sampled_from(["a", "d"]), max_size=2),
        "attempts": st.integers(0, 3).map(lambda n: [["a", "op", i + 1, T0] for i in range(n)]),
        "outbox": st.lists(st.sampled_from(["n1", "n2", "n3"]), max_size=2).map(
            lambda ids: [{"id": i} for i in ids]
        ),
    }
)
LIMITS = st.builds(
    Limit,
    kind=st.sampled_from(["concurrency", "rate"]), runbook=st.just("rb"), most=SMALL,
    since=st.just(T0), targets=st.sampled_from([(), ("prod/*",), ("dev/a",)]),
)  # fmt: skip
MORE = st.fixed_dictionaries(
    {},
    optional={
        "stop_scopes": st.sampled_from([["desk"], ["resource:a", "desk"]]),
        "folds": st.lists(st.sampled_from(["s0", "s1", "s2"]), max_size=2),
        "limits": st.lists(LIMITS, max_size=1),
        "payloads": st.just([payload_of("text", key=KEY)]),
    },
)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("create"), RUNS, ROWS, MORE),
        st.tuples(st.just("claim"), RUNS, st.sampled_from(["w1", "w2"]), SMALL),
        st.tuples(st.just("append"), RUNS, ROWS, MORE),
        st.tuples(st.just("append"), RUNS, ROWS, MORE),
        st.tuples(st.just("release"), RUNS, SMALL),
        st.tuples(st.just("post"), RUNS, SMALL),
        st.tuples(st.just("register"), st.sampled_from(["w1", "w2"]), SMALL),
        st.tuples(st.just("renew"), st.sampled_from(["w1", "w2"])),
        st.tuples(st.just("forget"), st.sampled_from(["w1", "w2"])),
        st.tuples(st.just("stop"), st.sampled_from(["desk", "resource:a"])),
        st.tuples(st.just("start"), st.sampled_from(["desk", "resource:a"])),
        st.tuples(st.just("erase")),
        st.tuples(st.just("deliver"), st.sampled_from(["n1", "n2"])),
        st.tuples(st.just("wait"), SMALL),
    ),
    max_size=25,
)


NAMES_THE_TEXT = Draft(kind=Kind.APPROVED, body={"text": payload_of("text", key=KEY).digest})


class Driver:
    """Takes the same steps on one ledger as its twin takes on the other."""

    def __init__(self, ledger: Any, clock: Clock) -> None:
        self.ledger, self.clock = ledger, clock
        self.chains = {run: Chain(ledger, run) for run in ("r1", "r2", "r3")}
        self.acts: dict[str, Callable[..., Any]] = {
            "create": lambda run, row, more: Chain(ledger, run).create(**row, **more).head,
            "claim": self._claim,
            "append": lambda run, row, more: self._chain(run).append(Kind.INTENT, **row, **more).head,
            "release": ledger.release,
            "post": lambda run, n: ledger.post(signal(f"s{n}", run, n=n)),
            "register": lambda name, lease: ledger.register(worker(name, float(lease))),
            "renew": ledger.renew,
            "forget": ledger.forget,
            "stop": lambda scope: ledger.stop(Stop(scope=scope, by="lee", at=T0, why="")),
            "start": lambda scope: ledger.start(scope, by="lee", at=T0),
            "erase": lambda: ledger.erase(payload_of("text", key=KEY).digest, by="lee", at=T0, why=""),
            "deliver": ledger.delivered,
            "wait": clock.advance,
        }

    def _chain(self, run: str) -> Chain:
        entries = self.ledger.read(run)
        return Chain(self.ledger, run, entries[-1].epoch if entries else 0, entries)

    def _claim(self, run: str, name: str, behind: int) -> Any:
        chain = self._chain(run)
        chain.epoch -= behind == 3  # once in a while, a claim that comes late
        return chain.claim(name).head if chain.epoch >= 0 else None

    def take(self, step: tuple[Any, ...]) -> Any:
        try:
            return self.acts[step[0]](*step[1:])
        except StateError as refusal:
            return type(refusal)

    def shows(self) -> list[Any]:
        ledger = self.ledger
        limits = [Limit(kind=kind, runbook="rb", most=1, since=T0) for kind in ("concurrency", "rate")]
        return [
            ledger.runs(Query()), ledger.runs(Query(live=True, resource="a")),
            ledger.claimable(), ledger.next_due(),
            [ledger.holder(r) for r in "abc"], [ledger.attempts_on(r, since=T0) for r in "ab"],
            [ledger.escalated_on(r) for r in "ab"], [ledger.signals(run) for run in self.chains],
            ledger.workers(), ledger.stops(), ledger.outbox(), [ledger.count_runs(limit) for limit in limits],
            [ledger.read(run) for run in (*self.chains, "desk")],
            sorted((table, sorted(map(str, row.items()))) for table, row in ledger.records()),
            [finding for finding in ledger.verify() if finding.certain],
        ]  # fmt: skip


@settings(max_examples=25, deadline=None, phases=[Phase.generate])
@given(steps=STEPS)
def test_both_ledgers_are_one(steps: list[tuple[Any, ...]]) -> None:
    folder = Path(tempfile.mkdtemp())
    clocks = [Clock(), Clock()]
    memory = MemoryLedger(clock=clocks[0], code=CODE, project=project, payload_key=KEY)
    sql = open_ledger(folder / "l.db", clock=clocks[1], code=CODE, project=project, payload_key=KEY)
    try:
        twins = [Driver(memory, clocks[0]), Driver(sql, clocks[1])]
        for ledger in (memory, sql):
            ledger.append_desk(
                [Draft(kind=Kind.APPROVED, body={"text": payload_of("text", key=KEY).digest})],
                at=T0,
                code=CODE,
            )
        for step in steps:
            first, second = (twin.take(step) for twin in twins)
            assert first == second, step
        for first, second in zip(*(twin.shows() for twin in twins), strict=True):
            assert first == second
        assert twins[0].shows()[-1] == []
    finally:
        sql.close()
        shutil.rmtree(folder)
