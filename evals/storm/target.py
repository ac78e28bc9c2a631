"""The target as the storm sees it: a process of its own, its faults, and the log that all is judged from."""

import json
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from evals.storm.cases import Case
from evals.storm.desk import READ_TOKEN, WRITE_TOKEN
from evals.target.journal import read_journal

ROOT: Final = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A running target: its port and its log."""

    port: int
    log: Path

    def plan(self, cases: Sequence[Case]) -> None:
        """Set the faults of every case."""
        self.plan_for({case.thing: case.fault.plan for case in cases})

    def plan_for(self, faults: Mapping[str, Sequence[Mapping[str, Any]]]) -> None:
        """Set the faults of each thing."""
        self._post("/control/plan", {thing: list(plan) for thing, plan in faults.items()})

    def change(self, thing: str, value: int) -> None:
        """Let somebody else set a thing."""
        self._post(f"/control/things/{thing}", {"value": value})

    def journal(self) -> list[dict[str, Any]]:
        """Read the log as far as it goes."""
        return read_journal(self.log)

    def wait_for_write(self, thing: str, *, within_s: float) -> bool:
        """Wait until a write on ``thing`` has arrived; False when none does."""
        needle = f"/{thing}/".encode()
        until = time.monotonic() + within_s
        with self.log.open("rb") as lines:
            while time.monotonic() < until:
                for line in lines:
                    if needle in line and b'"request"' in line and b'"POST"' in line:
                        return True
                time.sleep(0.01)
        return False

    def wait_for_the_late(self, longest_s: float) -> None:
        """Wait until no request that has arrived can take effect any more."""
        arrived = [e["mono_ns"] for e in self.journal() if e["event"] == "request" and e["method"] == "POST"]
        if arrived:
            time.sleep(max(0.0, longest_s - (time.monotonic_ns() - max(arrived)) / 1e9))

    def _post(self, path: str, body: Any) -> None:
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}{path}", data=json.dumps(body).encode(), method="POST"
        )
        with urllib.request.urlopen(request, timeout=10) as reply:  # noqa: S310 - loopback
            reply.read()


@contextmanager
def running_target(log: Path) -> Iterator[Target]:
    """Start the target; it ends with the block, or with this process."""
    environment = {
        **os.environ,
        "TARGET_WRITE_TOKEN": WRITE_TOKEN,
        "TARGET_READ_TOKEN": READ_TOKEN,
    }
    with subprocess.Popen(
        [sys.executable, "-m", "evals.target.server", "--log", str(log), "--lifeline"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=ROOT,
        env=environment,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            yield Target(port=int(process.stdout.readline()), log=log)
        finally:
            process.stdin.close()
            process.wait(timeout=10)
