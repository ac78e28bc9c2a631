"""Which processes may still send for a run: those of writes without an answer that nobody has shown dead."""

from dataclasses import dataclass
from typing import Any

from state.task import Claim, Task


@dataclass(frozen=True, slots=True, kw_only=True)
class Sender:
    """A process in doubt, as it claimed the run, and what it may still send: ``set/1 #2``.

    ``children``: the process itself is dead, and a child process that it started may still send.
    """

    claim: Claim
    sends: tuple[str, ...]
    children: bool = False

    def text(self) -> str:
        """Where to look, and for what."""
        c = self.claim
        who = "the child processes of worker" if self.children else "worker"
        return (
            f"{who} {c.worker}: pid {c.pid} in pid namespace {c.pid_ns}, host boot id {c.boot_id}, "
            f"since {c.at}; may still send {', '.join(self.sends)}"
        )

    def row(self) -> dict[str, Any]:
        """The same for programs."""
        c = self.claim
        return {
            "epoch": c.epoch, "worker": c.worker, "boot_id": c.boot_id, "pid_ns": c.pid_ns, "pid": c.pid,
            "since": c.at, "sends": list(self.sends), "children": self.children,
        }  # fmt: skip


def senders_in_doubt(task: Task) -> tuple[Sender, ...]:
    """The senders that are neither back from the call nor proven or stated dead, the first first."""
    sends: dict[int, list[str]] = {}
    for operation in task.operations:
        for attempt in operation.attempts:
            dead = attempt.epoch in task.proven_dead and not attempt.child
            known = dead or attempt.epoch in task.attested
            if attempt.undecided and attempt.returned is None and not known:
                sends.setdefault(attempt.epoch, []).append(f"{operation.id} #{attempt.number}")
    return tuple(
        Sender(claim=c, sends=tuple(sends[c.epoch]), children=c.epoch in task.proven_dead)
        for c in task.claims
        if c.epoch in sends
    )
