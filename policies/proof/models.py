"""A model at a fork: everything that it may put before the rules' move, and what it may say in vain."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from policies import move as moves
from policies.forks import ACCEPT, ESCALATE, REREAD, WAIT, fork_row, may_choose, substitute, wait_in_force
from policies.moves import next_move
from policies.proof.case import Case, fewer
from policies.proof.scene import Next, Scene
from state import bodies, instants
from state.entry import Role

_WAIT_S: Final = 60
# what a hostile model might say, and what a choice may come to at the most
SAID: Final = (ACCEPT, WAIT, REREAD, ESCALATE, "send", "confirm", "close", "roll_back", "")
_HARMLESS: Final = (moves.Wait, moves.Probe, moves.Observe, moves.CheckPreconditions, moves.Escalate)
_WORDS: Final = {WAIT: "wait", REREAD: "look again", ESCALATE: "ask a human"}


def decide(scene: Scene, case: Case) -> moves.Move:
    """The move that is made here: the rules', or what a model has put in its place."""
    task, rules = scene.task, next_move(scene.task, case.plan, scene.moment)
    known = task.rejudged
    if not known or not may_choose(task, rules, case.rereads):
        return rules
    waits = wait_in_force(task, row=fork_row(rules), now=scene.at)
    if waits is not None:
        return waits
    if known["seq"] != task.head.seq:
        return rules
    return substitute(task, rules, row=known["row"], taken=known["taken"], now=scene.at)


def asked(scene: Scene, case: Case, move: moves.Move) -> Iterator[Next]:
    """A model is asked at this fork, and chooses."""
    task = scene.task
    if not scene.left.judged or (task.rejudged and task.rejudged["seq"] == task.head.seq):
        return
    left = replace(scene.left, judged=fewer(scene.left.judged))
    for taken in sorted(may_choose(task, move, case.rereads) - {ACCEPT}):
        until = instants.after(scene.at, _WAIT_S) if taken == WAIT else None
        judged = bodies.judged(
            actor="m", role=Role.EXECUTOR, fork="", row=fork_row(move), rules="", model=taken, taken=taken,
            reason="", model_id="m", prompt="", tokens=1, until=until,
        )  # fmt: skip
        yield f"a model would rather {_WORDS[taken]}", scene.append(judged, left=left)


def overreach(scene: Scene, case: Case, move: moves.Move) -> Iterator[str]:
    """What a model could bring about here that it must not."""
    task = scene.task
    if not may_choose(task, move, case.rereads):
        return
    for said in SAID:
        taken = substitute(task, move, row=fork_row(move), taken=said, now=scene.at)
        if taken != move and not isinstance(taken, _HARMLESS):
            yield f"a model that says {said or 'nothing'} brings about {type(taken).__name__}"
