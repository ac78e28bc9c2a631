"""The orchestrator: every move has a node, nothing is kept beside the ledger, and no run is cut short."""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest

from graph.build import NODES, build
from graph.routes import NODE_OF, Node, RunState, route
from graph.runner import recursion_limit
from policies import move
from policies.loader import load_runbook
from policies.move import Due, Move, Wait
from policies.plan import Plan, compile_plan
from policies.runbook import Runbook
from state.task import Task
from tests.runbook_kit import contracts, sets_state

ROOT = Path(__file__).parents[3]
SHIPPED = sorted((ROOT / "runbooks").glob("*/runbook.yaml"))
ROOMS = ("state", "policies", "tools", "agents", "graph", "remit")


def moves() -> set[type[Move]]:
    return {k for k in vars(move).values() if isinstance(k, type) and issubclass(k, Move) and k is not Move}


def test_every_move_has_a_node_and_every_node_is_there() -> None:
    assert set(NODE_OF) == moves() - {Due}
    assert set(NODE_OF.values()) - {"__end__"} == set(NODES)
    assert set(get_args(Node)) == {*NODES, "__end__"}


def test_a_pending_move_is_routed_and_none_is_the_end() -> None:
    task = Task(run="r")
    assert route(RunState(run="r", task=task, move=Wait(row=4, reason="human", ms=None))) == "wait"
    assert route(RunState(run="r", task=task, move=None)) == "__end__"


def test_the_graph_keeps_nothing_of_its_own() -> None:
    graph = build()
    assert graph.checkpointer is None
    assert graph.store is None
    assert graph.cache is None
    assert set(graph.channels) >= {"run", "task", "move"}
    assert set(RunState.__annotations__) == {"run", "task", "move"}


def calls(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            yield node.func.attr


def test_the_runner_is_the_only_one_that_invokes_the_graph() -> None:
    found = {
        str(path.relative_to(ROOT))
        for room in ROOMS
        for path in (ROOT / room).rglob("*.py")
        if "langgraph" in (text := path.read_text()) or "graph.build" in text
        if {"invoke", "ainvoke", "stream", "astream"} & set(calls(ast.parse(text)))
    }
    assert found == {"graph/runner.py"}
    users = {
        str(path.relative_to(ROOT))
        for room in ROOMS
        for path in (ROOT / room).rglob("*.py")
        if "from graph.build import" in path.read_text()
    }
    assert users == {"graph/runner.py"}


def compiled(path: Path) -> tuple[Runbook, Plan]:
    runbook = load_runbook(path).value
    known = contracts()
    for step in runbook.steps:
        known.setdefault(step.tool, sets_state(step.tool))
    return runbook, compile_plan(runbook, known)


def worst_case(runbook: Runbook, plan: Plan) -> int:
    """Supersteps of a run in which every item is sent as often as it may, looked at each time to the end."""
    moves = 0
    for step in runbook.steps:
        for write in filter(None, (plan.steps_by_id[step.id].write, plan.steps_by_id[step.id].undo)):
            looks = sum(2 * (1 + (c.within_ms + c.hold_ms) // c.every_ms) for c in write.checks)
            tries = sum(2 * p.tries for p in plan.preconditions)
            probing = 1 + 2 * write.probe_tries  # the quarantine, then each probe and the wait behind it
            moves += step.operations_max * (1 + write.budget) * (tries + 2 + probing + looks + 2)
    looks = sum(2 * (1 + (c.within_ms + c.hold_ms) // c.every_ms) for c in plan.completion)
    return moves + looks + 2 * (runbook.limits.model.calls + runbook.limits.model.rereads) + 10


@pytest.mark.parametrize("path", SHIPPED, ids=lambda p: p.parent.name)
def test_the_worst_case_of_a_shipped_runbook_stays_within_the_limit(path: Path) -> None:
    runbook, plan = compiled(path)
    assert worst_case(runbook, plan) < recursion_limit(runbook, plan)


def test_every_item_that_a_step_may_have_counts() -> None:
    runbook, _ = compiled(next(p for p in SHIPPED if p.parent.name == "entitlement-resync"))
    first = runbook.steps[0]
    assert first.for_each is not None
    many = first.model_copy(update={"for_each": first.for_each.model_copy(update={"max": 1000})})
    longer = runbook.model_copy(update={"steps": (many, *runbook.steps[1:])})
    plan = compile_plan(longer, contracts())
    assert worst_case(longer, plan) < recursion_limit(longer, plan)


def test_patience_with_a_precondition_counts_before_each_send() -> None:
    runbook, _ = compiled(next(p for p in SHIPPED if p.parent.name == "service-recovery"))
    tries = runbook.preconditions[0].tries.model_copy(update={"max": 50})
    slow = tuple(p.model_copy(update={"tries": tries}) for p in runbook.preconditions)
    patient = runbook.model_copy(update={"preconditions": slow})
    plan = compile_plan(patient, contracts())
    assert worst_case(patient, plan) < recursion_limit(patient, plan)
