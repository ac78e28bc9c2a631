"""*Decide*: the rules' move, and at a real fork what a model would rather do, as far as it may."""

from graph.judging import judged_move
from graph.routes import RunState
from graph.session import Session
from policies.move import Move


def decide(session: Session) -> Move:
    """The next move of the run that the session holds."""
    return judged_move(session, session.rules_move())


def after(session: Session) -> RunState:
    """The graph's state behind a node: the task as it is, and the next move."""
    return RunState(run=session.task.run, task=session.task, move=decide(session))
