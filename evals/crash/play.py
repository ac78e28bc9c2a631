"""One case: a run on a desk of its own, what befalls its processes one after another, and one that lives."""

import itertools
import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from evals.crash import desk
from evals.crash.blows import Ailment, Blow
from evals.crash.places import Place, Trace, read_trace
from evals.crash.subjects import Subject
from evals.storm.processes import DISK, KILL_AT, KILLED, TRACE, Child, Nursery
from evals.storm.target import Target
from state.ledger.export import records_of
from state.ledger.port import Record

PATIENCE_S: Final = 120.0
DRAIN: Final = ("worker", "--drain")


@dataclass(frozen=True, slots=True, kw_only=True)
class First:
    """How the first process ended, what it said on stderr, and the record that it printed, if any."""

    exit: int | None = None
    err: str = ""
    shown: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Played:
    """What a case came to. ``places``: where something was to befall a process; ``met``: whether it did.

    ``traces``: of every process, the last that of the one that lived; ``trouble``: what kept the case from
    being told; ``idle``: a further drain entered nothing; ``taken``: a stopped process had been taken over
    from before it was continued.
    """

    subject: Subject
    thing: str
    places: tuple[Place, ...] = ()
    blow: Blow = None
    met: tuple[bool, ...] = ()
    traces: tuple[Trace, ...] = ()
    first: First = First()
    taken: bool = False
    runs: Sequence[Mapping[str, Any]] = ()
    sound: bool = False
    idle: bool = False
    rows: Sequence[Record] = ()
    trouble: str = ""

    @property
    def times(self) -> int:
        """How often something befell a process."""
        return sum(self.met)


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
        children.read(*desks.values())
        return cls(folder=folder, desks=desks, target=target, children=children)

    def live(self, subject: Subject) -> Played:
        """Ask for a run, and let nothing befall it."""
        place, played, asked = self.begin(subject)
        child, trace = self.process(place, "1", [asked])
        return self._on(place, replace(played, first=first_of(child), traces=(trace,)), child)

    def kill(self, subject: Subject, *kills: Place) -> Played:
        """Ask for a run; kill its process at the first of ``kills``, the one that takes over at the next."""
        place, played, asked = self.begin(subject)
        played = replace(played, places=kills)
        for number, kill in enumerate(kills, 1):
            argv = asked if number == 1 else DRAIN
            child, trace = self.process(place, f"{number}", [argv], {KILL_AT: str(kill)})
            met = (*played.met, child.exit == KILLED)
            played = replace(played, met=met, traces=(*played.traces, trace))
            if child.exit is None:
                return replace(played, trouble=f"process {number} hangs")
        return self.last(place, played)

    def spoil(self, subject: Subject, at: Place, ailment: Ailment) -> Played:
        """Ask for a run whose process has a disk that fails from ``at`` on; the next one's is well."""
        place, played, asked = self.begin(subject)
        child, trace = self.process(place, "1", [asked], {DISK: ailment.at(at)})
        played = replace(
            played, places=(at,), blow=ailment, met=(trace.failures > 0,), traces=(trace,),
            first=first_of(child),
        )  # fmt: skip
        return self._on(place, played, child)

    def begin(self, subject: Subject) -> tuple[Path, Played, Sequence[str]]:
        """Make the folder of a case, the case, and the command line that asks for its run."""
        thing = f"{subject.name}-{next(self._numbers)}".replace("/", "-").replace("_", "-")
        place = self.folder / "cases" / thing
        shutil.copytree(self.desks[subject.kind], place / "desk")
        self.target.plan_for(subject.plans(thing))
        asked = ["run", desk.request(subject.kind, thing), "--json"]
        return place, Played(subject=subject, thing=thing), asked

    def _on(self, place: Path, played: Played, child: Child) -> Played:
        return replace(played, trouble="it hangs") if child.exit is None else self.last(place, played)

    def last(self, place: Path, played: Played) -> Played:
        """Let a process live, and tell how all stands then."""
        export = place / "export.jsonl"
        argvs: list[Sequence[str]] = [
            DRAIN, DRAIN, ["runs", "list", "--all", "--json"], ["ledger", "verify", "--json"],
            ["ledger", "export", str(export)],
        ]  # fmt: skip
        child, trace = self.process(place, "last", argvs)
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

    def process(
        self, place: Path, name: str, argvs: Sequence[Sequence[str]], env: Mapping[str, str] | None = None
    ) -> tuple[Child, Trace]:
        """Start a process and wait for its end."""
        child, trace = self.start(place, name, argvs, env)
        child.wait(PATIENCE_S)
        return child, read_trace(trace)

    def start(
        self, place: Path, name: str, argvs: Sequence[Sequence[str]], env: Mapping[str, str] | None = None
    ) -> tuple[Child, Path]:
        """Start a process; it, and the file that it traces its way in."""
        trace = place / f"{name}.trace"
        given = {"REMIT_DESK": str(place / "desk"), TRACE: str(trace), **(env or {})}
        return self.children.start(f"{place.name}.{name}", *argvs, env=given), trace


def first_of(child: Child) -> First:
    """How a process ended that was asked for a record."""
    out = child.out.read_text(errors="replace") if child.out.exists() else ""
    err = child.err.read_text(errors="replace") if child.err.exists() else ""
    try:
        shown = json.loads(out)
    except ValueError:
        shown = None
    return First(exit=child.exit, err=err, shown=shown)
