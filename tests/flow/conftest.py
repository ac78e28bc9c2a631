"""One target process for all flows of a test process: things have names of their own."""

from collections.abc import Iterator

import pytest
from sqlalchemy import make_url

from evals.storm.target import Target
from state.ledger.sql.opening import upgrade
from state.ledger.sql.postgres import Postgres
from tests.flow import kit
from tests.flow.kit import own_target
from tests.postgres_kit import Cluster


@pytest.fixture(scope="session")
def target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    with own_target(tmp_path_factory.mktemp("target")) as running:
        yield running


@pytest.fixture(scope="session", autouse=True)
def ledgers(request: pytest.FixtureRequest) -> Iterator[None]:
    """With ``--ledger postgres`` every desk of these tests has a database of its own."""
    if request.config.getoption("--ledger") == "sqlite":
        yield
        return
    cluster: Cluster = request.getfixturevalue("postgres")
    empty = cluster.make()
    made = Postgres(make_url(cluster.url(empty)))
    writing = made.writing()
    upgrade(writing, made)
    writing.close()
    kit.ledger_of_a_desk = lambda: cluster.url(cluster.make(template=empty))
    yield
    kit.ledger_of_a_desk = kit.in_its_folder
