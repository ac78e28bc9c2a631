"""One target process for all flows of a test process: things have names of their own."""

from collections.abc import Iterator

import pytest

from evals.storm.target import Target
from tests.flow.kit import own_target


@pytest.fixture(scope="session")
def target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    with own_target(tmp_path_factory.mktemp("target")) as running:
        yield running
