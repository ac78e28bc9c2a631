"""Every ledger that there is, empty: whoever asks for one is run with each."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from state.ledger.memory import MemoryLedger
from state.ledger.port import Ledger
from state.ledger.sql.opening import open_ledger
from tests.ledger_kit import CODE, KEY, Clock, project


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(params=["memory", "sqlite", "postgres"])
def ledger(request: pytest.FixtureRequest, tmp_path: Path, clock: Clock) -> Iterator[Ledger]:
    how: dict[str, Any] = {"clock": clock, "code": CODE, "project": project, "payload_key": KEY}
    found: Ledger
    match request.param:
        case "memory":
            found = MemoryLedger(**how)
        case "sqlite":
            found = open_ledger(tmp_path / "ledger.db", **how)
        case _:
            found = open_ledger(request.getfixturevalue("ledger_url"), **how)
    yield found
    found.close()
