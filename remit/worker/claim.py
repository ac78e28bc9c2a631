"""How a run is taken: what is known of its former holders, and the entry that makes a worker its holder."""

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import Any, Protocol

from remit.worker.fence import Ended, prove
from remit.worker.identity import Identity, Process, clock
from remit.worker.lease import Lease
from state import bodies
from state.holder import Holder, extend
from state.instants import parse
from state.ledger.port import Append, Ledger, RunInfo, Worker
from state.projection import row_of
from state.recall import Recall
from state.task import Claim, Clock, Task


class Prove(Protocol):
    """How it is found out what became of a process (``remit.worker.fence.prove``)."""

    def __call__(self, process: Process, me: Process, *, lease_over: bool) -> Ended:
        """Say what is known of ``process``."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Claimant:
    """One worker process, as far as taking runs needs it."""

    ledger: Ledger
    identity: Identity
    lease: Lease
    code: str
    clock: Callable[[], Clock] = field(default_factory=lambda: clock)
    proves: Prove = prove
    recall: Recall = field(init=False)
    left_behind: dict[str, set[int]] = field(default_factory=dict)
    """Run to epochs of which a call of this process may still send, although the ledger does not know."""

    def __post_init__(self) -> None:
        """Remember no run yet."""
        object.__setattr__(self, "recall", Recall(self.ledger))

    def take(self, run: str, *, ready: Callable[[Task], object] = lambda _: None) -> Holder | None:
        """Become the holder of ``run``; None where it is another's, has ended, or its fold is unsound.

        ``ready`` is called before anything is written; what it raises comes out, and nothing was claimed.
        HeadMovedError where somebody else was quicker, and the other leaves of LedgerError.
        """
        info = self.ledger.info(run)
        task = self.recall.task(run)
        if info.row.state is not None or task.closed is not None or task.unsound or not task.pins:
            return None
        predecessor = self._predecessor(info, task)
        if predecessor is not None and predecessor["ended"] == Ended.ALIVE:
            return None
        ready(task)
        return self._claim(task, predecessor, self._proven(task, predecessor))

    def bury(self) -> list[str]:
        """Take workers off the list whose end is proven; their runs can then be claimed. Their ids."""
        now = parse(self.ledger.now())
        dead: list[str] = []
        for worker in self.ledger.workers():
            if worker.id == self.identity.worker.id:
                continue
            over = parse(worker.lease_until) < now and self.lease.may_fence()
            if self.proves(worker, self.identity.worker, lease_over=over) is Ended.EXITED:
                self.ledger.forget(worker.id)
                dead.append(worker.id)
        return dead

    def _predecessor(self, info: RunInfo, task: Task) -> dict[str, Any] | None:
        """What became of the last holder. That nobody is known to hold the run is no release."""
        if not task.claims:
            return None
        last = task.claims[-1]
        ended = "released" if info.released or last.worker == self.identity.worker.id else self._prove(last)
        return {"epoch": last.epoch, "worker": last.worker, "ended": str(ended)}

    def _prove(self, claim: Claim) -> Ended:
        """What is known of a former holder; one that is off the list is nobody's to kill."""
        registered = next((w for w in self.ledger.workers() if w.id == claim.worker), None)
        over = registered is not None and self._lease_over(registered)
        ended = self.proves(claim, self.identity.worker, lease_over=over)
        return Ended.LEASE_EXPIRED if registered is None and ended is Ended.ALIVE else ended

    def _lease_over(self, registered: Worker) -> bool:
        """Its lease is over, and this worker is well enough to say so."""
        return parse(registered.lease_until) < parse(self.ledger.now()) and self.lease.may_fence()

    def _proven(self, task: Task, predecessor: dict[str, Any] | None) -> list[int]:
        """Every earlier epoch whose process can send nothing more for it: ended, or back from its calls."""
        proven = set(task.proven_dead)
        attempts = [a for o in task.operations for a in o.attempts]
        left_behind = {a.epoch for a in attempts if a.left_behind}  # giving the run back proves nothing then
        left_behind |= self.left_behind.get(task.run, set())
        if predecessor is not None and (
            predecessor["ended"] == Ended.EXITED
            or (predecessor["ended"] == "released" and predecessor["epoch"] not in left_behind)
        ):
            proven.add(predecessor["epoch"])
        doubtful = {a.epoch for a in attempts if a.undecided and a.returned is None}
        for claim in task.claims:
            last = claim is task.claims[-1] and claim.epoch not in left_behind  # asked already
            if claim.epoch in doubtful - proven and not last and self._ended(claim, left_behind):
                proven.add(claim.epoch)
        return sorted(proven)

    def _ended(self, claim: Claim, left_behind: Collection[int]) -> bool:
        """Whether it is this very process, with no call left behind, or one that is proven dead."""
        mine = claim.worker == self.identity.worker.id and claim.epoch not in left_behind
        return mine or self.proves(claim, self.identity.worker, lease_over=False) is Ended.EXITED

    def _claim(self, task: Task, predecessor: dict[str, Any] | None, proven: list[int]) -> Holder:
        me = self.identity.worker
        draft = bodies.claimed(
            worker=me.id, boot_id=me.boot_id, pid_ns=me.pid_ns, pid=me.pid, start_time=me.start_time,
            uid=me.uid, lock_file=me.lock_file, clock=self.clock(), predecessor=predecessor, proven=proven,
        )  # fmt: skip
        at, epoch = self.ledger.now(), task.epoch + 1
        claimed, entries = extend(task, (draft,), at=at, epoch=epoch, code=self.code)
        self.ledger.claim(
            Append(run=task.run, epoch=epoch, head=task.head, entries=entries, row=row_of(claimed)),
            worker=me.id,
        )
        return Holder(ledger=self.ledger, task=claimed, worker=me.id, code=self.code)
