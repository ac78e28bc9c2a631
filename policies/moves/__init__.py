"""The decision table: the one move that the rules make next. Pure; the first row that matches wins.

``table`` holds the rows in their order. Each row is a function of its number that answers a move or None,
and stands with those of its theme. Nothing here reads a clock, sends or appends anything. Row 1 (an unsound
fold) is the runner's. Rules for a single tool or runbook do not belong here: they are data of the plan.
"""

from policies.moves.next_write import due
from policies.moves.table import ROWS, next_move

__all__ = ["ROWS", "due", "next_move"]
