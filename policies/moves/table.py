"""The decision table itself: the rows in their order, and the one function that applies it."""

from collections.abc import Callable
from typing import Final

from policies.moment import Moment
from policies.move import Move
from policies.moves.before_write import row_17b_prepare, row_18_preconditions
from policies.moves.finish import row_22_rolled_back, row_23_completion
from policies.moves.humans import (
    row_0_ended,
    row_2_signals,
    row_3_poison,
    row_4_open_escalation,
    row_5_decided_to_end,
    row_6_decided_to_go_on,
    row_6b_without_tools,
)
from policies.moves.next_write import (
    row_16_budgets,
    row_17_held_back,
    row_19_denied,
    row_20_confirmation,
    row_21_send,
)
from policies.moves.open_operation import (
    row_10_conflict,
    row_11_check_open_operation,
    row_12_cancel,
    row_13_check_failed,
    row_14_refused,
    row_15_not_applied,
)
from policies.moves.unresolved import row_7_send_again, row_8_find_out, row_9_cannot_tell
from policies.plan import Plan
from policies.situation import Situation
from state.task import Task

ROWS: Final[tuple[Callable[[Situation], Move | None], ...]] = (
    row_0_ended,
    row_2_signals,
    row_3_poison,
    row_4_open_escalation,
    row_5_decided_to_end,
    row_6_decided_to_go_on,
    row_6b_without_tools,
    row_7_send_again,
    row_8_find_out,
    row_9_cannot_tell,
    row_10_conflict,
    row_11_check_open_operation,
    row_12_cancel,
    row_17b_prepare,
    row_13_check_failed,
    row_14_refused,
    row_15_not_applied,
    row_16_budgets,
    row_17_held_back,
    row_18_preconditions,
    row_19_denied,
    row_20_confirmation,
    row_21_send,
    row_22_rolled_back,
    row_23_completion,
)


def next_move(task: Task, plan: Plan, moment: Moment) -> Move:
    """The rules' move for ``task`` under ``plan`` at ``moment``."""
    situation = Situation(task=task, plan=plan, moment=moment)
    for row in ROWS:
        move = row(situation)
        if move is not None:
            return move
    raise AssertionError("no row of the decision table matched")
