"""How writes reach the database: whatever waits is committed together, each with its own answer.

Whoever finds the database free writes on its own thread: two changes of threads cost as much as the writing.
Whoever does not waits for the one thread that commits together all that have come meanwhile.

A job that is refused (StateError) has written nothing, so those beside it are committed all the same. A job
that fails otherwise takes the whole transaction back, and every job is then tried in one of its own.
"""

import contextlib
import threading
from collections.abc import Callable, Sequence
from queue import Empty, SimpleQueue
from typing import Any, Final, NoReturn, Protocol, TypeVar

from sqlalchemy.engine.interfaces import DBAPICursor

from state.errors import StateError, StorageError, UnknownCommitError
from state.ledger.sql.lock import LOOK_EVERY_S, PATIENCE_S, Keeper, waited

MOST_TOGETHER: Final = 256

T = TypeVar("T")
Job = Callable[[DBAPICursor], T]


class WriteConnection(Protocol):
    """The one connection that writes. Between ``begin`` and ``commit`` no other process writes."""

    def begin(self) -> DBAPICursor:
        """Begin a transaction that may write, after whoever came first."""

    def begin_if_free(self) -> DBAPICursor | None:
        """Begin one at once; None where another process writes."""

    def commit(self) -> None:
        """Make it durable; an error leaves open whether it is."""

    def rollback(self) -> None:
        """Take it back."""

    def changes(self) -> int:
        """Rows changed by this connection so far."""

    def reopen(self) -> None:
        """Drop the connection and make a new one."""

    def keeper(self) -> Keeper | None:
        """Which other process keeps us from writing; None where nobody does, or it cannot be told."""

    def close(self) -> None:
        """Close for good."""


class _Waiting:
    """A job and, later, its answer."""

    __slots__ = ("_answered", "_begun", "_error", "_value", "job")

    def __init__(self, job: Job[Any]) -> None:
        self.job = job
        self._answered = threading.Lock()  # held until there is an answer: an Event costs three times as much
        self._answered.acquire()
        self._begun = threading.Lock()
        self._value: Any = None
        self._error: BaseException | None = None

    def take(self) -> bool:
        """Begin the job, or learn that nobody waits for it any more: one of both sides gets the lock."""
        return self._begun.acquire(blocking=False)

    def succeed(self, value: Any) -> None:
        self._value = value
        self._answered.release()

    def fail(self, error: BaseException) -> None:
        self._error = error
        self._answered.release()

    def answered(self, within_s: float) -> bool:
        """Wait so long for the answer; whether it is there. To be asked until it is, and not again."""
        return self._answered.acquire(timeout=within_s)

    def result(self) -> Any:
        """The answer, once it is there: what the job returned, or the error in its place."""
        if self._error is not None:
            raise self._error
        return self._value


class Writer:
    """The group-committing writer: ``run`` returns when its job is durable, or raises why it is not.

    ``patience_s`` bounds every wait for others; the commit itself takes as long as the disk does.
    """

    def __init__(self, connection: WriteConnection, *, patience_s: float = PATIENCE_S) -> None:
        """Start the thread that commits for many; nobody else may use ``connection`` from here on."""
        self._connection, self._patience_s = connection, patience_s
        self._using = threading.Lock()  # over the connection
        self._queue: SimpleQueue[_Waiting | None] = SimpleQueue()
        self._closing = threading.Lock()
        self._closed = self._gave_up = False
        self._thread = threading.Thread(target=self._serve, name="ledger-writer", daemon=True)
        self._thread.start()

    def run(self, job: Job[T]) -> T:
        """Do ``job`` in a transaction. Its refusal, StorageError (nothing stored), or UnknownCommitError."""
        waiting = _Waiting(job)
        if self._alone(waiting):
            value: T = waiting.result()
            return value
        with self._closing:
            if self._closed:
                raise StorageError("the ledger is closed")
            self._queue.put(waiting)
        if not self._waited(waiting.answered):
            self._give_up(waiting)
        answer: T = waiting.result()
        return answer

    def _waited(self, done: Callable[[float], bool]) -> bool:
        return waited(done, self._connection.keeper, patience_s=self._patience_s, look_s=LOOK_EVERY_S)

    def _give_up(self, waiting: _Waiting) -> NoReturn:
        keeper = self._connection.keeper()
        by = f" (held by {keeper})" if keeper else ""
        if waiting.take():
            self._gave_up = True
            raise StorageError(f"the database was not free to write{by}; nothing was stored")
        raise UnknownCommitError(f"the database gave no answer for {self._patience_s:g} s{by}")

    def close(self) -> None:
        """Finish what waits, then close the connection. Closing twice is closing once."""
        with self._closing:
            if not self._closed:
                self._closed = True
                self._queue.put(None)
        if self._gave_up:  # then the thread waits still, for who knows how long
            self._ended(LOOK_EVERY_S)
        else:
            self._waited(self._ended)

    def _ended(self, within_s: float) -> bool:
        self._thread.join(within_s)
        return not self._thread.is_alive()

    def _alone(self, waiting: _Waiting) -> bool:
        """Do the job here and now, where nobody else writes or waits; whether it was done."""
        if not self._queue.empty() or not self._using.acquire(blocking=False):
            return False
        try:
            cursor = None if self._closed else self._begun_if_free()
            if cursor is None:
                return False
            waiting.take()
            self._together([waiting], cursor)
        except BaseException:  # of this very thread, such as KeyboardInterrupt: nothing may stay open
            self._take_back()
            raise
        finally:
            self._using.release()
        return True

    def _begun_if_free(self) -> DBAPICursor | None:
        try:
            return self._connection.begin_if_free()
        except Exception:  # noqa: BLE001 - the thread that waits for it meets it too, and answers
            self._take_back()
            return None

    def _serve(self) -> None:
        ending = False
        while not ending:
            first = self._queue.get()
            with self._using:  # whoever comes while somebody else writes waits in the queue
                ending = self._serve_from(first)
                if ending:
                    self._connection.close()

    def _serve_from(self, first: _Waiting | None) -> bool:
        """Begin, and only then take what waits: nobody's job has begun while another process writes."""
        cursor, failed = None, None
        if first is not None:
            try:
                cursor = self._connection.begin()
                self._gave_up = False
            except Exception as error:  # noqa: BLE001 - whatever it is, it is answered to whoever asked
                failed = error
        batch, ending = self._gathered(first)
        if failed is not None:
            self._apart(batch, failed)
        elif batch:
            self._together(batch, cursor)
        elif cursor is not None:
            self._take_back()
        return ending

    def _gathered(self, found: _Waiting | None) -> tuple[list[_Waiting], bool]:
        """Take ``found`` and what else waits by now; whether the end of all is among it."""
        batch: list[_Waiting] = []
        while found is not None:
            if found.take():
                batch.append(found)
            if len(batch) >= MOST_TOGETHER:
                return batch, False
            try:
                found = self._queue.get_nowait()
            except Empty:
                return batch, False
        return batch, True

    def _together(self, batch: Sequence[_Waiting], cursor: DBAPICursor | None = None) -> None:
        """Do the jobs in one transaction, which has begun where its ``cursor`` is given."""
        connection = self._connection
        answers: list[tuple[_Waiting, Any, StateError | None]] = []
        try:
            cursor = cursor or connection.begin()
            before = changed = connection.changes()
            for waiting in batch:
                try:
                    answers.append((waiting, waiting.job(cursor), None))
                except StateError as refusal:
                    if connection.changes() != changed:
                        raise
                    answers.append((waiting, None, refusal))
                changed = connection.changes()
        except Exception as error:  # noqa: BLE001 - whatever it is, it is answered to whoever asked
            self._apart(batch, error)
            return
        if changed == before:
            self._take_back()
        elif not self._commit(batch):
            return
        for waiting, value, refused in answers:
            if refused is None:
                waiting.succeed(value)
            else:
                waiting.fail(refused)

    def _commit(self, batch: Sequence[_Waiting]) -> bool:
        try:
            self._connection.commit()
        except Exception as error:  # noqa: BLE001 - an unknown commit is unknown to all whose work was in it
            self._reopen()
            for waiting in batch:
                unknown = UnknownCommitError(f"the commit was not confirmed: {error}")
                unknown.__cause__ = error
                waiting.fail(unknown)
            return False
        return True

    def _apart(self, batch: Sequence[_Waiting], error: Exception) -> None:
        """Try the jobs of a failed transaction one by one; the only one of its own gets the error."""
        self._take_back()
        if not batch:
            return
        if len(batch) > 1:
            for waiting in batch:
                self._together([waiting])
        elif isinstance(error, StateError):
            batch[0].fail(error)
        else:
            failed = StorageError(f"the database failed, nothing was stored: {error}")
            failed.__cause__ = error
            batch[0].fail(failed)

    def _take_back(self) -> None:
        try:
            self._connection.rollback()
        except Exception:  # noqa: BLE001 - a connection that cannot even roll back is of no use
            self._reopen()

    def _reopen(self) -> None:
        with contextlib.suppress(Exception):  # the next begin fails, and says so to whoever asks
            self._connection.reopen()
