"""A case whose process is stopped at a place, for longer than its lease, while another takes over from it."""

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from signal import SIGCONT
from typing import Final

from evals.crash.blows import Scene
from evals.crash.places import Place, read_trace
from evals.crash.play import DRAIN, PATIENCE_S, Played, Stage, first_of
from evals.crash.subjects import Subject
from evals.storm.processes import HOST, PAUSE_AT, Child
from remit.worker.identity import stat_of

LEASE_S: Final = 2.0
LOOK_S: Final = 0.02
# Whoever is stopped between BEGIN and COMMIT holds the lock of the file: nobody takes anything from it.
BLOCKED_S: Final = LEASE_S + 1.0


def stop(stage: Stage, subject: Subject, at: Place, scene: Scene) -> Played:
    """Ask for a run, stop its process ``at``; let another drain; continue the first as ``scene`` says."""
    place, played, asked = stage.begin(subject)
    played = replace(played, places=(at,), blow=scene)
    lease = {"REMIT_WORKER__LEASE_S": str(LEASE_S)}
    host = {HOST: "another-host"} if scene.elsewhere else {}
    child, first = stage.start(place, "1", [asked], {PAUSE_AT: str(at), **lease, **host})
    child.started.wait(PATIENCE_S)
    _until(lambda: child.ended.is_set() or _stopped(child))
    if child.ended.is_set():
        return replace(played, met=(False,), trouble=f"it ended with {child.exit}: {child.said()[-500:]}")
    other, second = stage.start(place, "2", [DRAIN], lease)
    _let_it_take_over(other, second, at, scene)
    taken = _has_taken(second)
    if not child.ended.is_set():
        child.send(SIGCONT)
    ends = [child.wait(PATIENCE_S), other.wait(PATIENCE_S)]
    traces = read_trace(first), read_trace(second)
    played = replace(played, met=(True,), taken=taken, traces=traces, first=first_of(child))
    if None in ends:
        return replace(played, trouble=f"it hangs: the ends are {ends}")
    if other.exit != 0:
        return replace(played, trouble=f"the other ended with {other.exit}: {other.said()[-500:]}")
    return stage.last(place, played)


def _let_it_take_over(other: Child, trace: Path, at: Place, scene: Scene) -> None:
    if at.point == "before_commit":
        other.wait(BLOCKED_S)
    elif scene is Scene.TAKEN:
        _until(lambda: other.ended.is_set() or _has_taken(trace))
    else:
        other.wait(PATIENCE_S)


def _stopped(child: Child) -> bool:
    stat = stat_of(child.pid)
    return stat is not None and stat.state == "T"


def _has_taken(trace: Path) -> bool:
    """It has made a claim durable."""
    return any(p.point == "after_commit" and "claimed" in p.kinds for p in read_trace(trace).first)


def _until(condition: Callable[[], bool]) -> None:
    until = time.monotonic() + PATIENCE_S
    while not condition() and time.monotonic() < until:
        time.sleep(LOOK_S)
