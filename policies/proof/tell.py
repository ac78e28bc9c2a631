"""How a story names things: steps and tools, and what landed meanwhile, in words that a responder reads."""

from typing import Final

from policies.plan import Plan
from policies.proof.world import World, landed_since
from state.task import Task


def write_of(plan: Plan, step: str, item: int | None, undoes: str | None) -> str:
    """A write: its step, its item, its tool."""
    tool = plan.write_of(step, undoes).tool
    place = step if item is None else f"{step} of item {item + 1}"
    return f"{place} ({tool})" if undoes is None else f"the undo of {place} ({tool})"


def operation_of(task: Task, plan: Plan, op: str) -> str:
    """An operation's write, by its id."""
    operation = task.operation(op)
    return write_of(plan, operation.step, operation.item, operation.undoes)


def arrived(before: World, after: World, task: Task, plan: Plan) -> str:
    """Which requests took effect between the two, as the head of a line; empty where none did."""
    ops = landed_since(before, after)
    if not ops:
        return ""
    return f"what was sent for {' and '.join(operation_of(task, plan, op) for op in ops)} takes effect; "


def scope_of(task: Task, plan: Plan, scope: str) -> str:
    """What a set of checks is about."""
    if scope in ("completion", "rollback"):
        return f"the {scope}"
    if scope.startswith("due:"):
        return f"{scope.removeprefix('due:').rpartition('/')[0]}, which is due,"
    return operation_of(task, plan, scope)


_SECOND_MS: Final = 1000


def seconds(ms: int) -> str:
    """A span in words."""
    return f"{ms} ms" if ms < _SECOND_MS else f"{ms / _SECOND_MS:g} s"
