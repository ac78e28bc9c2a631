"""What the invariants are judged from: the rows of a ledger, and what the world beside it kept itself.

The ledger's side is what ``Ledger.records()`` and an export yield. The world's side (``World``) is kept by
whoever plays or is the target, never by remit: what arrived there, what it changed, what was true when. Each
part of it may be missing; an invariant that needs it then says so instead of judging.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import groupby
from typing import Any, Final, Self

from evals.invariants.approved import Approvals, Terms
from evals.invariants.story import Story, tell
from policies.contract import ToolContract
from state import canonical, instants
from state.entry import DESK, Entry, Kind, Role
from state.errors import CanonicalError
from state.ledger.port import Record

Rows = Sequence[Mapping[str, Any]]
Place = tuple[str, int]
"""An entry by its run and seq."""


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class When:
    """A moment. ``order`` counts everything that became true, everywhere; ``ms``: true time."""

    order: int
    ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """A write of ours as it arrived at a target; ``applied``: it changed something there.

    ``run``, ``op`` and ``attempt`` say whose send it was, ``sent`` when it left, where whoever keeps the log
    can know; else the key or the arguments tell. ``credential`` is whatever tells two credentials apart.
    """

    when: When
    applied: bool
    resource: str
    tool: str = ""
    arguments: Mapping[str, Any] | None = None
    key: str = ""
    run: str = ""
    op: str = ""
    attempt: int = 0
    credential: str = ""
    sent: When | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """What was true of a thing from ``when`` on, whoever changed it."""

    when: When
    thing: str
    value: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Goal:
    """What must be true of which things for a run to be ``completed``, and to be ``rolled_back``.

    None: nothing is known of such an end.
    """

    completed: Mapping[str, Any] | None = None
    rolled_back: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """A request from outside under an id, and what its sender was answered: a run's id, or ``conflict``."""

    source: str
    delivery: str
    digest: str
    answer: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Calm:
    """Faults ended at ``since_ms``, everything was looked at ``now_ms``, and ``bound_ms`` is B."""

    since_ms: int
    now_ms: int
    bound_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """What the world kept beside the ledger. None: it was not kept.

    ``arrivals``: the effect log, every write of ours that came to a target. ``durable``: when each entry, of
    chain ``desk`` too, was committed. ``states``: the true state of things over time, the first one of each
    before anything happened. ``readers``: credentials that reads came with. ``told``: escalations of which
    somebody was told. ``accepted``: runs whose requester was told so; ``posted``: ids of signals that were
    taken in. ``checkpoints``: (run, seq, hash) seen or signed earlier. ``canaries``: values that must stand
    nowhere, ``sinks``: name to text of logs, prompts, pages and exports. ``alone``: by run, the (op, digest)
    that the rules alone sent on the same answers. ``shown``: records as they were shown, by run.
    """

    arrivals: Sequence[Arrival] | None = None
    durable: Mapping[Place, When] | None = None
    states: Sequence[State] | None = None
    goals: Mapping[str, Goal] | None = None
    readers: Collection[str] | None = None
    told: Collection[str] | None = None
    accepted: Collection[str] | None = None
    posted: Collection[str] | None = None
    deliveries: Sequence[Delivery] | None = None
    checkpoints: Sequence[tuple[str, int, str]] = ()
    canaries: Sequence[str] = ()
    sinks: Mapping[str, str] = field(default_factory=dict)
    calm: Calm | None = None
    alone: Mapping[str, Collection[tuple[str, str]]] | None = None
    shown: Mapping[str, Mapping[str, Any]] | None = None


NOTHING: Final = World()


@dataclass(frozen=True, kw_only=True)  # no slots: cached properties
class Evidence:
    """A ledger and a world. ``tables``: the rows beside the chains by table; None: chains alone were given.

    ``whole``: these are all runs there are. ``unread``: entries whose columns say what no entry can say.
    """

    chains: Mapping[str, Sequence[Entry]]
    desk: Sequence[Entry] = ()
    tables: Mapping[str, Rows] | None = None
    world: World = NOTHING
    whole: bool = True
    unread: Sequence[tuple[str, int, str]] = ()

    @classmethod
    def of(cls, records: Iterable[Record], world: World = NOTHING, *, whole: bool = True) -> Self:
        """Read the rows of ``Ledger.records()`` or of an export, in their order."""
        chains: dict[str, list[Entry]] = {}
        tables: dict[str, list[Mapping[str, Any]]] = {}
        unread: list[tuple[str, int, str]] = []
        for table, rows in groupby(records, key=lambda record: record[0]):
            if table != "entries":
                tables.setdefault(table, []).extend(row for _, row in rows)
                continue
            for _, row in rows:
                try:
                    chains.setdefault(row["run"], []).append(_entry(row))
                except (CanonicalError, ValueError) as error:
                    unread.append((row["run"], row["seq"], str(error)))
        for chain in chains.values():
            chain.sort(key=lambda entry: entry.seq)
        desk = chains.pop(DESK, [])
        return cls(chains=chains, desk=desk, tables=tables, world=world, whole=whole, unread=unread)

    @cached_property
    def approvals(self) -> Approvals:
        """What chain ``desk`` has approved, by digest."""
        return Approvals.of(self.desk)

    @cached_property
    def stories(self) -> Mapping[str, Story]:
        """Every run, sorted by what its entries are about."""
        return {run: tell(run, entries) for run, entries in self.chains.items()}

    def terms(self, story: Story) -> Terms | None:
        """What a run was approved as; None where it was not admitted, or chain ``desk`` does not say."""
        if story.admitted is None:
            return None
        bundle = story.admitted.body["pins"].get("bundle", "")
        if bundle not in self._known:
            self._known[bundle] = self.approvals.terms(bundle)
        return self._known[bundle]

    @cached_property
    def _known(self) -> dict[str, Terms | None]:
        return {}

    def contract(self, story: Story, tool: str) -> ToolContract | None:
        """What a tool promised when a run was admitted; None where chain ``desk`` does not say."""
        terms = self.terms(story)
        return terms.contracts.get(tool) if terms is not None else None

    @property
    def payloads(self) -> Mapping[str, str | None] | None:
        """Free texts by digest; None under a digest: erased."""
        if self.tables is None:
            return None
        return {row["digest"]: row["text"] for row in self.tables.get("payloads", ())}

    def when(self, entry: Entry) -> When:
        """When ``entry`` became durable; its own time where nobody knows."""
        known = self.world.durable
        if known is not None and (entry.run, entry.seq) in known:
            return known[entry.run, entry.seq]
        ms = ms_of(entry.at)
        return When(order=ms, ms=ms)

    @property
    def ordered(self) -> bool:
        """Whether moments of different chains and targets can be told apart to the last."""
        return self.world.durable is not None


_EPOCH: Final = instants.parse("1970-01-01T00:00:00Z")


def ms_of(at: str) -> int:
    """An instant as milliseconds, to be compared with others."""
    return round((instants.parse(at) - _EPOCH).total_seconds() * 1000)


def _entry(row: Mapping[str, Any]) -> Entry:
    return Entry(
        run=row["run"], seq=row["seq"], at=row["at"], kind=Kind(row["kind"]), role=Role(row["role"]),
        actor=row["actor"], credential=row["credential"], epoch=row["epoch"], code=row["code"],
        fold_version=row["fold_version"], prev=row["prev"], body_text=row["body"], hash=row["hash"],
        body=canonical.loads(row["body"]),
    )  # fmt: skip
