"""Where a model may put its own move in the place of the rules', and which: wait, look again, or escalate.

Pure: the graph asks the model, keeps its budget and the entries; what a choice makes of the rules' move is
law and stands here. None of the three sends anything.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from policies.moment import CLOCK_SLACK_MS
from policies.move import CheckPreconditions, Escalate, Leave, Move, Observe, Probe, Turn, Wait
from state.instants import seconds_between
from state.task import Task

ACCEPT: Final = "accept"
WAIT: Final = "wait"
REREAD: Final = "reread"
ESCALATE: Final = "escalate"
LONGEST_WAIT_S: Final = 60

_PRECONDITIONS: Final = 18
_COMPLETION: Final = 23
_FIND_OUT, _CANNOT_TELL = 8, 9  # row 9 is where row 8 has given up

# row -> how the matter stands when a model may be asked about the rules' move there
STANDINGS: Final[Mapping[int, str]] = MappingProxyType(
    {
        8: "unknown", 9: "unknown", 11: "unknown", 13: "failed", 15: "exhausted", 18: "failed",
        23: "failed",
    }
)  # fmt: skip


def fork_row(move: Move) -> int:
    """The row under which a fork is known."""
    return _FIND_OUT if move.row == _CANNOT_TELL else move.row


def may_choose(task: Task, rules: Move, rereads: int) -> frozenset[str]:
    """What a model may say of ``rules``; nothing on the open road. ``rereads``: looks that it may ask for."""
    if rules.row not in STANDINGS or not isinstance(rules, Escalate | Leave | Turn):
        return frozenset()
    if isinstance(rules, Escalate) and rules.reason == "unproven_sender":
        return frozenset()  # no look and no wait can settle it
    again = task.rereads < rereads and look_again(task, rules) is not None
    return frozenset({ACCEPT, WAIT, ESCALATE} | ({REREAD} if again else set()))


def substitute(task: Task, rules: Move, *, row: int, taken: str, now: str) -> Move:
    """What the choice ``taken`` at the fork ``row`` makes of the rules' move; never a send.

    ``now``: the database's clock. Where the fork is gone, the rules' move stands.
    """
    if not isinstance(rules, Escalate | Leave | Turn) or fork_row(rules) != row:
        return rules
    if taken == ESCALATE:
        why = str(task.rejudged.get("reason", ""))
        return Escalate(row=rules.row, reason="model", code=STANDINGS[rules.row], detail=why)
    if taken == REREAD:
        return look_again(task, rules) or rules
    if taken == WAIT:  # a wait that is over is worth a fresh look
        return wait_in_force(task, row=row, now=now) or look_again(task, rules) or rules
    return rules


def look_again(task: Task, rules: Move) -> Move | None:
    """The read that shows the same matter afresh; None where there is none."""
    if rules.row == _PRECONDITIONS:
        return CheckPreconditions(row=rules.row)
    if rules.row == _COMPLETION:
        return Observe(row=rules.row, scope="completion")
    operation = next((o for o in reversed(task.operations) if o.status == "open" and o.attempts), None)
    if operation is None:
        return None
    if rules.row == _CANNOT_TELL:
        return Probe(row=_FIND_OUT, op=operation.id) if operation.probe_verdict is not None else None
    return Observe(row=rules.row, scope=operation.id) if operation.settled == "succeeded" else None


def wait_in_force(task: Task, *, row: int, now: str) -> Wait | None:
    """What is left of the wait that a model asked for at the fork ``row``."""
    known = task.rejudged
    if not known or known["taken"] != WAIT or known["row"] != row or not known["until"]:
        return None
    left = round(1000 * seconds_between(now, known["until"]))
    set_back = left > 1000 * LONGEST_WAIT_S + CLOCK_SLACK_MS  # no model is granted that much
    return Wait(row=row, reason="model", ms=left) if left > 0 and not set_back else None
