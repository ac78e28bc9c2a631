"""What becomes of the threads in which tools are called: used again when they are back, else left behind."""

import contextvars
import os
import threading

import pytest

from tools import patience
from tools.patience import NotReturnedError, call_within


@pytest.fixture(autouse=True)
def _none_idle() -> None:
    while patience._idle:
        patience._idle.pop().end()


def test_a_thread_that_is_back_is_used_again() -> None:
    first = call_within(threading.current_thread, 5.0)
    assert first is not threading.current_thread()
    assert first.daemon
    assert call_within(threading.current_thread, 5.0) is first


def test_what_a_call_raises_is_raised_where_it_was_called() -> None:
    def fails() -> None:
        raise SystemExit(3)

    with pytest.raises(SystemExit):
        call_within(fails, 5.0)
    assert call_within(lambda: "still there", 5.0) == "still there"


def test_a_call_that_does_not_come_back_keeps_its_thread_and_the_next_has_another() -> None:
    go, mine = threading.Event(), []

    def hangs() -> None:
        mine.append(threading.current_thread())
        go.wait(10)

    with pytest.raises(NotReturnedError):
        call_within(hangs, 0.05)
    assert call_within(threading.current_thread, 5.0) is not mine[0]
    go.set()
    mine[0].join(5)
    assert not mine[0].is_alive()


def test_calls_at_once_have_each_their_own_thread_and_answer() -> None:
    def ask(number: int) -> None:
        found[number] = call_within(lambda: (barrier.wait(5), number, threading.get_ident()), 5.0)

    barrier, found = threading.Barrier(4), dict[int, tuple[int, int, int]]()
    threads = [threading.Thread(target=ask, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(5)
    assert {n: number for n, (_, number, _) in found.items()} == {n: n for n in range(4)}
    assert len({ident for _, _, ident in found.values()}) == 4


def test_a_call_sees_the_context_of_its_caller_and_leaves_nothing_in_it() -> None:
    seen: contextvars.ContextVar[str] = contextvars.ContextVar("seen", default="")

    def look() -> str:
        before = seen.get()
        seen.set("left behind")
        return before

    seen.set("one")
    assert call_within(look, 5.0) == "one"
    seen.set("two")
    assert (call_within(look, 5.0), seen.get()) == ("two", "two")


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")
def test_a_forked_process_makes_threads_of_its_own() -> None:
    call_within(lambda: None, 5.0)
    child = os.fork()
    if child == 0:
        code = 1
        try:
            code = 0 if call_within(lambda: "child", 5.0) == "child" else 2
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
