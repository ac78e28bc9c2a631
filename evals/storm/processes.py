"""How the storm starts remit: fresh processes by the command line, and forked ones by the zygote."""

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).parents[2]
KILL_AT: Final = "STORM_KILL_AT"  # what the driver reads
PAUSE_AT: Final = "STORM_PAUSE_AT"
BUG: Final = "STORM_BUG"
DISK: Final = "STORM_DISK"
HOST: Final = "STORM_HOST"
TRACE: Final = "STORM_TRACE"
KILLED: Final = -signal.SIGKILL


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """How a process ended (negative: by that signal) and what it printed."""

    exit: int
    out: str


def remit(*argv: str, env: Mapping[str, str], driven: bool = False, within_s: float = 240.0) -> Finished:
    """Run one command line in a fresh process; ``driven``: through the driver, which heeds its variables."""
    done = subprocess.run(
        [sys.executable, "-m", "evals.storm.driver" if driven else "remit", *argv],
        env={**os.environ, **env},
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=within_s,
        check=False,
    )
    if done.returncode not in (0, KILLED):
        print(done.stderr, file=sys.stderr)
    return Finished(exit=done.returncode, out=done.stdout)


@dataclass(slots=True, kw_only=True)
class Child:
    """A forked remit process."""

    id: str
    out: Path
    err: Path
    started: threading.Event = field(default_factory=threading.Event)
    ended: threading.Event = field(default_factory=threading.Event)
    pid: int = 0
    exit: int | None = None

    def said(self) -> str:
        """What it has printed so far, on both streams."""
        return "".join(p.read_text(errors="replace") for p in (self.out, self.err) if p.exists())

    def wait(self, within_s: float) -> int | None:
        """Wait for its end; None when it still runs."""
        self.ended.wait(within_s)
        return self.exit

    def send(self, number: signal.Signals) -> None:
        """Send it a signal, from outside, while it runs."""
        self.started.wait(30)
        if not self.ended.is_set():
            os.kill(self.pid, number)


class Nursery:
    """The zygote's other end: starts forked remit processes and follows them."""

    def __init__(self, process: "subprocess.Popen[bytes]", folder: Path, env: Mapping[str, str]) -> None:
        """``folder``: where the children's output goes."""
        self._process, self._folder, self._env = process, folder, dict(env)
        self._children: dict[str, Child] = {}
        self._lock = threading.Lock()
        self._reader = threading.Thread(target=self._follow, daemon=True)
        self._reader.start()

    def start(self, name: str, *argvs: Sequence[str], env: Mapping[str, str] | None = None) -> Child:
        """Start a process that carries out the command lines in ``argvs`` one after another."""
        child = Child(id=name, out=self._folder / f"{name}.out", err=self._folder / f"{name}.err")
        command = {
            "id": name,
            "argv": [list(argv) for argv in argvs],
            "env": {**self._env, **(env or {})},
            "out": str(child.out),
            "err": str(child.err),
        }
        self._children[name] = child
        self._tell(command)
        return child

    def read(self, *folders: Path) -> None:
        """Let the zygote read the YAML files below ``folders`` once for all that it starts from now on."""
        self._tell({"read": [str(folder) for folder in folders]})

    def _tell(self, order: Mapping[str, Any]) -> None:
        assert self._process.stdin is not None
        with self._lock:
            self._process.stdin.write(json.dumps(order).encode() + b"\n")
            self._process.stdin.flush()

    def _follow(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            said: dict[str, Any] = json.loads(line)
            child = self._children[said["id"]]
            if "pid" in said:
                child.pid = said["pid"]
                child.started.set()
            else:
                child.exit = said["exit"]
                child.started.set()
                child.ended.set()


@contextmanager
def nursery(folder: Path, env: Mapping[str, str]) -> Iterator[Nursery]:
    """Start a zygote; it and its children end with the block."""
    folder.mkdir(parents=True, exist_ok=True)
    with subprocess.Popen(
        [sys.executable, "-m", "evals.storm.zygote"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=ROOT,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert b"ready" in process.stdout.readline(), "the zygote did not start"
        try:
            yield Nursery(process, folder, env)
        finally:
            process.stdin.close()
            process.wait(timeout=30)
