"""``remit runbook prove``: play everything that may happen to a runbook, and say how it ends."""

import os
import re
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Annotated, Any, Final, Self

import typer

from remit.cli.door import ENDED_OTHERWISE, OK, STILL_RUNNING, Door, columns, plain
from remit.errors import DeskError, UsageError
from state.wording import clipped, count_text, wrapped

if TYPE_CHECKING:
    from policies.proof.proof import Proof
    from remit.proving.gate import Proven
    from remit.proving.reading import Meant
    from remit.proving.spread import Bounds, Seen

_What = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[FILE|ID]...",
        help="Runbook files, folders with such, or runbooks by id (none: every one of this desk).",
    ),
]
Seconds = Annotated[
    float | None,
    typer.Option("--seconds", min=0, help="Stop the proof of each runbook after so long (600)."),
]
Workers = Annotated[
    int | None, typer.Option("--workers", min=1, max=64, help="Processes to spread it over (2).")
]
_QUIET_KEYS: Final = "Ctrl-C gives it up"
_HEAD: Final = re.compile(r" *([\d,]+\.? +)?")  # what stands before the text of a line; always matches


def prove_files(
    door: Door,
    what: _What = None,
    *,
    quick: Annotated[
        bool, typer.Option("--quick", help="Every outcome and every move of a model, without crashes.")
    ] = False,
    full: Annotated[
        bool, typer.Option("--full", help="Crash, paused worker and human decision at every point too.")
    ] = False,
    seconds: Seconds = None,
    states: Annotated[
        int | None, typer.Option("--states", min=1, help="Look at no more than so many states at a time.")
    ] = None,
    workers: Workers = None,
) -> int:
    """Play everything that may happen to a runbook on the real decision core; nothing real is touched.

    Exit codes: 0 all proved, 8 a counterexample, 7 not exhausted, 2 a file cannot be used.
    """
    from policies.proof.prover import Depth
    from remit.proving.gate import Prover
    from remit.proving.reading import meant

    if quick and full:
        raise UsageError("either --quick or --full", code="usage")
    folder, keep = _desk(door)
    found = meant(what or [], folder=folder, cwd=Path.cwd())
    told: list[tuple[Meant, Proven]] = []
    with Watched(door) as watched:
        prover = Prover(
            keep, depth=Depth.QUICK if quick else Depth.FULL, bounds=bounds(seconds, states, workers),
            show=watched,
        )  # fmt: skip
        for one in found:
            proven = prover.prove(one.subject)
            watched.clear()
            told.append((one, proven))
            if not door.json:
                door.text(*([""] if len(told) > 1 else []), *_lines(one, proven))
    if door.json:
        door.data([{"file": one.file, "kept": p.kept, **p.proof.as_json()} for one, p in told])
    door.say(*_counted([p.proof for _, p in told]))
    return _exit([p.proof for _, p in told])


def bounds(seconds: float | None, states: int | None, workers: int | None) -> "Bounds":
    """The bounds that were asked for; those that were not are as ever."""
    from remit.proving.spread import Bounds

    usual = Bounds()
    return Bounds(
        seconds=usual.seconds if seconds is None else seconds,
        states=states,
        workers=workers or usual.workers,
    )


class Watched:
    """Shows on stderr how far a proof is: a moving line where there is a terminal, else nothing."""

    def __init__(self, door: Door) -> None:
        """Nothing is shown with ``--json``."""
        self._silent = door.json or not sys.stderr.isatty()
        self._stack = ExitStack()
        self._status: Any = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.clear()

    def __call__(self, seen: "Seen") -> None:
        """Show how far it is."""
        if self._silent:
            return
        from rich.markup import escape

        if self._status is None:
            from rich.console import Console

            self._status = self._stack.enter_context(Console(stderr=True, highlight=False).status(""))
        said = clipped(plain(_progress(seen)), max(20, columns() - len(_QUIET_KEYS) - 6))
        self._status.update(f"{escape(said)}  [dim]{_QUIET_KEYS}[/dim]")

    def clear(self) -> None:
        """Take the moving line away."""
        self._stack.close()
        self._stack, self._status = ExitStack(), None


def _progress(seen: "Seen") -> str:
    part = f"part {min(seen.done + 1, seen.of)} of {seen.of}"
    states = f"{seen.states:,} states, {seen.waiting:,} waiting"
    return f"{seen.runbook}: {part}, {states}, {seen.seconds:.0f} s: {'; '.join(seen.now)}"


def _desk(door: Door) -> tuple[Any, Any]:
    """The files of the desk, and the proofs that it keeps; where there is no desk, files need none."""
    from remit.desk import payload_key
    from remit.folder import read_folder
    from remit.proving.keeping import Keep

    try:
        settings = door.settings()
    except DeskError:
        if door.desk_given is not None:
            raise
        return None, Keep()
    return read_folder(settings, os.environ), Keep(settings.private, lambda: payload_key(settings))


def _lines(one: "Meant", proven: "Proven") -> Iterator[str]:
    from policies.proof.report import lines

    for line in lines(proven.proof, one.place):
        yield from wrapped(line, columns(), hang=len(_HEAD.match(line)[0]))  # type: ignore[index]
    if one.problems:
        yield from ("", "What lint says", *(f"  {problem}" for problem in one.problems))


def said(proven: "Proven") -> str:
    """Say in one line what came of a proof."""
    proof = proven.proof
    verdict = str(proof.verdict).replace("_", " ")
    states = count_text(proof.states, "state")
    trusted = f"; {len(proof.trusted)} taken on trust" if proof.trusted else ""
    return f"{verdict} ({proof.depth}: {states}, {_took(proven)}{trusted})"


def _took(proven: "Proven") -> str:
    return "proved before" if proven.kept else f"{proven.seconds:.1f} s"


def _counted(proofs: "list[Proof]") -> list[str]:
    verdicts = [str(proof.verdict) for proof in proofs]
    said = [f"{verdicts.count(v)} {v.replace('_', ' ')}" for v in dict.fromkeys(verdicts)]
    lines = [f"{count_text(len(proofs), 'runbook')}: {', '.join(said)}"]
    if "not_exhausted" in verdicts:
        lines.append("next: the same with a greater --seconds or --states")
    return lines


def _exit(proofs: "list[Proof]") -> int:
    verdicts = {str(proof.verdict) for proof in proofs}
    if "counterexample" in verdicts:
        return ENDED_OTHERWISE
    return STILL_RUNNING if "not_exhausted" in verdicts else OK
