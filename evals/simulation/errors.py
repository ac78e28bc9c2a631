"""The errors of this room.

SimulationError
├── EndlessError      a world went on for more turns than any world needs
└── OtherCodeError    a log is of other code than what would go on with it

Gone is no error: it unwinds an actor that is never to run again, and nothing but the scheduler catches it.
"""


class SimulationError(Exception):
    """The simulator itself is at fault, or was asked for something that it does not know."""


class EndlessError(SimulationError):
    """A world went on for more turns than any world needs: something in it does not come to rest."""


class OtherCodeError(SimulationError):
    """A log holds seeds that other code has played: the two say nothing about each other."""


class Gone(BaseException):
    """Its actor does not run any more: killed, or its world is over."""
