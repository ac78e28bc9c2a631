"""``python -m evals.simulation``: play many seeds, or one with its story."""

import argparse
import logging
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from time import monotonic
from typing import Final

from evals.simulation.campaign import GRAPH_FIRST, LIVENESS_EVERY, Tally, mode_of
from evals.simulation.coverage import report
from evals.simulation.errors import OtherCodeError
from evals.simulation.log import Line, Log, Stretch, chunked, left
from evals.simulation.occurred import Met
from evals.simulation.play import run_seed
from evals.simulation.processes import played
from evals.simulation.regressions import FOLDER, keep
from evals.simulation.story import story_of

SEEDS: Final = 100_000
FAST_TO_GRAPH: Final = 20
LOG: Final = Path(".simulation/log.jsonl")
STRETCH: Final = 100
_TOLD: Final = 10


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit code: 0 nothing is violated, 1 something is, 2 the log is of other code, 130 interrupted."""
    given = _parser().parse_args(arguments)
    logging.disable(logging.CRITICAL)
    return _many(given) if given.seed is None else _one(given)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m evals.simulation", description=__doc__)
    many = parser.add_argument_group("a campaign")
    many.add_argument("--seeds", type=int, default=SEEDS, help=f"through the fast driver ({SEEDS})")
    many.add_argument("--graph", type=int, help=f"through the real graph (one for {FAST_TO_GRAPH} fast ones)")
    many.add_argument("--first", type=int, default=0, help="the first seed")
    many.add_argument("--processes", type=int, default=2, help="processes (2)")
    many.add_argument("--stretch", type=int, default=STRETCH, help=f"seeds to a line of the log ({STRETCH})")
    many.add_argument("--log", type=Path, default=LOG, help=f"goes on from it ({LOG})")
    many.add_argument("--any-code", action="store_true", help="go on with a log of other code")
    many.add_argument("--anew", action="store_true", help="put an old log aside and begin again")
    many.add_argument("--keep", type=Path, default=FOLDER, help="where failing seeds are kept")
    one = parser.add_argument_group("one seed")
    one.add_argument("--seed", type=int, help="play this one alone and tell its story")
    one.add_argument("--mode", choices=("safety", "liveness"), help="else as a campaign plays it")
    one.add_argument("--driver", choices=("fast", "graph"), default="fast")
    one.add_argument("--quiet", action="store_true", help="only what is wrong with it")
    return parser


def _one(given: argparse.Namespace) -> int:
    outcome = run_seed(given.seed, driver=given.driver, mode=given.mode or mode_of(given.seed))
    told = outcome.problems or ("nothing is violated",) if given.quiet else story_of(outcome)
    sys.stdout.writelines(f"{line}\n" for line in told)
    return 0 if outcome.holds else 1


def _many(given: argparse.Namespace) -> int:
    log = Log(given.log)
    if given.anew and log.path.exists():
        log.path.rename(log.path.with_suffix(f".{datetime.now(UTC):%Y%m%dT%H%M%S}.jsonl"))
    try:
        log.begin(began=datetime.now(UTC).isoformat(timespec="seconds"), any_code=given.any_code)
    except OtherCodeError as refused:
        print(f"{refused}\n--anew puts it aside, --any-code goes on with it all the same", file=sys.stderr)
        return 2
    graph = given.seeds // FAST_TO_GRAPH if given.graph is None else given.graph
    wanted = [
        Stretch(driver="fast", first=given.first, last=given.first + given.seeds),
        Stretch(driver="graph", first=GRAPH_FIRST + given.first, last=GRAPH_FIRST + given.first + graph),
    ]
    before = [line.stretch for line in log.lines()]
    todo = list(chunked(left(wanted, before), given.stretch))
    said = "; goes on from its log" if before else ""
    print(f"{given.seeds} fast and {graph} graph seeds, {len(todo)} stretches to play{said}", file=sys.stderr)
    interrupted = _play(todo, log, given)
    tallies = _tallies(log)
    print(*_summary(tallies, log), sep="\n")
    if interrupted:
        print("interrupted; the same command goes on from the log", file=sys.stderr)
        return 130
    return 1 if any(tally.failed for tally in tallies.values()) else 0


def _play(todo: list[Stretch], log: Log, given: argparse.Namespace) -> bool:
    """Play what is to be played; whether somebody interrupted it."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    began, seeds = monotonic(), sum(one.last - one.first for one in todo)
    try:
        with closing(played(todo, processes=given.processes)) as lines:
            done = 0
            for line in lines:
                log.append(line)
                done += line.last - line.first
                _progress(line, done, seeds, monotonic() - began)
                _fails(line, given)
    except KeyboardInterrupt:
        return True
    return False


def _progress(line: Line, done: int, seeds: int, seconds: float) -> None:
    rate = done / seconds if seconds else 0.0
    still = (seeds - done) / rate / 60 if rate else 0.0
    where = f"{line.driver} {line.first}..{line.last - 1}"
    told = f"{done}/{seeds} seeds, {rate:.1f}/s, {still:.0f} min left ({where})"
    print(told, file=sys.stderr, flush=True)


def _fails(line: Line, given: argparse.Namespace) -> None:
    """Keep each seed that fails, and write down its story; not of one that took its process with it."""
    for name, problems in line.failed.items():
        seed = int(name)
        kept = keep(seed, mode_of(seed), line.driver, problems, given.keep)
        print(f"seed {seed} ({mode_of(seed)}, {line.driver}) FAILS: {problems[0]}", file=sys.stderr)
        print(f"  kept as {kept}", file=sys.stderr)
        if line.seconds:
            story = given.log.with_name(f"{kept.stem}.txt")
            lines = story_of(run_seed(seed, driver=line.driver, mode=mode_of(seed)))
            story.write_text("\n".join(lines) + "\n", encoding="utf-8")
            print(f"  its story: {story}", file=sys.stderr)


def _tallies(log: Log) -> dict[str, Tally]:
    tallies = {"fast": Tally(), "graph": Tally()}
    for line in log.lines():
        tallies[line.driver].take(line)
    return tallies


def _summary(tallies: dict[str, Tally], log: Log) -> Iterator[str]:
    """Yield what all seeds of the log add up to."""
    met = sum((tally.met for tally in tallies.values()), start=Met())
    yield from report(met)
    codes = log.codes()
    yield f"code {'; '.join(codes)}; one seed in {LIVENESS_EVERY} in liveness mode, the others in safety mode"
    if len(codes) > 1:
        yield "  !! these seeds are of more than one code: what follows is no bound on any of them"
    for driver, tally in tallies.items():
        if tally.seeds:
            yield (
                f"{driver}: {tally.seeds} seeds, {tally.runs} runs, {tally.entries} entries, "
                f"{tally.seeds_per_second:.1f} seeds/s a process, {len(tally.failed)} violate; "
                f"at 95 % fewer than {tally.bound:.2e} of all seeds do"
            )
    for driver, tally in tallies.items():
        for seed, problems in islice(sorted(tally.failed.items()), _TOLD):
            yield f"  VIOLATED by seed {seed} ({mode_of(seed)}, {driver}): {problems[0]}"


if __name__ == "__main__":
    sys.exit(main())
