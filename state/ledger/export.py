"""How a ledger leaves its database: one JSON line a row, checked later without any database.

The first line says what the file is, the last how many rows came before it and what all lines before it
hash to. Every line is written in one way only, so that none can be read in two; bodies of entries stand in
it as the very text that was sealed.
"""

import hashlib
import json
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, Final, Protocol

from state.errors import StateError
from state.ledger import audit
from state.ledger.columns import misfit
from state.ledger.port import Finding, Project, Record

FORMAT: Final = "remit/ledger-export/v1"
MOST_LINE_BYTES: Final = 16 << 20


class Source(Protocol):
    """Whatever yields the records of a ledger."""

    def records(self, run: str | None = None) -> Iterator[Record]:
        """Yield every row of every table, by run; or those of ``run`` alone."""


def _line(value: Any) -> bytes:
    text = json.dumps(
        value, separators=(",", ":"), ensure_ascii=True
    )  # ASCII: no line separator inside a line
    return text.encode() + b"\n"


def export(ledger: Source, path: Path, *, run: str | None = None) -> int:
    """Write the records of ``ledger``, or of ``run`` alone, to ``path``; return how many rows.

    The file appears whole or not at all, readable by its owner alone. OSError where it cannot be written.
    """
    # a file that nobody else made: new, under a name that cannot be guessed, mode 0600
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name[:100]}.", suffix=".part")
    try:
        with os.fdopen(handle, "wb") as file:
            count = _write(file, ledger.records(run), run)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    return count


def _write(file: BinaryIO, records: Iterator[Record], run: str | None) -> int:
    count, digest = 0, hashlib.sha256()
    head = _line({"export": FORMAT, "run": run})
    digest.update(head)
    file.write(head)
    for table, row in records:
        line = _line({"table": table, "row": row})
        digest.update(line)
        file.write(line)
        count += 1
    file.write(_line({"rows": count, "sha256": digest.hexdigest()}))
    file.flush()
    os.fsync(file.fileno())
    return count


def verify_export(
    path: Path, *, project: Project | None = None, payload_key: bytes | None = None
) -> Iterator[Finding]:
    """Check an export offline, as ``Ledger.verify`` checks a database. OSError where it cannot be read."""
    reader = _Reader(path)
    try:
        yield from audit.findings(
            reader.records(), project=project, payload_key=payload_key, whole=reader.run is None
        )
    except _BrokenFileError as broken:
        yield _about_file(f"line {reader.line}: {broken}; nothing behind it was checked")
        return
    yield from reader.closing()


def records_of(path: Path) -> Iterator[Record]:
    """Yield the rows of an export; StateError where it cannot be read on, OSError where not at all."""
    yield from _Reader(path).records()


def run_of(path: Path) -> str | None:
    """The run that an export is of; None where it is of everything. OSError where it cannot be read."""
    return _Reader(path).run


def whole(path: Path) -> bool:
    """Whether an export is of everything, and not of one run. OSError where it cannot be read."""
    return run_of(path) is None


class _BrokenFileError(StateError):
    """The file is no export, or is cut or changed where it can be seen."""


def _about_file(what: str) -> Finding:
    return Finding(run=audit.ALL, seq=None, table="export", column="", what=what)


class _Reader:
    """Reads an export line by line, and remembers what its last line ought to say."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.line = 1
        self._count, self._digest = 0, hashlib.sha256()
        self._last: dict[str, Any] | None = None
        self._problem: str | None = None
        self.run: str | None = None
        try:
            with path.open("rb") as file:
                raw = file.readline(MOST_LINE_BYTES)
            head = _parse(raw)
            if head.get("export") != FORMAT:
                self._problem = f"not an export of format {FORMAT}"
            elif not isinstance(run := head.get("run"), str | None) or set(head) != {"export", "run"}:
                self._problem = "its first line does not say which run it is of, and that alone"
            else:
                self.run = run
                self._digest.update(raw)
        except _BrokenFileError as broken:
            self._problem = str(broken)

    def records(self) -> Iterator[Record]:
        """Yield the rows; _BrokenFileError where the file cannot go on."""
        if self._problem is not None:
            raise _BrokenFileError(self._problem)
        with self._path.open("rb") as file:
            for self.line, raw in enumerate(iter(lambda: file.readline(MOST_LINE_BYTES), b""), 1):
                if self.line == 1:
                    continue
                if self._last is not None:
                    raise _BrokenFileError("lines behind the last one")
                value = _parse(raw)
                if "rows" in value:
                    self._last = value
                    continue
                table, row = value.get("table"), value.get("row")
                if not isinstance(table, str) or not isinstance(row, dict):
                    raise _BrokenFileError("neither a row nor the last line")
                problem = misfit(table, row)
                problem = problem or self._stray(table, row)
                if problem is not None:
                    raise _BrokenFileError(problem)
                self._digest.update(raw)
                self._count += 1
                yield table, row

    def _stray(self, table: str, row: dict[str, Any]) -> str | None:
        """Say why a row does not belong into an export of one run; None where it does."""
        if self.run is None or row.get("run") == self.run or table == "payloads":
            return None
        whose = f"of run {row['run']!r:.40}" if "run" in row else "of the whole ledger"
        return f"a row {whose} ({table}) in an export of run {self.run!r:.40}"

    def closing(self) -> Iterator[Finding]:
        """Find what the last line says otherwise."""
        if self._last is None:
            yield _about_file(f"cut: it ends after {self._count} rows, without its last line")
            return
        if self._last.get("rows") != self._count:
            yield _about_file(
                f"its last line counts {self._last.get('rows')!r:.20} rows, {self._count} are there"
            )
        if self._last.get("sha256") != self._digest.hexdigest():
            yield _about_file("its first line or its rows are not those that its last line was made for")


def _parse(raw: bytes) -> dict[str, Any]:
    if not raw:
        raise _BrokenFileError("the file is empty")
    try:
        value = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise _BrokenFileError(f"not JSON: {error}") from error
    if not isinstance(value, dict):
        raise _BrokenFileError("not an object")
    if _line(value) != raw:
        raise _BrokenFileError("not written as an export is: it could be read in two ways")
    return value
