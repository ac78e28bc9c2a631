"""The enumeration: live once, die at every place of that life, die again at every place of each recovery."""

import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from evals.crash.judge import Finding, by_thing, judge
from evals.crash.places import Place
from evals.crash.play import Played, Stage
from evals.crash.subjects import SUBJECTS, Subject
from evals.storm import desk as storm_desk
from evals.storm.processes import nursery
from evals.storm.target import running_target

AT_ONCE: Final = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """Every case of an enumeration, what it came to, and what must not be."""

    lives: Sequence[Played]
    deaths: Sequence[Played]
    findings: Sequence[Finding]
    seconds: float

    @property
    def kills(self) -> int:
        """How many processes were killed."""
        return sum(case.killed for case in self.deaths)


def enumerate_kills(
    folder: Path,
    subjects: Sequence[str],
    *,
    again: Iterable[str] = (),
    at_once: int = AT_ONCE,
    say: Callable[[str], None] = lambda _: None,
) -> Outcome:
    """Kill runs of ``subjects`` at each of their places, and those of ``again`` in their recovery as well."""
    began = time.monotonic()
    chosen = [SUBJECTS[name] for name in subjects]
    twice = frozenset(again)
    folder.mkdir(parents=True, exist_ok=True)
    with running_target(folder / "target.jsonl") as target:
        env = {k: v for k, v in storm_desk.environment(folder, target.port).items() if k != "REMIT_DESK"}
        with nursery(folder / "out", env) as children, ThreadPoolExecutor(at_once) as pool:
            kinds = list(dict.fromkeys(subject.kind for subject in chosen))
            stage = Stage.found(folder, target, children, env, kinds=kinds)

            def play(cases: Iterable[tuple[Subject, tuple[Place, ...]]]) -> list[Played]:
                return list(pool.map(lambda case: stage.play(*case), cases))

            lives = play((subject, ()) for subject in chosen)
            say(f"{len(lives)} runs lived, in {time.monotonic() - began:.0f} s")
            once = play((life.subject, (place,)) for life in lives for place in life.traces[0].first)
            say(f"{len(once)} runs died once, after {time.monotonic() - began:.0f} s")
            both = play(
                (case.subject, (*case.kills, place))
                for case in once
                if case.subject.name in twice
                for place in case.traces[-1].first
            )
            say(f"{len(both)} runs died twice, after {time.monotonic() - began:.0f} s")
        log = by_thing(target.journal())
    cases = [*lives, *once, *both]
    findings = [finding for case in cases for finding in judge(case, log.get(case.thing, []))]
    return Outcome(
        lives=lives, deaths=[*once, *both], findings=findings, seconds=time.monotonic() - began
    )  # fmt: skip
