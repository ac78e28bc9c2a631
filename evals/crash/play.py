"""One case: a run on a desk of its own, its processes killed one after another, and one that lives."""

import itertools
import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from evals.crash import desk
from evals.crash.places import Place, Trace, read_trace
from evals.crash.subjects import Subject
from evals.storm.processes import KILL_AT, KILLED, TRACE, Child, Nursery
from evals.storm.target import Target
from state.ledger.export import records_of
from state.ledger.port import Record

PATIENCE_S: Final = 120.0
DRAIN: Final = ("worker", "--drain")


@dataclass(frozen=True, slots=True, kw_only=True)
class Played:
    """What a case came to. ``kills``: where processes were to die; ``died``: which of them did.

    ``traces``: of every process, the last that of the one that lived; ``trouble``: what kept the case from
    being told; ``idle``: a further drain entered nothing.
    """

    subject: Subject
    thing: str
    kills: tuple[Place, ...]
    died: tuple[bool, ...] = ()
    traces: tuple[Trace, ...] = ()
    runs: Sequence[Mapping[str, Any]] = ()
    sound: bool = False
    idle: bool = False
    rows: Sequence[Record] = ()
    trouble: str = ""

    @property
    def killed(self) -> int:
        """How many processes were killed."""
        return sum(self.died)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """Where cases are played: the desks to copy, one target for all, and the zygote."""

    folder: Path
    desks: Mapping[str, Path]
    target: Target
    children: Nursery
    _numbers: "itertools.count[int]" = field(default_factory=lambda: itertools.count(1))

    @classmethod
    def found(
        cls, folder: Path, target: Target, children: Nursery, env: Mapping[str, str], *, kinds: Sequence[str]
    ) -> "Stage":
        """Make a desk for each of ``kinds``."""
        desks = {kind: desk.found(folder / "desks", kind, children, env) for kind in kinds}
        return cls(folder=folder, desks=desks, target=target, children=children)

    def play(self, subject: Subject, kills: tuple[Place, ...] = ()) -> Played:
        """Ask for a run; kill its process at the first of ``kills``, the one that takes over at the next."""
        thing = f"{subject.name}-{next(self._numbers)}".replace("/", "-").replace("_", "-")
        place = self.folder / "cases" / thing
        shutil.copytree(self.desks[subject.kind], place / "desk")
        self.target.plan_for(subject.plans(thing))
        asked = ["run", desk.request(subject.kind, thing), "--json"]
        played = Played(subject=subject, thing=thing, kills=kills)
        for number, kill in enumerate(kills or (None,), 1):
            argv = asked if number == 1 else DRAIN
            child, trace = self._process(place, f"{number}", [argv], kill=str(kill or ""))
            died = () if kill is None else (child.exit == KILLED,)
            played = replace(played, died=(*played.died, *died), traces=(*played.traces, trace))
            if child.exit is None:
                return replace(played, trouble=f"process {number} hangs")
        return self._last(place, played)

    def _last(self, place: Path, played: Played) -> Played:
        """Let a process live, and tell how all stands then."""
        export = place / "export.jsonl"
        argvs: list[Sequence[str]] = [
            DRAIN, DRAIN, ["runs", "list", "--all", "--json"], ["ledger", "verify", "--json"],
            ["ledger", "export", str(export)],
        ]  # fmt: skip
        child, trace = self._process(place, "last", argvs)
        out = child.out.read_text() if child.out.exists() else ""
        try:
            runs, end = json.JSONDecoder().raw_decode(out)
            verified, _ = json.JSONDecoder().raw_decode(out[end:].lstrip())
            rows = list(records_of(export))
        except (ValueError, OSError) as error:
            told = f"the process that lives ended with {child.exit}: {error}: {child.said()[-1000:]}"
            return replace(played, traces=(*played.traces, trace), trouble=told)
        shutil.rmtree(place)
        return replace(
            played,
            traces=(*played.traces, trace),
            runs=runs,
            sound=bool(verified["sound"]),
            idle=not trace.entered(1),
            rows=rows,
            trouble="" if child.exit == 0 else f"the process that lives ended with {child.exit}",
        )

    def _process(
        self, place: Path, name: str, argvs: Sequence[Sequence[str]], *, kill: str = ""
    ) -> tuple[Child, Trace]:
        trace = place / f"{name}.trace"
        env = {"REMIT_DESK": str(place / "desk"), TRACE: str(trace), KILL_AT: kill}
        child = self.children.start(f"{place.name}.{name}", *argvs, env=env)
        child.wait(PATIENCE_S)
        return child, read_trace(trace)
