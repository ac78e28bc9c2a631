"""A storm's ledger and its target's log are held against what must always hold."""

import json
from pathlib import Path
from typing import Any

from evals.storm.judge import broken
from state.ledger.export import records_of

GOLDEN = Path(__file__).parents[2] / "fixtures" / "ledgers" / "fold-1" / "ledger.jsonl"


def _request(thing: str, number: int) -> dict[str, Any]:
    return {
        "event": "request", "at": "2026-11-25T04:02:09Z", "request": number, "method": "POST",
        "path": f"/read_back/{thing}/add", "key": None, "if_match": None, "credential": "aa",
        "body": json.dumps({"number": 5}),
    }  # fmt: skip


def test_golden_ledgers_break_nothing() -> None:
    for path in sorted(GOLDEN.parents[1].glob("*/ledger.jsonl")):
        assert broken(records_of(path), journal=[]) == []


def test_a_request_that_no_intent_is_for_is_found() -> None:
    found = broken(records_of(GOLDEN), journal=[_request("nobody", 1)])
    assert [violation.invariant for violation in found] == [2]


def test_a_thing_that_was_changed_by_others_alone_is_no_write_of_ours() -> None:
    outside = {"event": "outside", "at": "2026-11-25T04:02:09Z", "thing": "t", "before": 0, "after": 1}
    assert broken(records_of(GOLDEN), journal=[outside]) == []
