"""The enumerations: live once, then let something befall a run at every place of that life."""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from evals.crash.blows import Ailment, Scene
from evals.crash.judge import Finding, by_thing, judge
from evals.crash.places import Place
from evals.crash.play import Played, Stage
from evals.crash.stopping import stop
from evals.crash.subjects import SUBJECTS, Subject
from evals.storm import desk as storm_desk
from evals.storm.processes import nursery
from evals.storm.target import running_target

AT_ONCE: Final = 16
Case = Callable[[], Played]
Play = Callable[[str, Iterable[Case]], list[Played]]
"""Plays cases side by side; says in that word what befell them."""
Deaths = Callable[[Stage, Play, Sequence[tuple[Subject, Place]]], list[Played]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Manner:
    """How an enumeration goes. ``at``: at these places only, as they are printed; ``say``: takes progress."""

    at: Sequence[str] = ()
    at_once: int = AT_ONCE
    say: Callable[[str], None] = lambda _: None


PLAIN: Final = Manner()


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """Every case of an enumeration, what it came to, and what must not be."""

    lives: Sequence[Played]
    cases: Sequence[Played]
    findings: Sequence[Finding]
    seconds: float

    @property
    def times(self) -> int:
        """How often something befell a process."""
        return sum(case.times for case in self.cases)


def enumerate_kills(
    folder: Path, subjects: Sequence[str], *, again: Iterable[str] = (), manner: Manner = PLAIN
) -> Outcome:
    """Kill runs of ``subjects`` at each of their places, and those of ``again`` in their recovery as well."""
    twice = frozenset(again)

    def deaths(stage: Stage, play: Play, places: Sequence[tuple[Subject, Place]]) -> list[Played]:
        once = play("died once", (partial(stage.kill, subject, place) for subject, place in places))
        both = (
            partial(stage.kill, case.subject, *case.places, place)
            for case in once
            if case.subject.name in twice
            for place in case.traces[-1].first
        )
        return [*once, *play("died twice", both)]

    return _enumerate(folder, subjects, manner, deaths)


def enumerate_ailments(
    folder: Path, subjects: Sequence[str], ailments: Sequence[Ailment], *, manner: Manner = PLAIN
) -> Outcome:
    """Let the disk of runs of ``subjects`` fail, in each of these ways, at each of their commits."""

    def deaths(stage: Stage, play: Play, places: Sequence[tuple[Subject, Place]]) -> list[Played]:
        cases = (
            partial(stage.spoil, subject, place, ailment)
            for subject, place in places
            if place.point == "before_commit"
            for ailment in ailments
        )
        return play("had a failing disk", cases)

    return _enumerate(folder, subjects, manner, deaths)


def enumerate_stops(
    folder: Path, subjects: Sequence[str], scenes: Sequence[Scene], *, manner: Manner = PLAIN
) -> Outcome:
    """Stop runs of ``subjects`` at each of their places past their lease, and continue them in each scene."""

    def deaths(stage: Stage, play: Play, places: Sequence[tuple[Subject, Place]]) -> list[Played]:
        cases = (partial(stop, stage, subject, place, scene) for subject, place in places for scene in scenes)
        return play("were stopped", cases)

    return _enumerate(folder, subjects, manner, deaths)


def _enumerate(folder: Path, subjects: Sequence[str], manner: Manner, deaths: Deaths) -> Outcome:
    began = time.monotonic()
    chosen = [SUBJECTS[name] for name in subjects]
    folder.mkdir(parents=True, exist_ok=True)
    with running_target(folder / "target.jsonl") as target:
        env = {k: v for k, v in storm_desk.environment(folder, target.port).items() if k != "REMIT_DESK"}
        with nursery(folder / "out", env) as children, ThreadPoolExecutor(manner.at_once) as pool:
            kinds = list(dict.fromkeys(subject.kind for subject in chosen))
            stage = Stage.found(folder, target, children, env, kinds=kinds)

            def play(what: str, cases: Iterable[Case]) -> list[Played]:
                played = list(pool.map(lambda case: case(), cases))
                if played:
                    manner.say(f"{len(played)} runs {what}, after {time.monotonic() - began:.0f} s")
                return played

            lives = play("lived", (partial(stage.live, subject) for subject in chosen))
            cases = deaths(stage, play, list(_places(lives, manner.at)))
        log = by_thing(target.journal())
    findings = [f for case in (*lives, *cases) for f in judge(case, log.get(case.thing, []))]
    return Outcome(lives=lives, cases=cases, findings=findings, seconds=time.monotonic() - began)


def _places(lives: Sequence[Played], at: Sequence[str]) -> Iterator[tuple[Subject, Place]]:
    for life in lives:
        for place in life.traces[0].first:
            if not at or str(place) in at:
                yield life.subject, place
