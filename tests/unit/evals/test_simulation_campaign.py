"""A campaign: its bound is exact, its log goes on where it was killed, and no seed can end it."""

import json
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from evals.simulation import __main__ as program
from evals.simulation import version
from evals.simulation.bound import upper_bound
from evals.simulation.campaign import GRAPH_FIRST, Tally, mode_of, play
from evals.simulation.coverage import lacking, report
from evals.simulation.errors import OtherCodeError
from evals.simulation.log import Line, Log, Stretch, chunked, left
from evals.simulation.occurred import APPLIED, UNHEARD
from evals.simulation.processes import played
from evals.simulation.regressions import UNEXPLAINED, keep, kept
from policies.decisions import CHOICES


def stretch(first: int, last: int, driver: Any = "fast") -> Stretch:
    return Stretch(driver=driver, first=first, last=last)


def line(first: int, last: int, **changes: Any) -> Line:
    told: dict[str, Any] = {
        "driver": "fast", "first": first, "last": last, "seconds": 1.0, "entries": 3, "runs": 1, "failed": {},
        "met": {"stop|||": 2},
    }  # fmt: skip
    return Line(**{**told, **changes})


# --- the bound


@pytest.mark.parametrize(("seeds", "bound"), [(299, 0.00997), (100_000, 2.9957e-5), (1, 0.95)])
def test_the_bound_without_a_violation_is_the_rule_of_three(seeds: int, bound: float) -> None:
    assert upper_bound(seeds) == pytest.approx(bound, rel=1e-3)


# Clopper-Pearson, one-sided 95 %: BETAINV(0.95, k + 1, n - k)
@pytest.mark.parametrize(
    ("seeds", "violations", "bound"),
    [(10, 1, 0.39416), (100, 2, 0.06162), (1_000, 5, 0.010480), (10, 10, 1.0), (0, 0, 1.0)],
)
def test_the_bound_with_violations_is_that_of_clopper_and_pearson(
    seeds: int, violations: int, bound: float
) -> None:
    assert upper_bound(seeds, violations) == pytest.approx(bound, rel=1e-3)


# --- the log


@pytest.mark.parametrize(
    ("done", "todo"),
    [
        ([], [(0, 10)]),
        ([(0, 10)], []),
        ([(2, 4)], [(0, 2), (4, 10)]),
        ([(4, 6), (0, 2), (5, 8)], [(2, 4), (8, 10)]),
        ([(0, 100)], []),
        ([(10, 20)], [(0, 10)]),
    ],
)
def test_what_is_left_is_what_no_line_holds(done: list[tuple[int, int]], todo: list[tuple[int, int]]) -> None:
    others = [stretch(0, 10, "graph")]
    found = left([stretch(0, 10)], [*(stretch(*each) for each in done), *others])
    assert [(one.first, one.last) for one in found] == todo


def test_a_line_that_was_cut_counts_for_nothing_and_spoils_nothing(tmp_path: Path) -> None:
    log = Log(tmp_path / "log")
    log.begin(began="then", any_code=False)
    log.append(line(0, 5))
    with log.path.open("a") as opened:
        opened.write('{"driver": "fast", "first": 5, "la')
    log.begin(began="later", any_code=False)
    log.append(line(5, 10))
    assert [(one.first, one.last) for one in log.lines()] == [(0, 5), (5, 10)]


def test_a_log_of_other_code_is_refused_unless_that_is_wanted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = Log(tmp_path / "log")
    log.begin(began="then", any_code=False)
    log.append(line(0, 5))
    monkeypatch.setattr(version, "code", lambda: "another")
    before = log.path.read_bytes()
    with pytest.raises(OtherCodeError):
        log.begin(began="later", any_code=False)
    assert program.main(["--seeds", "1", "--log", str(log.path)]) == 2
    assert log.path.read_bytes() == before
    log.begin(began="later", any_code=True)
    assert len(log.codes()) == 2


def test_a_campaign_that_was_killed_goes_on_where_it_was(tmp_path: Path) -> None:
    log = Log(tmp_path / "log.jsonl")
    words = [
        "--seeds", "6", "--graph", "1", "--first", "40", "--processes", "1", "--stretch", "1", "--log",
        str(log.path), "--keep", str(tmp_path),
    ]  # fmt: skip
    command = [sys.executable, "-m", "evals.simulation", *words]
    campaign = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        until = time.monotonic() + 60
        while len(list(log.lines())) < 2:
            assert time.monotonic() < until
            time.sleep(0.05)
    finally:
        os.kill(campaign.pid, signal.SIGKILL)
        campaign.wait()
    held = len(list(log.lines()))
    assert 2 <= held < 7
    again = subprocess.run(command, capture_output=True, text=True, check=False)
    assert again.returncode == 0, again.stderr
    assert f"{7 - held} stretches to play; goes on from its log" in again.stderr
    times = Counter((one.driver, one.first) for one in log.lines())
    assert times == dict.fromkeys([*(("fast", n) for n in range(40, 46)), ("graph", GRAPH_FIRST + 40)], 1)
    assert "fast: 6 seeds" in again.stdout
    assert "graph: 1 seeds" in again.stdout
    assert f"fewer than {upper_bound(6):.2e}" in again.stdout
    assert "NEVER OCCURRED" in again.stdout


# --- processes


def test_a_process_that_dies_costs_one_seed_and_not_the_campaign() -> None:
    def kills() -> None:
        child = next(p for p in multiprocessing.active_children() if p.name == "player")
        child.kill()

    threading.Timer(0.3, kills).start()  # while it still starts: its first seed is blamed
    lines = list(played([stretch(44, 46)], processes=1))
    assert sorted((one.first, one.last, bool(one.failed)) for one in lines) == [
        (44, 45, True),
        (45, 46, False),
    ]
    assert "its process ended (-9)" in next(one for one in lines if one.failed).failed["44"][0]


def test_a_seed_that_does_not_end_is_given_up() -> None:
    first = next(iter(played([stretch(44, 46)], processes=1, silent_s=0.0)))
    assert (first.first, first.last, first.failed) == (44, 45, {"44": ["no end after 0 s"]})
    assert not [p for p in multiprocessing.active_children() if p.name == "player"]


# --- what is told


def test_a_seed_of_the_graph_is_held_against_the_fast_driver(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[int] = []
    assert not play(stretch(44, 45, "graph"), told.append).failed
    assert told == [44]
    real = program.run_seed

    def other(seed: int, *, driver: Any, mode: Any) -> Any:
        return real(seed if driver == "graph" else seed + 1, driver=driver, mode=mode)

    monkeypatch.setattr("evals.simulation.campaign.run_seed", other)
    differs = play(stretch(44, 45, "graph"), told.append)
    assert differs.failed == {"44": ["the two drivers do not give the same ledger"]}


def test_a_campaign_plays_both_modes() -> None:
    assert Counter(mode_of(seed) for seed in range(100)) == {"safety": 75, "liveness": 25}


def test_lines_add_up() -> None:
    tally = Tally()
    tally.take(line(0, 5))
    tally.take(line(5, 10, failed={"7": ["invariant 3"]}, met={"stop|||": 1, "killed|sent|things.set|": 1}))
    assert (tally.seeds, tally.runs, tally.entries, tally.seeds_per_second) == (10, 2, 6, 5.0)
    assert tally.failed == {7: ["invariant 3"]}
    assert tally.met["stop", "", "", ""] == 3
    assert tally.bound == upper_bound(10, 1)


def test_what_never_occurred_is_said() -> None:
    met = Counter({("stop", "", "", ""): 1, ("killed", "sent", "things.set", ""): 2})
    met["decisions", "refused", "abort", APPLIED] = 1
    met["decisions", "refused", "resume", "basis_moved"] = 2
    met["decisions", "refused", "roll_back", UNHEARD] = 2
    missing = set(lacking(met))
    assert {"stopped at sent", "ledger busy", "late, undo", "a move of row 10", "clock back"} <= missing
    assert not {"killed at sent", "stop"} & missing
    answered = {choice for choice in CHOICES if f"{choice} answered after the stop refused" not in missing}
    assert answered == {"abort", "resume"}
    assert f"NEVER OCCURRED: {len(missing)}" in list(report(met))


# --- kept seeds


def test_a_failing_seed_is_kept_once_with_what_it_showed(tmp_path: Path) -> None:
    path = keep(9, "safety", "fast", ["invariant 3: twice"], tmp_path)
    assert path.name == "safety-9.json"
    (found,) = kept(tmp_path)
    assert (found.seed, found.showed, found.why) == (9, ("invariant 3: twice",), UNEXPLAINED)
    assert found.world == version.world()
    said = json.loads(path.read_text())
    path.write_text(json.dumps({**said, "why": "it was so", "shown_by": "tests/x.py::test_y"}))
    keep(9, "safety", "fast", ["something else"], tmp_path)
    assert kept(tmp_path)[0].why == "it was so"


def test_stretches_are_cut_and_lose_nothing() -> None:
    cut = list(chunked([stretch(0, 250)], 100))
    assert [(one.first, one.last) for one in cut] == [(0, 100), (100, 200), (200, 250)]
    assert list(islice(left([stretch(0, 250)], cut), 1)) == []
