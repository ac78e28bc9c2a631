"""The real desk that attacks are made on: SQLite, gateway, guards, and a target process with its own log."""

from collections.abc import Iterator

import pytest

from evals.storm.target import Target
from tests.attacks import kit as attacks
from tests.flow import kit
from tests.gateway_kit import Desk, make_desk


@pytest.fixture(scope="session")
def target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    """Give one target for all attacks of a test process: things have names of their own."""
    with kit.own_target(tmp_path_factory.mktemp("target")) as running:
        yield running


@pytest.fixture(scope="session")
def attacked(tmp_path_factory: pytest.TempPathFactory, target: Target) -> Iterator[kit.House]:
    """Give the desk at work; at its end all that must hold of every run is checked once."""
    folder = tmp_path_factory.mktemp("attacked") / "desk"
    kit.write_desk(folder, attacks.BOOKS, entries=attacks.ENTRIES)
    attacks.add_a_source(folder)
    kit.approve(folder, target)
    with kit.at_work(folder, target) as house:
        yield house


@pytest.fixture
def house(attacked: kit.House) -> Iterator[kit.House]:
    """Give the desk at work, with nothing left of the test before."""
    yield attacked
    attacked.at.clear()


@pytest.fixture
def desk() -> Desk:
    """Give a run that may send one write now, and the gateway before its targets."""
    return make_desk()
