"""How long a tool is waited for: a call that does not come back cannot be ended, but can be left behind."""

import contextvars
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, Generic, TypeVar

# A tool that keeps its own time comes back a little behind it; only one that does not is left behind.
GRACE_S: Final = 2.0

T = TypeVar("T")


class NotReturnedError(Exception):
    """The call has not come back in its time. It goes on, and may still do what it was to do."""


@dataclass(slots=True)
class _Box(Generic[T]):
    values: list[T] = field(default_factory=list)
    errors: list[BaseException] = field(default_factory=list)


def call_within(call: Callable[[], T], seconds: float) -> T:
    """What ``call`` gives or raises; NotReturnedError where it takes longer than ``seconds``.

    It runs in a thread of its own, which does not keep the process from ending.
    """
    box, context = _Box[T](), contextvars.copy_context()

    def run() -> None:
        try:
            box.values.append(context.run(call))
        except BaseException as error:  # noqa: BLE001 - raised again where it was called
            box.errors.append(error)

    thread = threading.Thread(target=run, name="tool", daemon=True)
    thread.start()
    thread.join(seconds)
    if box.errors:
        raise box.errors[0]
    if not box.values:
        raise NotReturnedError(f"not back within {seconds:g} s")
    return box.values[0]
