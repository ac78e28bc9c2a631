"""What every ledger keeps: the same questions and the same refusals, in memory, on SQLite and on Postgres."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from state.entry import DESK, Draft, Head, Kind, head_of, rehash
from state.errors import (
    CanonicalError,
    DeliveryConflictError,
    DeskMovedError,
    DuplicateNeedError,
    FencedError,
    HeadMovedError,
    LimitReachedError,
    ResourceHeldError,
    SwitchedOffError,
    UnknownRunError,
    UnknownSignalError,
    UnsoundLedgerError,
)
from state.ledger.payload import payload_of
from state.ledger.port import Glance, Ledger, Limit, Query, Row, Stop
from tests.ledger_kit import CODE, KEY, T0, Chain, Clock, project, row_body, signal, worker

LATER = "2026-11-23T22:00:00.000000Z"


@pytest.fixture
def ledger(ledger: Ledger) -> Iterator[Ledger]:
    yield ledger
    assert [f for f in ledger.verify() if f.certain] == []  # whatever a test did, it is sound behind it


def begun(ledger: Ledger, run: str = "r1", **values: Any) -> Chain:
    return Chain(ledger, run).create(**values)


def held(ledger: Ledger, run: str = "r1", **values: Any) -> Chain:
    return begun(ledger, run, **values).claim()


# appending


def test_what_was_appended_is_read_back_as_it_was_sealed(ledger: Ledger) -> None:
    chain = held(ledger).append(
        Kind.HYDRATED, Kind.INTENT, body={"text": "ä\n\u2028", "deep": [{"a": None, "b": True}]}
    )
    read = ledger.read("r1")
    assert read == chain.entries
    assert [entry.body for entry in read] == [entry.body for entry in chain.entries]
    assert all(rehash(entry) == entry.hash for entry in read)
    assert ledger.read("r1", after=2) == chain.entries[2:]
    assert ledger.read("nobody") == []


def test_an_append_returns_the_new_head_and_info_shows_it(ledger: Ledger) -> None:
    chain = held(ledger)
    append = chain.make(Kind.HYDRATED, Kind.CHECKED)
    assert ledger.append(append) == head_of(append.entries)
    info = ledger.info("r1")
    assert (info.run, info.head, info.epoch, info.worker) == ("r1", head_of(append.entries), 1, "w1")


def test_info_shows_the_whole_row(ledger: Ledger) -> None:
    values: dict[str, Any] = {
        "lane": "live/waiting", "runbook": "service-recovery", "version": 3, "target": "prod/checkout",
        "requester": "dana", "source": "chat", "state": "escalated", "reason": "ambiguous",
        "waiting_for": "human", "due_at": LATER, "once_key": "k", "once_until": LATER, "delivery": "d1",
        "delivery_digest": "sha256:1", "escalation": "e1", "holds": ["a", "b"], "resources": ["a", "b", "c"],
        "attempts": [["a", "op1", 1, T0], ["d", "op1", 2, LATER]],
        "outbox": [{"id": "n1", "channel": "log", "to": "oncall", "body": {"text": "t"}}],
    }  # fmt: skip
    chain = begun(ledger, **values)
    expected = project(chain.entries)
    found = ledger.info("r1").row
    assert found.resources == ("a", "b", "c", "d")  # whatever it touches is what it is about
    for name in Row.__dataclass_fields__:
        if name != "resources":
            assert getattr(found, name) == getattr(expected, name), name


def test_instants_of_a_row_are_brought_to_one_width(ledger: Ledger) -> None:
    begun(ledger, due_at="2026-11-23T22:08:40+01:00")
    assert ledger.info("r1").row.due_at == T0


def test_a_run_cannot_be_created_twice(ledger: Ledger) -> None:
    begun(ledger)
    with pytest.raises(HeadMovedError):
        begun(ledger)
    assert len(ledger.read("r1")) == 1


def test_an_append_behind_a_moved_head_is_refused_and_stores_nothing(ledger: Ledger) -> None:
    chain = held(ledger)
    stale = chain.make(Kind.INTENT)
    chain.append(Kind.HYDRATED, holds=["a"])
    before = ledger.info("r1")
    with pytest.raises(HeadMovedError):
        ledger.append(stale)
    assert ledger.info("r1") == before
    assert ledger.read("r1") == chain.entries


def test_two_claims_of_one_epoch_one_wins(ledger: Ledger) -> None:
    chain = begun(ledger)
    mine, theirs = (chain.make(Kind.CLAIMED, epoch=1, body={"worker": w}) for w in ("w1", "w2"))
    ledger.claim(mine, worker="w1")
    with pytest.raises(HeadMovedError):
        ledger.claim(theirs, worker="w2")
    assert ledger.info("r1").worker == "w1"


def test_a_takeover_fences_the_former_holder(ledger: Ledger) -> None:
    old = held(ledger)
    new = Chain(ledger, "r1", old.epoch, old.entries).claim("w2")
    with pytest.raises(FencedError):
        old.append(Kind.OUTCOME)
    assert new.append(Kind.HYDRATED).info().worker == "w2"


def test_after_a_release_nobody_appends_until_the_next_claim(ledger: Ledger) -> None:
    chain = held(ledger)
    assert not ledger.info("r1").released
    ledger.release("r1", 1)
    assert (ledger.info("r1").worker, ledger.info("r1").released) == (None, True)
    with pytest.raises(FencedError):
        chain.append(Kind.HYDRATED)
    assert chain.claim("w2").append(Kind.HYDRATED).epoch == 2


def test_a_late_release_does_not_touch_a_newer_claim(ledger: Ledger) -> None:
    held(ledger).claim("w2")
    ledger.release("r1", 1)
    assert ledger.info("r1").worker == "w2"
    with pytest.raises(UnknownRunError):
        ledger.release("nobody", 1)


def test_unknown_runs(ledger: Ledger) -> None:
    nobody = Chain(ledger, "nobody")
    for ask in (
        lambda: nobody.append(Kind.HYDRATED),
        nobody.claim,
        lambda: ledger.info("nobody"),
        lambda: ledger.post(signal("s", "nobody")),
    ):
        with pytest.raises(UnknownRunError):
            ask()


def test_entries_that_do_not_continue_their_append_are_refused(ledger: Ledger) -> None:
    chain = held(ledger)
    good = chain.make(Kind.HYDRATED, Kind.CHECKED)
    first, second = good.entries
    broken = [
        replace(good, entries=[]),
        replace(good, entries=[second, first]),
        replace(good, entries=[first, first]),
        replace(good, entries=[replace(first, actor="somebody else")]),
        replace(good, entries=[replace(first, body_text="{}")]),
        replace(good, head=Head()),
        replace(good, epoch=2),
        replace(good, run="r2"),
        replace(good, run=DESK),
        chain.make(Kind.CLAIMED),
        chain.make(Kind.HYDRATED, Kind.CLAIMED),
    ]
    for append in broken:
        with pytest.raises(UnsoundLedgerError):
            ledger.append(append)
    with pytest.raises(UnsoundLedgerError):
        ledger.claim(chain.make(Kind.HYDRATED, epoch=2), worker="w2")
    with pytest.raises(UnsoundLedgerError):
        ledger.create(Chain(ledger, "r9").make(Kind.REQUESTED, epoch=1, row=row_body()))
    assert ledger.read("r1") == chain.entries


def test_a_row_that_cannot_be_stored_is_refused(ledger: Ledger) -> None:
    with pytest.raises(UnsoundLedgerError):
        begun(ledger, due_at="tomorrow")
    with pytest.raises(UnsoundLedgerError):
        begun(ledger, outbox=[{"channel": "log"}])
    assert ledger.read("r1") == []


# needs, deliveries, holds, limits, the switch


def test_a_need_counts_while_its_key_is_set(ledger: Ledger) -> None:
    first = begun(ledger, once_key="restart checkout")
    with pytest.raises(DuplicateNeedError) as caught:
        begun(ledger, "r2", once_key="restart checkout")
    assert caught.value.run == "r1"
    assert ledger.read("r2") == []
    first.append(Kind.CLOSED, once_key=None, ended_at=T0)
    begun(ledger, "r2", once_key="restart checkout")


def test_a_need_may_count_for_a_span(ledger: Ledger, clock: Clock) -> None:
    begun(ledger, once_key="k", once_until=LATER, ended_at=T0)
    with pytest.raises(DuplicateNeedError):
        begun(ledger, "r2", once_key="k")
    clock.now = LATER
    begun(ledger, "r2", once_key="k", once_until=LATER)


def test_a_need_found_out_later_is_a_duplicate_too(ledger: Ledger) -> None:
    begun(ledger, once_key="k")
    second = begun(ledger, "r2")
    with pytest.raises(DuplicateNeedError):
        second.append(Kind.ADMITTED, once_key="k")
    assert len(ledger.read("r2")) == 1


def test_a_delivery_makes_one_run(ledger: Ledger) -> None:
    begun(ledger, source="queue", delivery="d1", delivery_digest="sha256:a", ended_at=T0)
    with pytest.raises(DuplicateNeedError) as same:
        begun(ledger, "r2", source="queue", delivery="d1", delivery_digest="sha256:a")
    with pytest.raises(DeliveryConflictError) as other:
        begun(ledger, "r2", source="queue", delivery="d1", delivery_digest="sha256:b")
    assert (same.value.run, other.value.run) == ("r1", "r1")
    begun(ledger, "r2", source="chat", delivery="d1", delivery_digest="sha256:b")


def test_a_resource_has_one_holder(ledger: Ledger) -> None:
    mine = held(ledger).append(Kind.HYDRATED, holds=["a", "b"])
    theirs = held(ledger, "r2")
    with pytest.raises(ResourceHeldError) as caught:
        theirs.append(Kind.HYDRATED, holds=["c", "b"])
    assert (caught.value.resource, caught.value.run) == ("b", "r1")
    assert [ledger.holder(r) for r in "abc"] == ["r1", "r1", None]
    mine.append(Kind.CLOSED, holds=["a"])
    theirs.append(Kind.HYDRATED, holds=["c", "b"])
    assert [ledger.holder(r) for r in "abc"] == ["r1", "r2", "r2"]


@pytest.mark.parametrize(
    ("limit", "found"),
    [
        (Limit(kind="concurrency", runbook="rb", most=2), 2),
        (Limit(kind="concurrency", runbook="rb", most=1, targets=("prod/*",)), 1),
        (Limit(kind="concurrency", runbook="rb", most=1, targets=("dev/*", "prod/search")), 1),
        (Limit(kind="rate", runbook="rb", most=3, since=T0), 3),
        (
            Limit(
                kind="rate",
                runbook="rb",
                most=1,
                since="2026-11-23T22:08:40.000001+01:00",
                targets=("prod/s*",),
            ),
            1,
        ),
    ],
)
def test_a_limit_is_counted_in_the_transaction(ledger: Ledger, limit: Limit, found: int) -> None:
    begun(ledger, "r1", runbook="rb", target="prod/search", created_at=LATER)
    begun(ledger, "r2", runbook="rb", target="staging/search")
    begun(ledger, "r3", runbook="rb", target="prod/checkout", ended_at=T0)
    begun(ledger, "r4", runbook="rb", target="prod/checkout", ended_at=T0, state="rejected")
    begun(ledger, "r5", runbook="other", target="prod/search", created_at=LATER)
    assert ledger.count_runs(limit) == found
    with pytest.raises(LimitReachedError) as caught:
        begun(ledger, "r6", runbook="rb", target="prod/search", limits=[limit])
    assert (caught.value.limit, caught.value.most, caught.value.found) == (limit.kind, limit.most, found)
    begun(ledger, "r6", runbook="rb", target="prod/search", limits=[replace(limit, most=found + 1)])


def test_a_run_does_not_count_against_its_own_limit(ledger: Ledger) -> None:
    limit = Limit(kind="concurrency", runbook="rb", most=1)
    begun(ledger, "r1", runbook="rb", limits=[limit]).append(Kind.ADMITTED, runbook="rb", limits=[limit])


def test_a_stop_refuses_what_names_its_scope(ledger: Ledger) -> None:
    chain = held(ledger)
    ledger.stop(Stop(scope="runbook:rb", by="lee", at=T0, why="storm"))
    with pytest.raises(SwitchedOffError) as caught:
        chain.append(Kind.INTENT, stop_scopes=["desk", "runbook:rb", "resource:a"])
    assert caught.value.scope == "runbook:rb"
    chain.append(Kind.OUTCOME).append(Kind.INTENT, stop_scopes=["desk", "runbook:other"])
    assert ledger.start("runbook:rb", by="lee", at=LATER)
    chain.append(Kind.INTENT, stop_scopes=["desk", "runbook:rb"])


def test_an_append_may_ask_that_the_desk_says_nothing_new(ledger: Ledger) -> None:
    one = held(ledger)
    one.append(desk_seq=0)
    ledger.append_desk([Draft(kind=Kind.LOADED, body={"event": "x"})], at=T0, code=CODE)
    before = one.head
    with pytest.raises(DeskMovedError):
        one.append(desk_seq=0)
    assert ledger.info("r1").head == before
    one.append(desk_seq=1)
    one.append()


def test_stops_are_rows_and_entries(ledger: Ledger) -> None:
    first, newer = (Stop(scope="desk", by=by, at=T0, why="why") for by in ("lee", "omar"))
    ledger.stop(first)
    ledger.stop(newer)
    ledger.stop(Stop(scope="resource:a", by="lee", at=T0, why=""))
    assert [(stop.scope, stop.by) for stop in ledger.stops()] == [("desk", "omar"), ("resource:a", "lee")]
    assert ledger.start("desk", by="lee", at=LATER)
    assert not ledger.start("desk", by="lee", at=LATER)
    entries = ledger.read(DESK)
    assert [entry.kind for entry in entries] == [Kind.STOPPED] * 3 + [Kind.STARTED]
    assert entries[1].body == {"scope": "desk", "by": "omar", "at": T0, "why": "why"}
    assert entries[1].code == CODE


def test_a_glance_shows_what_is_asked_at_every_move(ledger: Ledger) -> None:
    chain = held(ledger)
    assert ledger.glance("r1") == Glance(signals=0, stops=())
    ledger.post(signal("s1", "r1"))
    ledger.post(signal("s2", "r1"))
    ledger.stop(Stop(scope="resource:a", by="lee", at=T0, why=""))
    ledger.stop(Stop(scope="desk", by="lee", at=T0, why=""))
    assert ledger.glance("r1") == Glance(signals=2, stops=("desk", "resource:a"))
    chain.append(Kind.SIGNAL, folds=["s1"])
    ledger.start("desk", by="lee", at=LATER)
    assert ledger.glance("r1") == Glance(signals=1, stops=("resource:a",))
    assert ledger.glance("nobody") == Glance(signals=0, stops=("resource:a",))
    assert (ledger.length("r1"), ledger.length("nobody")) == (len(chain.entries), 0)
    assert ledger.length(DESK) == len(ledger.read(DESK))


def test_the_desk_is_one_chain(ledger: Ledger) -> None:
    drafts = [Draft(kind=Kind.APPROVED, body={"n": n}) for n in range(3)]
    first = ledger.append_desk(drafts[:2], at=T0, code=CODE)
    second = ledger.append_desk(drafts[2:], at=LATER, code=CODE)
    assert ledger.append_desk([], at=LATER, code=CODE) == []
    assert ledger.read(DESK) == [*first, *second]
    assert [(entry.seq, entry.epoch) for entry in ledger.read(DESK)] == [(1, 0), (2, 0), (3, 0)]
    with pytest.raises(CanonicalError):
        ledger.append_desk([*drafts, Draft(kind=Kind.APPROVED, body={"n": 0.5})], at=T0, code=CODE)
    assert len(ledger.read(DESK)) == 3
    with pytest.raises(UnknownRunError):
        ledger.info(DESK)
    assert ledger.runs(Query()) == []


# listing, waiting, claiming


def test_runs_are_listed_newest_first_page_by_page(ledger: Ledger) -> None:
    for n in range(7):
        begun(ledger, f"r{n}", ended_at=T0 if n % 2 else None)
    pages = [ledger.runs(Query(limit=3))]
    while pages[-1]:
        pages.append(ledger.runs(Query(limit=3, before=pages[-1][-1].run)))
    assert [[info.run for info in page] for page in pages] == [
        ["r6", "r5", "r4"],
        ["r3", "r2", "r1"],
        ["r0"],
        [],
    ]
    assert ledger.runs(Query(limit=0)) == ledger.runs(Query(limit=-1)) == []


def test_runs_are_listed_by_what_they_are(ledger: Ledger) -> None:
    begun(ledger, "r1", runbook="a", target="t1", lane="live/acting", requester="dana", holds=["x"])
    begun(ledger, "r2", runbook="b", target="t1", lane="live/escalated", state="escalated", resources=["x"])
    begun(
        ledger,
        "r3",
        runbook="b",
        target="t2",
        lane="ended/completed",
        ended_at=T0,
        attempts=[["x", "o", 1, T0]],
    )
    begun(ledger, "r4", runbook="b", target="t2", lane="ended/rejected", ended_at=T0)
    asked = {
        "r2 r1": Query(live=True),
        "r4 r3": Query(live=False),
        "r1": Query(runbook="a"),
        "r2": Query(lanes=("live/escalated", "live/stuck"), target="t1"),
        "r3 r2 r1": Query(resource="x"),
        "r1 ": Query(requester="dana"),
        "r2 ": Query(state="escalated"),
        "": Query(runbook="a", target="t2"),
    }
    for runs, query in asked.items():
        assert [info.run for info in ledger.runs(query)] == runs.split(), query
    listed = ledger.runs(Query(resource="x"))[0].row
    assert (listed.attempts, listed.outbox, listed.resources) == ((), (), ("x",))


def test_a_due_run_can_be_claimed_until_somebody_holds_it(ledger: Ledger, clock: Clock) -> None:
    ledger.register(worker("w1", 15))
    due = begun(ledger, "r1", due_at=T0)
    begun(ledger, "r2", due_at=LATER)
    begun(ledger, "r3")
    assert [info.run for info in ledger.claimable()] == ["r1"]
    assert ledger.next_due() == T0
    due.claim()
    assert ledger.claimable() == []
    assert ledger.next_due() == LATER
    ledger.release("r1", 1)
    assert [info.run for info in ledger.claimable()] == ["r1"]
    clock.now = LATER
    assert [info.run for info in ledger.claimable()] == ["r1", "r2"]
    assert [info.run for info in ledger.claimable(limit=1)] == ["r1"]


def test_a_run_with_signals_can_be_claimed(ledger: Ledger) -> None:
    begun(ledger, "r1")
    begun(ledger, "r2", ended_at=T0)
    for run in ("r1", "r2"):
        assert ledger.post(signal(f"s-{run}", run))
    assert [info.run for info in ledger.claimable()] == ["r1"]


def test_an_ended_run_that_is_due_can_be_claimed(ledger: Ledger, clock: Clock) -> None:
    begun(ledger, "r1", ended_at=T0, due_at=LATER)
    assert ledger.claimable() == []
    clock.now = LATER
    assert [info.run for info in ledger.claimable()] == ["r1"]


def test_a_run_whose_holder_is_gone_can_be_claimed(ledger: Ledger, clock: Clock) -> None:
    ledger.register(worker("w1", 15))
    held(ledger, "r1")
    held(ledger, "r2", ended_at=T0)
    ledger.post(signal("s", "r1"))
    assert ledger.claimable() == []
    clock.advance(14.9)
    assert ledger.claimable() == []
    clock.advance(0.1)
    assert [info.run for info in ledger.claimable()] == ["r1"]
    ledger.renew("w1")
    assert ledger.claimable() == []
    ledger.forget("w1")
    assert [info.run for info in ledger.claimable()] == ["r1"]


def test_nothing_due(ledger: Ledger) -> None:
    assert ledger.next_due() is None
    assert ledger.claimable() == []
    begun(ledger, due_at=T0, outbox=[{"id": "n1"}])
    assert ledger.claimable(limit=-1) == ledger.outbox(limit=-1) == []


# resources


def test_attempts_on_a_resource_are_counted_over_all_runs(ledger: Ledger) -> None:
    held(ledger, "r1", attempts=[["a", "o1", 1, T0]]).append(
        Kind.INTENT,
        attempts=[["a", "o1", 1, T0], ["a", "o1", 2, LATER], ["b", "o2", 1, LATER]],
        ended_at=LATER,
    )
    held(ledger, "r2", attempts=[["a", "o1", 1, LATER]])
    assert ledger.attempts_on("a", since=T0) == 3
    assert ledger.attempts_on("a", since="2026-11-23T22:30:00+01:00") == 2
    assert ledger.attempts_on("c", since=T0) == 0


def test_open_escalations_on_a_resource(ledger: Ledger) -> None:
    chain = held(ledger, holds=["a"], escalation="e1")
    assert ledger.escalated_on("a") == ["r1"]
    assert ledger.escalated_on("b") == []
    chain.append(Kind.DECIDED, holds=["a"])
    assert ledger.escalated_on("a") == []


# signals


def test_signals_wait_in_the_order_of_arrival_until_folded(ledger: Ledger) -> None:
    chain = held(ledger)
    sent = [signal(name, "r1", n=n) for n, name in enumerate(["s9", "s1", "s5"])]
    assert [ledger.post(s) for s in sent] == [True, True, True]
    assert not ledger.post(signal("s1", "r1", other=True))
    assert ledger.signals("r1") == sent
    chain.append(Kind.SIGNAL, Kind.SIGNAL, folds=["s9", "s5"])
    assert ledger.signals("r1") == [sent[1]]
    assert not ledger.post(sent[0])
    assert ledger.signals("nobody") == []


@pytest.mark.parametrize("folds", [["s1", "s1"], ["other"], ["theirs"], ["folded"]])
def test_only_a_signal_that_waits_can_be_folded(ledger: Ledger, folds: list[str]) -> None:
    chain = held(ledger)
    begun(ledger, "r2")
    for name, run in (("s1", "r1"), ("theirs", "r2"), ("folded", "r1")):
        ledger.post(signal(name, run))
    chain.append(Kind.SIGNAL, folds=["folded"])
    with pytest.raises(UnknownSignalError):
        chain.append(Kind.SIGNAL, folds=folds)
    assert [s.id for s in ledger.signals("r1")] == ["s1"]
    assert ledger.read("r1") == chain.entries


# workers


def test_a_lease_runs_by_the_ledgers_clock(ledger: Ledger, clock: Clock) -> None:
    ledger.register(worker("w2", 2.5))
    ledger.register(worker("w1", 15))
    assert [w.id for w in ledger.workers()] == ["w1", "w2"]
    first = ledger.workers()[1]
    assert (first.lease_until, first.lease_s) == ("2026-11-23T21:08:42.500000Z", 2.5)
    assert (first.lock_file, first.pid, first.start_time, first.uid) == ("/run/w2.lock", 7, 11, 1000)
    clock.advance(60)
    assert ledger.renew("w2") == "2026-11-23T21:09:42.500000Z" == ledger.workers()[1].lease_until
    ledger.register(worker("w2", 1))
    assert ledger.workers()[1].lease_until == "2026-11-23T21:09:41.000000Z"
    ledger.forget("w2")
    ledger.forget("w2")
    with pytest.raises(FencedError):
        ledger.renew("w2")


# payloads, outbox


def test_a_payload_is_kept_beside_the_chain_and_can_be_erased(ledger: Ledger) -> None:
    text = payload_of("restart checkout in prod", key=KEY)
    chain = held(ledger).append(Kind.INTERPRETED, body={"text": text.digest}, payloads=[text])
    held(ledger, "r2").append(Kind.INTERPRETED, body={"text": text.digest}, payloads=[text])
    assert ledger.payload(text.digest) == "restart checkout in prod"
    assert ledger.payload("hmac-sha256:" + "0" * 64) is None
    assert ledger.erase(text.digest, by="lee", at=T0, why="asked to")
    assert ledger.payload(text.digest) is None
    assert not ledger.erase(text.digest, by="lee", at=T0, why="again")
    assert not ledger.erase("hmac-sha256:" + "0" * 64, by="lee", at=T0, why="never there")
    assert [(e.kind, e.body["payload"]) for e in ledger.read(DESK)] == [(Kind.ERASED, text.digest)]
    chain.append(Kind.NOTIFIED, body={"text": text.digest}, payloads=[text])
    assert ledger.payload(text.digest) == "restart checkout in prod"


def test_notices_wait_until_delivered(ledger: Ledger) -> None:
    first, second, third = (
        {"id": f"n{n}", "channel": "log", "to": "oncall", "body": {"n": n}} for n in (1, 2, 3)
    )
    chain = held(ledger).append(Kind.ESCALATED, outbox=[second, first])
    held(ledger, "r2", outbox=[third])
    assert ledger.outbox() == [{**second, "run": "r1"}, {**first, "run": "r1"}, {**third, "run": "r2"}]
    assert len(ledger.outbox(limit=1)) == 1
    ledger.delivered("n2")
    ledger.delivered("n2")
    ledger.delivered("never heard of")
    chain.append(Kind.NOTIFIED, outbox=[second, first, {**third, "id": "n4"}])
    assert [notice["id"] for notice in ledger.outbox()] == ["n1", "n4", "n3"]
    chain.append(Kind.NOTIFIED, outbox=[])
    assert [notice["id"] for notice in ledger.outbox()] == ["n3"]
    assert ledger.info("r1").row.outbox == ()


def test_notices_keep_the_order_of_the_row(ledger: Ledger) -> None:
    chain = held(ledger, outbox=[{"id": "n1"}, {"id": "n2"}])
    chain.append(Kind.NOTIFIED, outbox=[{"id": "n3"}, {"id": "n2"}])
    assert [notice["id"] for notice in ledger.outbox()] == ["n3", "n2"]
    assert ledger.info("r1").row.outbox == ({"id": "n3"}, {"id": "n2"})


def test_the_id_of_a_notice_is_its_own(ledger: Ledger) -> None:
    notice = {"id": "n1", "channel": "log", "to": "oncall", "body": ""}
    begun(ledger, "r1", outbox=[notice])
    for outbox in ([notice], [{**notice, "id": "n2"}] * 2):
        with pytest.raises(UnsoundLedgerError):
            begun(ledger, "r2", outbox=outbox)
    assert ledger.read("r2") == []


def test_the_clock_is_the_ledgers(ledger: Ledger, clock: Clock) -> None:
    clock.advance(1)
    assert ledger.now() == "2026-11-23T21:08:41.000000Z"
