"""How a demo ends early.

DemoError
├── OtherwiseError    an act ended otherwise than it says
├── NoWorldError      what the acts need could not be started
└── Interrupted       somebody asked it to end
"""

import signal


class DemoError(Exception):
    """The demo cannot go on."""


class OtherwiseError(DemoError):
    """An act ended otherwise than it says."""


class NoWorldError(DemoError):
    """What the acts need could not be started."""


class Interrupted(DemoError):  # noqa: N818 - no error: somebody asked
    """Somebody asked the demo to end, by the signal ``number``."""

    def __init__(self, number: int) -> None:
        super().__init__(f"asked to end by {signal.Signals(number).name}")
        self.number = number
