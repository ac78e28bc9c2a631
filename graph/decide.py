"""*Decide*: the rules' move, and at a real fork what a model would rather do, as far as it may."""

from langgraph.types import Command

from graph.judging import judged_move
from graph.routes import Node, RunState, route
from graph.session import Session
from policies.move import Move


def decide(session: Session) -> Move:
    """The next move of the run that the session holds; between two moves nothing is under way."""
    session.safe_point(session.task)
    return judged_move(session, session.rules_move())


def onward(session: Session, move: Move | None) -> Command[Node]:
    """What a node answers: the task as it is, the next move (None: none now), and who performs it."""
    behind = RunState(run=session.task.run, task=session.task, move=move)
    return Command(update=behind, goto=route(behind))


def after(session: Session) -> Command[Node]:
    """What a node answers that has done its part."""
    return onward(session, decide(session))
