"""A wait inside a claim ends when the database's clock says so; while that stands still, the run leaves."""

import importlib
from types import SimpleNamespace
from typing import Any

import pytest

from policies.move import Wait

module: Any = importlib.import_module("graph.nodes.wait")  # the room has a function of that name
AT = "2026-11-25T08:00:00.000000Z"
LATER = "2026-11-25T08:00:01.000000Z"


@pytest.mark.parametrize(("behind", "leaves"), [(AT, True), (LATER, False)])
def test_a_wait_leaves_with_a_due_time_where_no_time_passed(
    behind: str, leaves: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock, written = [AT], list[Any]()
    session = SimpleNamespace(
        holder=SimpleNamespace(now=lambda: clock[-1], flush=lambda: None),
        task=SimpleNamespace(run="R", waiting=SimpleNamespace(reason="check")),
        sleep=lambda _seconds: clock.append(behind),
        append=written.append,
    )
    went: Any = object()
    monkeypatch.setattr(module, "after", lambda _session: went)
    runtime: Any = SimpleNamespace(context=session)
    move = Wait(row=18, reason="check", ms=1_000)
    answer = module.wait({"run": "R", "task": session.task, "move": move}, runtime)
    assert (answer is went) is not leaves
    assert [draft.body["until"] for draft in written] == ([LATER] if leaves else [])
    if leaves:
        assert answer.goto == "__end__"
