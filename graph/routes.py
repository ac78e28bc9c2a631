"""Which node performs a move: the whole of the orchestrator's routing, as a table. Pure."""

from types import MappingProxyType
from typing import Final, Literal, TypedDict

from policies import move as moves
from policies.move import Move
from state.task import Task

Node = Literal["hydrate", "execute", "verify", "package", "close", "wait", "__end__"]


class RunState(TypedDict):
    """What the graph carries from node to node: nothing that grows, and nothing that is not in the ledger."""

    run: str
    task: Task
    move: Move | None


NODE_OF: Final = MappingProxyType[type[Move], Node](
    {
        moves.FoldSignals: "hydrate",
        moves.CarryOut: "hydrate",
        moves.Bind: "hydrate",
        moves.Hold: "hydrate",
        moves.Survey: "hydrate",
        moves.Send: "execute",
        moves.AskConfirmation: "execute",
        moves.Probe: "verify",
        moves.Observe: "verify",
        moves.CheckPreconditions: "verify",
        moves.Escalate: "package",
        moves.TellNext: "package",
        moves.Confirm: "verify",
        moves.Leave: "close",
        moves.Turn: "close",
        moves.Close: "close",
        moves.Wait: "wait",
        moves.Done: "__end__",
    }
)


def route(state: RunState) -> Node:
    """The node that performs the pending move; the end where there is none."""
    move = state["move"]
    return "__end__" if move is None else NODE_OF[type(move)]
