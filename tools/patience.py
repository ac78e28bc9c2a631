"""How long a tool is waited for: a call that does not come back cannot be ended, but can be left behind."""

import contextvars
import os
import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any, Final, Generic, TypeVar

# A tool that keeps its own time comes back a little behind it; only one that does not is left behind.
GRACE_S: Final = 2.0
MAX_IDLE: Final = 64

T = TypeVar("T")


class NotReturnedError(Exception):
    """The call has not come back in its time. It goes on, and may still do what it was to do."""


class _Answer(Generic[T]):
    """What a call has given or raised, once ``come`` can be acquired."""

    __slots__ = ("call", "come", "context", "error", "value")

    def __init__(self, call: Callable[[], T]) -> None:
        self.call, self.context = call, contextvars.copy_context()
        self.come = threading.Lock()
        self.come.acquire()
        self.value: T | None = None
        self.error: BaseException | None = None

    def find(self) -> None:
        try:
            self.value = self.context.run(self.call)
        except BaseException as error:  # noqa: BLE001 - raised again where it was called
            self.error = error
        self.come.release()


class _Caller:
    """A thread that makes one call after another, and does not keep the process from ending."""

    def __init__(self) -> None:
        self._next: SimpleQueue[_Answer[Any] | None] = SimpleQueue()
        threading.Thread(target=self._serve, name="tool", daemon=True).start()

    def make(self, answer: _Answer[Any]) -> None:
        self._next.put(answer)

    def end(self) -> None:
        """Make no more calls; one that is still under way ends first, whenever that is."""
        self._next.put(None)

    def _serve(self) -> None:
        while (answer := self._next.get()) is not None:
            answer.find()
            del answer  # it holds what the call gave


_idle: Final[list[_Caller]] = []  # the last one used is taken first
os.register_at_fork(after_in_child=_idle.clear)  # threads are not there in a child


def call_within(call: Callable[[], T], seconds: float) -> T:
    """What ``call`` gives or raises; NotReturnedError where it takes longer than ``seconds``.

    It runs in a thread that nobody else uses meanwhile. Only when it has come back is the thread used again.
    """
    try:
        caller = _idle.pop()
    except IndexError:
        caller = _Caller()
    answer, back = _Answer[T](call), False
    try:
        caller.make(answer)
        back = answer.come.acquire(timeout=seconds)
    finally:
        if back and len(_idle) < MAX_IDLE:
            _idle.append(caller)
        else:
            caller.end()
    if not back:
        raise NotReturnedError(f"not back within {seconds:g} s")
    if answer.error is not None:
        raise answer.error
    value: T = answer.value  # type: ignore[assignment]  # it came back without an error
    return value
