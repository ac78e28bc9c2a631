"""What may still land, and what a look at the target is worth: flying, quarantine, licence, settling.

An attempt without a definite answer *flies* until its quarantine is over and its sender can send nothing
more, or until the target has absorbed it. A probe that says *absent* allows another send only under a
*licence*: the process that wrote that very intent has returned from the call, or is proven dead.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from policies.contract import DedupeKind
from policies.moment import Moment
from policies.plan import ABSORBING, WritePlan
from state.instants import seconds_between
from state.outcome import Outcome
from state.task import Attempt, Clock, Operation, Task

_FAR_MS: Final = 10**12


class Licence(StrEnum):
    """Why the sender of an attempt can send nothing more; UNPROVEN where it may."""

    RETURNED = "returned"
    PROVEN_DEAD = "proven_dead"
    ATTESTED = "attested"
    UNPROVEN = "unproven"


def licence(task: Task, attempt: Attempt, moment: Moment) -> Licence:
    """Whether the process that wrote the intent of ``attempt`` can still send it.

    A human's statement that the process is dead counts one quarantine after it was taken. The proven death of
    a worker says nothing of the child process through which it sent: that one may live on, and send.
    """
    if attempt.returned is not None:
        return Licence.RETURNED
    if attempt.epoch in task.proven_dead and not attempt.child:
        return Licence.PROVEN_DEAD
    stated = task.attested.get(attempt.epoch)
    if stated is not None and _left_ms(stated, attempt.span_ms, moment) == 0:
        return Licence.ATTESTED
    return Licence.UNPROVEN


def licences(task: Task, operation: Operation, moment: Moment) -> str:
    """Why the senders of all that may still land of ``operation`` are done, as an entry keeps it."""
    words = {licence(task, a, moment).value for a in operation.attempts if a.undecided}
    return ",".join(sorted(words)) or "none_needed"


def _left_ms(start: Clock, span_ms: int, moment: Moment) -> int:
    if start.boot_id != moment.clock.boot_id:
        return span_ms
    return max(0, start.ms + span_ms - moment.clock.ms)


def quarantine_left_ms(task: Task, attempt: Attempt, moment: Moment) -> int:
    """Milliseconds until what a probe shows counts for ``attempt``; 0 when it does.

    The span is waited out on this host's monotonic clock, from the return of the sending call, else from
    the first claim here after it; clocks of other hosts are not used. A sender that only a later claim saw
    dead may have been paused until then, and have sent at its very end: its span begins with that claim.
    """
    if attempt.returned is not None and attempt.returned.boot_id == moment.clock.boot_id:
        return _left_ms(attempt.returned, attempt.span_ms, moment)
    behind = attempt.epoch + (not attempt.left_behind)  # who gave it up waits no longer than for the others
    if attempt.returned is None:
        behind = task.proven_dead.get(attempt.epoch, behind)
    for claim in task.claims:
        if claim.epoch >= behind and claim.clock.boot_id == moment.clock.boot_id:
            return _left_ms(claim.clock, attempt.span_ms, moment)
    return attempt.span_ms


def attest_left_ms(task: Task, attempt: Attempt, moment: Moment) -> int:
    """Milliseconds until a statement that its sender is dead licenses ``attempt``; its span without one."""
    stated = task.attested.get(attempt.epoch)
    return attempt.span_ms if stated is None else _left_ms(stated, attempt.span_ms, moment)


def flying(task: Task, operation: Operation, moment: Moment) -> tuple[Attempt, ...]:
    """The attempts of ``operation`` that may still land."""
    return tuple(a for a in operation.attempts if a.undecided and _flies(task, a, moment))


def _flies(task: Task, undecided: Attempt, moment: Moment) -> bool:
    licensed = licence(task, undecided, moment) is not Licence.UNPROVEN
    return not (licensed and quarantine_left_ms(task, undecided, moment) == 0)


def own_outcome_open(operation: Operation) -> bool:
    """An intent is open or its outcome unknown, and nothing has settled the operation since."""
    return bool(operation.attempts) and operation.settled is None


def unresolved(task: Task, operation: Operation, moment: Moment) -> bool:
    """The operation's own outcome is open, or an attempt of it flies."""
    attempts = operation.attempts
    if operation.settled is None:
        return bool(attempts) or bool(flying(task, operation, moment))
    for attempt in attempts:  # noqa: SIM110 - asked of every operation at every move
        if attempt.undecided and _flies(task, attempt, moment):
            return True
    return False


def unproven(task: Task, operation: Operation, moment: Moment) -> tuple[Attempt, ...]:
    """Attempts without a definite answer whose sender may still send."""
    return tuple(
        a for a in operation.attempts if a.undecided and licence(task, a, moment) is Licence.UNPROVEN
    )


def passed_ms(task: Task, attempt: Attempt, moment: Moment) -> int:
    """Milliseconds since the intent of ``attempt``: the longest that any clock makes of it.

    The database's clock may have been set back since; then what it said at a later claim, and what this
    host's monotonic clock has seen pass since that claim, or since the sending call came back, says more.
    """
    here = moment.clock
    passed = [moment.ms_since(attempt.at)]
    if attempt.returned is not None and attempt.returned.boot_id == here.boot_id:
        passed.append(here.ms - attempt.returned.ms)
    for claim in task.claims:
        if claim.seq > attempt.seq:
            seen_ms = here.ms - claim.clock.ms if claim.clock.boot_id == here.boot_id else 0
            passed.append(round(1000 * seconds_between(attempt.at, claim.at)) + seen_ms)
    return max(passed)


def key_ms_left(task: Task, operation: Operation, write: WritePlan, moment: Moment) -> int:
    """Milliseconds for which the operation's key may still be sent; 0 when the window is (nearly) over."""
    until = write.key_until_ms()
    return _FAR_MS if until is None else max(0, until - passed_ms(task, operation.attempts[0], moment))


def settles_doubles(task: Task, operation: Operation, write: WritePlan, moment: Moment) -> bool:
    """The target itself makes a second send of the same operation harmless, now."""
    if write.kind is DedupeKind.NATIVE_KEY:
        return key_ms_left(task, operation, write, moment) > 0
    return write.kind in ABSORBING


@dataclass(frozen=True, slots=True, kw_only=True)
class Settlement:
    """What a probe's verdict settles.

    ``settles``: the operation's outcome (None: nothing); ``grounded``: attempts that cannot land any more;
    ``absorbs``: the target makes nothing of later copies; ``licence``: why the senders are done.
    """

    settles: Outcome | None
    grounded: tuple[int, ...]
    absorbs: bool
    licence: str


def _absent(operation: Operation) -> Outcome:
    """What an operation is of which nothing landed: what the target has refused for good stays refused."""
    definite = [a.outcome for a in operation.attempts if a.outcome not in (None, Outcome.UNKNOWN)]
    return Outcome.REFUSED if definite and definite[-1] is Outcome.REFUSED else Outcome.NOT_APPLIED


def settle(task: Task, operation: Operation, write: WritePlan, verdict: str, moment: Moment) -> Settlement:
    """What ``verdict`` (applied, absent, unknown), read after the quarantine of every attempt, settles.

    *applied* settles the operation; which attempts it grounds depends on licence and absorption. *absent*
    settles it only where no sender is unproven: an unproven one may be paused before its send for any time.
    """
    doubtful = [a for a in operation.attempts if a.undecided]
    known = {a.number: licence(task, a, moment) for a in doubtful}
    used_up = (
        write.kind is DedupeKind.CONDITIONAL_WRITE and operation.conflicted
    )  # no copy can apply any more
    proven = tuple(n for n, why in known.items() if used_up or why is not Licence.UNPROVEN)
    words = licences(task, operation, moment)
    if verdict == "applied":
        absorbs = write.absorbs and settles_doubles(task, operation, write, moment)
        return Settlement(settles=Outcome.SUCCEEDED, grounded=proven, absorbs=absorbs, licence=words)
    if verdict == "absent" and len(proven) == len(doubtful):
        return Settlement(settles=_absent(operation), grounded=proven, absorbs=False, licence=words)
    return Settlement(settles=None, grounded=(), absorbs=False, licence=words)
