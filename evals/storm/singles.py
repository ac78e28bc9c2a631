"""A few runs side by side on a storm's desk: paused, taken over, changed behind their back."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from evals.storm import desk
from evals.storm.processes import ROOT, Nursery, nursery, remit
from evals.storm.target import Target, running_target
from remit.worker.identity import stat_of

LEASE_S: Final = 1.5
PATIENCE_S: Final = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A desk, its target, and a zygote for its processes."""

    env: dict[str, str]
    target: Target
    children: Nursery

    def drain(self) -> None:
        """Let another process, freshly started, do what there is to do."""
        done = remit("worker", "--drain", env=self.env)
        assert done.exit == 0, done.out

    def records(self) -> dict[str, dict[str, Any]]:
        """Give the record of the newest admitted run on each thing."""
        listed = json.loads(remit("runs", "list", "--all", "--json", env=self.env).out)
        admitted = [record for record in listed if record["state"] != "rejected"]
        return {record["inputs"]["thing"]: record for record in sorted(admitted, key=lambda r: str(r["run"]))}

    def effects(self, thing: str) -> list[int]:
        """Where each effect left the thing, by the target's log."""
        return [e["after"] for e in self.target.journal() if e["event"] == "effect" and e["thing"] == thing]

    def requests(self, thing: str) -> int:
        """How many writes on the thing arrived at the target."""
        return sum(
            e["event"] == "request" and e["method"] == "POST" and f"/{thing}/" in e["path"]
            for e in self.target.journal()
        )


@contextmanager
def place(folder: Path) -> Iterator[Place]:
    """Start a target, make a desk with short leases, warm up a zygote."""
    folder.mkdir(parents=True, exist_ok=True)
    with running_target(folder / "target.jsonl") as target:
        env = {
            **desk.environment(folder / "desk", target.port),
            "REMIT_WORKER__LEASE_S": str(LEASE_S),
        }
        desk.found(folder / "desk", env)
        with nursery(folder / "out", env) as children:
            yield Place(env=env, target=target, children=children)


def command(runbook: str, thing: str) -> list[str]:
    """The command line that asks for a run and carries it."""
    return ["run", runbook, *desk.inputs(thing), "--json"]


@contextmanager
def in_another_namespace(
    where: Place, argv: Sequence[str], env: dict[str, str]
) -> Iterator["subprocess.Popen[bytes]"]:
    """Run remit where its pid means nothing here; it ends with the block."""
    # The shell is the first process there, which no signal from inside can stop; remit is its child.
    first = ["unshare", "--pid", "--fork", "--kill-child", "sh", "-c", '"$@"; true', "sh"]
    with subprocess.Popen(
        [*first, sys.executable, "-m", "evals.storm.driver", *argv],
        env={**os.environ, **where.env, **env},
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def child_of(pid: int) -> int:
    """The only child of a process, once it has one."""

    def found() -> list[str]:
        return Path(f"/proc/{pid}/task/{pid}/children").read_text().split()

    wait_for(lambda: bool(found()))
    return int(found()[0])


def wait_until_paused(pids: Sequence[int]) -> None:
    """Wait until these processes have stopped themselves, and their leases are over."""

    def stopped() -> bool:
        stats = [stat_of(pid) for pid in pids]
        return all(stat is not None and stat.state == "T" for stat in stats)

    wait_for(stopped)
    time.sleep(LEASE_S * 1.2)


def wake(pid: int) -> None:
    """Let a paused process go on."""
    os.kill(pid, signal.SIGCONT)


def wait_for(condition: Any, within_s: float = PATIENCE_S) -> None:
    """Wait until ``condition()`` is true; AssertionError when it does not come."""
    until = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < until, f"waited {within_s} s in vain"
        time.sleep(0.02)
