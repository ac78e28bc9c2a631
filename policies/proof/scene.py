"""One point of an exploration: the run as folded, the target's own truth, and what may still happen."""

from collections import Counter
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import islice
from typing import Final

from policies.moment import Moment
from policies.proof.case import Case, Limits
from policies.proof.world import Request, World
from state import bodies, instants
from state.entry import FOLD_VERSION, Draft, Entry
from state.fold import apply
from state.task import Clock, Task

RUN: Final = "R"
CODE: Final = "proof"
_BEGAN: Final = datetime(2026, 1, 1, tzinfo=UTC)
_UPTIME_MS: Final[Mapping[str, int]] = {"A": 1_000_000, "B": 7_000_000}


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """``hosts``: where each epoch ran, the newest last; ``sending``: a durable intent whose send begins.

    ``posted``: signals that wait; ``stopped``: the stop switch is thrown; ``withdrawn``: a guard denies;
    ``crowded``: other runs have used up what may be sent to the resources; ``counted``: sends by resource
    are counted; ``calm``: nothing goes wrong here.
    """

    task: Task
    world: World
    now: int
    hosts: str
    left: Limits
    sending: Request | None = None
    posted: tuple[str, ...] = ()
    stopped: bool = False
    withdrawn: bool = False
    crowded: bool = False
    counted: bool = False
    calm: bool = False

    @property
    def at(self) -> str:
        """The database's clock."""
        return _at(self.now)

    @property
    def clock(self) -> Clock:
        """The present holder's monotonic clock."""
        return clock_on(self.hosts[-1], self.now)

    @property
    def moment(self) -> Moment:
        """What the decision table is told."""
        return Moment(
            at=self.at, clock=self.clock, signals=len(self.posted), stops=("desk",) if self.stopped else (),
            attempts_on=self._attempts(),
        )  # fmt: skip

    def _attempts(self) -> Mapping[str, int]:
        if self.crowded:
            return dict.fromkeys(self.task.resources, 10**6)
        return Counter(resource for resource, *_ in self.task.attempts) if self.counted else {}

    def append(self, *drafts: Draft, **changes: object) -> "Scene":
        """The scene behind one append of ``drafts``."""
        task = extend(self.task, drafts, at=self.at, epoch=self.task.epoch)
        return replace(self, task=task, **changes)  # type: ignore[arg-type]

    @property
    def initial(self) -> Hashable:
        """What reads showed at first."""
        return self.task.initial.get("shown")


Next = tuple[str, Scene]  # what happened, and what stands there then


@lru_cache(maxsize=100_000)
def _at(now: int) -> str:
    return instants.iso(_BEGAN + timedelta(milliseconds=now))


def clock_on(host: str, now: int) -> Clock:
    """A host's monotonic clock at ``now``."""
    return Clock(boot_id=host, ms=_UPTIME_MS[host] + now)


def extend(task: Task, drafts: Sequence[Draft], *, at: str, epoch: int) -> Task:
    """Fold ``drafts`` behind ``task`` as the holder would; the chain's hashes prove nothing here."""
    for draft in drafts:
        seq = task.head.seq + 1
        entry = Entry(
            run=RUN, seq=seq, at=at, kind=draft.kind, role=draft.role, actor=draft.actor,
            credential=draft.credential, epoch=epoch, code=CODE, fold_version=FOLD_VERSION,
            prev=task.head.hash, body_text="", hash="", body=draft.body,
        )  # fmt: skip
        task = apply(task, entry)
    return task


def starts(case: Case) -> Iterator[Next]:
    """Every state that a run of ``case`` may find, claimed by a worker on host A."""
    for words, shown in islice(case.sight.beginnings(), case.beginnings):
        yield words, _start(case, shown)


def start(case: Case) -> Scene:
    """The first of them."""
    return next(starts(case))[1]


def _start(case: Case, shown: Hashable) -> Scene:
    world = World(
        sight=case.sight,
        cells=tuple((place, 0) for place in case.places),
        versions=tuple((r, 1) for r in sorted(case.versioned)),
        shown=shown,
    )
    scene = Scene(
        task=Task(run=RUN), world=world, now=0, hosts="A", left=case.limits, counted=case.attempts_bind
    )
    scene = scene.append(
        bodies.requested(actor="alice", source="cli", by="alice", os_user="alice", ref="", delivery=None,
        text=None),
        bodies.interpreted(actor="alice", runbook="explored", version=1, inputs={}, by="direct"),
        bodies.admitted(
            actor="alice", runbook="explored", version=1, title="", inputs={}, target="t", mode=case.mode,
            solo=True,
            pins={"runbook": "sha256:0"}, once_key=None, once_span_ms=None, delivery=None,
            deadline_ms=case.plan.deadline_ms, severity="low", requester="alice", source="cli",
        ),
    )  # fmt: skip
    return claim(scene, "A", proven=())


def claim(scene: Scene, host: str, *, proven: Sequence[int]) -> Scene:
    """A worker on ``host`` takes the run, having seen the processes of the epochs ``proven`` dead."""
    clock, epoch = clock_on(host, scene.now), scene.task.epoch + 1
    draft = bodies.claimed(
        worker=f"{host}{epoch}", boot_id=host, pid_ns=host, pid=epoch, start_time=1, uid=1, lock_file="l",
        clock=clock,
        predecessor=None, proven=proven,
    )  # fmt: skip
    task = extend(scene.task, (draft,), at=scene.at, epoch=epoch)
    hosts = scene.hosts if scene.task.epoch == 0 else scene.hosts + host
    return replace(scene, task=task, hosts=hosts, sending=None)
