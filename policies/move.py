"""The moves there are: what the decision table answers. A move is a value with the row that chose it.

Only ``Send`` moves the world. A model may put ``Wait``, ``CheckAgain`` or ``Escalate`` in the place of the
rules' move, never anything else.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """Any move; ``row`` is the row of the decision table."""

    row: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FoldSignals(Move):
    """Fold what others said, in the order of arrival."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait(Move):
    """Nothing until ``ms`` from now, or (None) until somebody says or changes something."""

    reason: str
    ms: int | None
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Escalate(Move):
    """Stop for a human. ``reason`` is a stable code, ``code`` the finer one behind it."""

    reason: str
    code: str = ""
    step: str = ""
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TellNext(Move):
    """The present level has not answered: tell the next one, change nothing."""

    level: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CarryOut(Move):
    """Carry out a human's decision: its words, its grants, its direction."""

    choice: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Close(Move):
    """The run ends. ``packet``: something is left for a human, so it ends with a packet."""

    state: str
    reason: str
    packet: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn(Move):
    """Change the direction: rolling_back or completing."""

    to: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Leave(Move):
    """Give up an optional operation; ``op`` None where nothing of it was ever sent."""

    step: str
    item: int | None
    op: str | None
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Confirm(Move):
    """The operation's checks passed (or there is nothing to read): it is finished."""

    op: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Bind(Move):
    """Read what the inputs stand for, and name the resources."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold(Move):
    """Take the resources, all of them in one transaction."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Survey(Move):
    """Read the first observations, compute what is derived, list the items."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckPreconditions(Move):
    """Read the preconditions, in order, up to the first that does not hold."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe(Move):
    """Look whether an operation without a definite answer was applied."""

    op: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Observe(Move):
    """Read the checks of ``scope``: an operation, ``due:OP``, ``completion`` or ``rollback``."""

    scope: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Due(Move):
    """The write that is due: attempt ``attempt`` of ``op``. ``granted``: a human's grant pays for it."""

    op: str
    step: str
    item: int | None
    ordinal: int
    undoes: str | None
    attempt: int
    granted: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class AskConfirmation(Due):
    """Mode ``confirm``: ask a human for exactly this write."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Send(Due):
    """Send it, through the gateway."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Done(Move):
    """The run has ended; nothing is left to do."""
