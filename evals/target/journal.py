"""What the target writes down: a JSON line for each request, effect and reply, on disk before it goes on."""

import json
import os
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any


class Journal:
    """An append-only file. A line is one write, so lines of several threads never mix."""

    def __init__(self, path: Path) -> None:
        """Open or make ``path``."""
        self._descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644)

    def write(self, event: str, **fields: Any) -> None:
        """Append one line, synced."""
        at = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        line = json.dumps({"event": event, "at": at, "mono_ns": time.monotonic_ns(), **fields})
        os.write(self._descriptor, line.encode() + b"\n")
        os.fdatasync(self._descriptor)


def read_journal(path: Path) -> list[dict[str, Any]]:
    """Every whole line so far, in order."""
    text = path.read_text() if path.exists() else ""
    return [json.loads(line) for line in text.splitlines(keepends=True) if line.endswith("\n")]


def effects_of(path: Path, thing: str) -> list[dict[str, Any]]:
    """Give the effects that the target applied to ``thing``, in order."""
    return [e for e in read_journal(path) if e["event"] == "effect" and e["thing"] == thing]
