"""What the group-committing writer answers when jobs refuse, fail, or a commit is not confirmed."""

import contextlib
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from state.errors import FencedError, HeadMovedError, StorageError, UnknownCommitError
from state.ledger.sql.lock import Keeper
from state.ledger.sql.writer import Writer


class Database:
    """A database that keeps what was committed, and fails when told."""

    def __init__(self) -> None:
        self.committed: list[str] = []
        self.pending: list[str] = []
        self.commits = self.reopened = 0
        self.closed = False
        self.fail: dict[str, Exception] = {}
        self.hold = threading.Event()
        self.hold.set()
        self.begun = threading.Event()

    def _may_fail(self, what: str) -> None:
        if what in self.fail:
            raise self.fail[what]

    def begin(self) -> Any:
        self.begun.set()
        assert self.hold.wait(10)
        self._may_fail("begin")
        self.pending = []
        return self.pending

    def begin_if_free(self) -> Any:
        self._may_fail("begin_if_free")
        return self.begin() if self.hold.is_set() else None

    def commit(self) -> None:
        self._may_fail("commit")
        self.committed += self.pending
        self.commits += 1

    def rollback(self) -> None:
        self.pending = []
        self._may_fail("rollback")

    def changes(self) -> int:
        return len(self.pending)

    def keeper(self) -> Keeper | None:
        return None if self.hold.is_set() else Keeper(pid=7, stopped=False)

    def reopen(self) -> None:
        self.reopened += 1
        self._may_fail("reopen")

    def holder(self) -> str:
        return "process 7"

    def close(self) -> None:
        self.closed = True


@pytest.fixture
def database() -> Database:
    return Database()


@pytest.fixture
def writer(database: Database) -> Iterator[Writer]:
    found = Writer(database, patience_s=5.0)
    yield found
    database.hold.set()
    found.close()


def put(word: str) -> Callable[[Any], str]:
    def job(cursor: Any) -> str:
        cursor.append(word)
        return word.upper()

    return job


def raising(error: Exception, *, after: str | None = None) -> Callable[[Any], str]:
    def job(cursor: Any) -> str:
        if after is not None:
            cursor.append(after)
        raise error

    return job


def together(writer: Writer, database: Database, *jobs: Callable[[Any], Any]) -> list[Any]:
    """Run ``jobs`` so that all wait while the database is busy with another; return answers or errors."""
    answers: list[Any] = [None] * len(jobs)
    database.hold.clear()
    database.begun.clear()

    def open_up() -> None:
        with contextlib.suppress(UnknownCommitError):  # it is committed together with the others
            writer.run(lambda _: None)

    opener = threading.Thread(target=open_up)
    opener.start()
    assert database.begun.wait(5)

    def ask(n: int) -> None:
        try:
            answers[n] = writer.run(jobs[n])
        except Exception as error:  # noqa: BLE001
            answers[n] = error

    threads = []
    for n in range(len(jobs)):
        threads.append(threading.Thread(target=ask, args=(n,)))
        threads[-1].start()
        deadline = threading.Event()
        while writer._queue.qsize() <= n and not deadline.wait(0.001):
            pass
    database.hold.set()
    for thread in [opener, *threads]:
        thread.join(10)
    return answers


def test_jobs_that_wait_are_committed_together(writer: Writer, database: Database) -> None:
    assert together(writer, database, put("a"), put("b"), put("c")) == ["A", "B", "C"]
    assert (database.committed, database.commits) == (["a", "b", "c"], 1)


def test_a_refusal_leaves_the_others_alone(writer: Writer, database: Database) -> None:
    refused = HeadMovedError("late")
    assert together(writer, database, put("a"), raising(refused), put("c")) == ["A", refused, "C"]
    assert (database.committed, database.commits) == (["a", "c"], 1)


def test_a_refusal_that_wrote_takes_back_its_own_work_only(writer: Writer, database: Database) -> None:
    refused = FencedError("after a write")
    answers = together(writer, database, put("a"), raising(refused, after="half"), put("c"))
    assert answers == ["A", refused, "C"]
    assert database.committed == ["a", "c"]


def test_a_failure_takes_back_its_own_work_only(writer: Writer, database: Database) -> None:
    answers = together(writer, database, put("a"), raising(OSError("full"), after="half"), put("c"))
    assert (answers[0], answers[2]) == ("A", "C")
    assert isinstance(answers[1], StorageError)
    assert "nothing was stored: full" in str(answers[1])
    assert database.committed == ["a", "c"]


def test_refusals_alone_commit_nothing(writer: Writer, database: Database) -> None:
    with pytest.raises(HeadMovedError):
        writer.run(raising(HeadMovedError("late")))
    assert database.commits == 0


def test_an_unconfirmed_commit_is_unknown_to_all_that_were_in_it(writer: Writer, database: Database) -> None:
    database.fail["commit"] = OSError("disk")
    answers = together(writer, database, put("a"), raising(HeadMovedError("rests on a")), put("c"))
    assert [type(answer) for answer in answers] == [UnknownCommitError] * 3
    assert database.reopened == 1
    del database.fail["commit"]
    assert writer.run(put("d")) == "D"


def test_a_database_that_cannot_begin_stores_nothing(writer: Writer, database: Database) -> None:
    database.fail["begin"] = OSError("locked")
    database.fail["rollback"] = database.fail["reopen"] = OSError("gone")
    with pytest.raises(StorageError, match="locked"):
        writer.run(put("a"))
    database.fail.clear()
    assert writer.run(put("b")) == "B"
    assert database.committed == ["b"]


def test_whoever_has_waited_too_long_learns_whether_it_can_still_happen(database: Database) -> None:
    writer = Writer(database, patience_s=0.2)
    database.hold.clear()
    for word in ("never begun", "nor this"):
        with pytest.raises(StorageError, match="held by process 7"):
            writer.run(put(word))
    goes_on, begun = threading.Event(), threading.Event()

    def slow(cursor: Any) -> None:
        begun.set()
        goes_on.wait(10)
        cursor.append("begun")

    unknown: list[Exception] = []

    def ask() -> None:
        try:
            writer.run(slow)
        except Exception as error:  # noqa: BLE001
            unknown.append(error)

    first = threading.Thread(target=ask)
    first.start()
    while writer._queue.empty():
        first.join(0.01)
    database.hold.set()
    assert begun.wait(5)
    first.join(5)
    assert [type(error) for error in unknown] == [UnknownCommitError]
    goes_on.set()
    writer.close()
    assert database.committed == ["begun"], "what was given up before it had begun is not done later"


def test_whoever_is_alone_writes_on_its_own_thread(writer: Writer, database: Database) -> None:
    threads: list[threading.Thread] = []

    def job(cursor: Any) -> None:
        threads.append(threading.current_thread())
        cursor.append("a")

    writer.run(job)
    assert threads == [threading.current_thread()]
    database.fail["begin_if_free"] = OSError("locked")
    writer.run(job)
    assert threads[1] is not threading.current_thread()
    assert database.committed == ["a", "a"]


def test_an_interrupt_leaves_nothing_open(writer: Writer, database: Database) -> None:
    def job(cursor: Any) -> None:
        cursor.append("half")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        writer.run(job)
    assert (database.pending, database.committed) == ([], [])
    assert writer.run(put("b")) == "B"
    assert database.committed == ["b"]


def test_many_threads_get_each_its_own_answer(writer: Writer, database: Database) -> None:
    wrong: list[object] = []

    def ask(name: str) -> None:
        for number in range(50):
            word = f"{name}{number}"
            try:
                if number % 7 == 3:
                    writer.run(raising(HeadMovedError(word)))
                elif writer.run(put(word)) != word.upper():
                    wrong.append(word)
            except HeadMovedError as refused:
                if str(refused) != word:
                    wrong.append(refused)

    threads = [threading.Thread(target=ask, args=(name,)) for name in "abcdefgh"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert not wrong
    expected = {f"{name}{n}" for name in "abcdefgh" for n in range(50) if n % 7 != 3}
    assert sorted(database.committed) == sorted(expected)


def test_closing_finishes_what_waits(database: Database) -> None:
    writer = Writer(database)
    assert writer.run(put("a")) == "A"
    writer.close()
    writer.close()
    assert database.closed
    with pytest.raises(StorageError, match="closed"):
        writer.run(put("b"))
