"""How much work a parser may do: calls are counted, so that only a slow parser fails, not a slow machine."""

import faulthandler
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, Final

CALLS: Final = 3_000_000  # whatever is read
CALLS_A_BYTE: Final = 200  # and for each byte of it


class TooMuchWorkError(BaseException):
    """A parser made more calls than what it was given can need; no parser can take it for its own error."""


def within_work(parse: Callable[[bytes], Any], content: bytes) -> Any:
    """What ``parse`` gives or raises; TooMuchWorkError where it makes more calls than are granted."""
    left = CALLS + CALLS_A_BYTE * len(content)

    def count(frame: FrameType, event: str, argument: Any) -> None:
        del frame, argument
        nonlocal left
        if event in ("call", "c_call"):
            left -= 1
            if left < 0:
                sys.setprofile(None)
                raise TooMuchWorkError(f"{len(content)} bytes: {content[:200]!r}")

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        return parse(content)
    finally:
        sys.setprofile(before)


@contextmanager
def watchdog(seconds: float) -> Iterator[None]:
    """End the process, with its stacks on stderr, where the block does not end: a hang makes no calls."""
    faulthandler.dump_traceback_later(seconds, exit=True)
    try:
        yield
    finally:
        faulthandler.cancel_dump_traceback_later()
