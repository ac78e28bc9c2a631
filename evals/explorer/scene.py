"""One point of an exploration: the run as folded, the target's own truth, and what may still happen."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Final

from evals.explorer.plans import Case, Limits
from evals.explorer.world import Cell, Request, World
from policies.moment import Moment
from state import bodies, instants
from state.entry import Draft
from state.holder import extend
from state.task import Clock, Task

RUN: Final = "R"
CODE: Final = "explorer"
_BEGAN: Final = datetime(2026, 1, 1, tzinfo=UTC)
_UPTIME_MS: Final[Mapping[str, int]] = {"A": 1_000_000, "B": 7_000_000}


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """``hosts``: where each epoch ran, the newest last; ``sending``: a durable intent whose send begins."""

    task: Task
    world: World
    now: int
    hosts: str
    left: Limits
    sending: Request | None = None
    posted: tuple[str, ...] = ()
    stopped: bool = False
    withdrawn: bool = False

    @property
    def at(self) -> str:
        """The database's clock."""
        return instants.iso(_BEGAN + timedelta(milliseconds=self.now))

    @property
    def clock(self) -> Clock:
        """The present holder's monotonic clock."""
        return clock_on(self.hosts[-1], self.now)

    @property
    def moment(self) -> Moment:
        """What the decision table is told."""
        return Moment(
            at=self.at, clock=self.clock, signals=len(self.posted), stops=("desk",) if self.stopped else ()
        )

    def append(self, *drafts: Draft, **changes: object) -> "Scene":
        """The scene behind one append of ``drafts``."""
        task, _ = extend(self.task, drafts, at=self.at, epoch=self.task.epoch, code=CODE)
        return replace(self, task=task, **changes)  # type: ignore[arg-type]


Next = tuple[str, Scene]  # what happened, and what stands there then


def clock_on(host: str, now: int) -> Clock:
    """A host's monotonic clock at ``now``."""
    return Clock(boot_id=host, ms=_UPTIME_MS[host] + now)


def start(case: Case) -> Scene:
    """A run of ``case`` that a worker on host A has just claimed."""
    scene = Scene(
        task=Task(run=RUN),
        world=World(cells=tuple((s.id, Cell()) for s in case.plan.steps)),
        now=0,
        hosts="A",
        left=case.limits,
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
    task, _ = extend(scene.task, (draft,), at=scene.at, epoch=epoch, code=CODE)
    hosts = scene.hosts if scene.task.epoch == 0 else scene.hosts + host
    return replace(scene, task=task, hosts=hosts, sending=None)
