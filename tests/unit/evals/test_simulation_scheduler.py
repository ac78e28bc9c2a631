"""Turns follow from the seed; the dead act no more; time passes for all."""

from random import Random

import pytest

from evals.simulation.errors import Gone
from evals.simulation.scheduler import Scheduler


def turns(seed: int) -> list[tuple[str, int]]:
    world, seen = Scheduler(Random(seed), 0), []
    world.until_ms = 10_000

    def acts(name: str) -> None:
        for _ in range(20):
            world.yield_()
            seen.append((name, world.clock.now_ms))
        world.sleep(100)
        seen.append((name, world.clock.now_ms))

    for name in ("a", "b", "c"):
        world.spawn(name, lambda name=name: acts(name))
    world.run()
    return seen


def test_the_same_seed_gives_the_same_turns() -> None:
    assert turns(1) == turns(1)
    assert turns(1) != turns(2)


def test_the_dead_do_nothing_more_and_are_unwound() -> None:
    world, done, unwound = Scheduler(Random(1), 0), [], []
    world.until_ms = 1_000

    def victim() -> None:
        try:
            world.sleep(50)
            done.append("went on")
        except Gone:
            unwound.append("gone")
            with pytest.raises(Gone):
                world.check()
            raise

    world.spawn("victim", victim, process="p")
    world.spawn("killer", lambda: (world.sleep(10), world.kill("p")))
    world.run()
    assert (done, unwound) == ([], ["gone"])


def test_the_frozen_go_on_only_when_thawed() -> None:
    world, woke = Scheduler(Random(1), 0), []
    world.until_ms = 1_000
    world.spawn("sleeper", lambda: (world.sleep(10), woke.append(world.clock.now_ms)), process="p")
    world.spawn("other", lambda: world.freeze("p", frozen=True))
    world.clock.after(300, lambda: world.freeze("p", frozen=False))
    world.run()
    assert len(woke) == 1
    assert woke[0] >= 300


def test_an_error_of_an_actor_comes_out() -> None:
    world = Scheduler(Random(1), 0)
    world.until_ms = 100

    def fails() -> None:
        raise ValueError("so")

    world.spawn("fails", fails)
    with pytest.raises(ValueError, match="so"):
        world.run()


def test_time_passes_inside_a_call_for_everybody() -> None:
    world, seen = Scheduler(Random(1), 0), []
    world.until_ms = 1_000
    world.spawn("caller", lambda: (world.clock.advance(200), seen.append("caller")))
    world.spawn("other", lambda: (world.sleep(50), seen.append("other")))
    world.run()
    assert seen == ["other", "caller"]
