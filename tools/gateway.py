"""The one door: how a call leaves, and what is durable before and after it.

A write: guards, one append with the intent (refused in the same transaction where a stop switch covers it, or
where chain ``desk`` went on since the guards were told what is in force), the credential, claim and deadline
once more, the send, the reply made fit, one append with the outcome.
A read: guards, the verifier's reader credential, the send, the reply made fit. It writes no entry itself;
whoever asked writes down what was seen, and that a read was denied.

Each append is awaited. Where one fails the holder is out, and whatever has been sent is unknown to the next
holder: an intent without an outcome. Nothing here sends a second time.
"""

from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from typing import Any, Final, Literal, Protocol

from policies.call import Call, Outcome, Reply
from policies.contract import ToolContract
from policies.guards import Denied, GuardContext, Guards
from policies.plan import SEND_WINDOW_MS
from state import bodies
from state.entry import Draft, Role
from state.errors import DeskMovedError, SwitchedOffError
from state.instants import after
from state.task import Clock, Task
from tools.errors import SetupError, UnknownToolError
from tools.patience import GRACE_S, NotReturnedError, call_within
from tools.port import Secret, Tool
from tools.reply_bounds import Scrubs, bounded

Point = Literal["before_intent", "intent_durable", "before_send", "sent", "reply", "outcome_durable"]
Within = Callable[[Callable[[], Reply], float], Reply]
NO_CREDENTIAL: Final = "none"
_FLAT: Final = frozenset({str, int, bool, type(None)})
NOT_RETURNED: Final = "not_returned"
# A desk fault costs no attempt, where it is certain that nothing was applied.
_UNPAID: Final = (Outcome.NOT_APPLIED, Outcome.NOT_SENT)


class Journal(Protocol):
    """The holder of a run, as far as the door needs it (``state.holder.Holder``).

    ``left_behind``: a call of this claim may still send, and no entry says so yet.
    """

    left_behind: bool

    @property
    def epoch(self) -> int:
        """The claim under which it appends."""
        ...

    @property
    def worker(self) -> str:
        """Which worker that is."""
        ...

    @property
    def task(self) -> Task:
        """The run behind the last append."""
        ...

    def append(self, *drafts: Draft, stop_scopes: Sequence[str] = (), desk_seq: int | None = None) -> Task:
        """Append durably; the leaves of LedgerError."""
        ...

    def now(self) -> str:
        """Give the database's clock."""
        ...


class Tools(Protocol):
    """Tools by their exact name (``tools.registry.Registry``)."""

    def tool(self, name: str) -> Tool:
        """Find a tool; UnknownToolError."""
        ...


class Credentials(Protocol):
    """Who resolves a credential, inside the sender and nowhere else (``tools.secrets.Secrets``)."""

    def resolve(self, name: str) -> Secret:
        """Give the secret of that name; SetupError's leaves where there is none."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """Intent and outcome are durable; ``reply`` is what the outcome says, ``task`` the run behind it."""

    task: Task
    reply: Reply

    @property
    def claim_lost(self) -> bool:
        """Nothing was sent, since this worker could not show any more that it holds the run."""
        return self.reply.code == "lost_claim"


@dataclass(frozen=True, slots=True, kw_only=True)
class SwitchedOff:
    """A stop switch covers the write; nothing became durable and nothing was sent."""

    scope: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Outdated:
    """What is in force may be other than the guards were told; nothing became durable or was sent."""


Written = Answered | Denied | SwitchedOff | Outdated


@dataclass(frozen=True, slots=True, kw_only=True)
class _Decided:
    """A write that the guards have let through, and all that its two entries need."""

    call: Call
    digest: str
    context: GuardContext
    contract: ToolContract
    credential: str
    began_ms: int


def _nothing(point: Point) -> None:
    """Production does nothing at the named points; crash tests do."""
    del point


class Gateway:
    """The only holder of tools and credentials. There is none without guards."""

    def __init__(
        self,
        *,
        guards: Guards,
        registry: Tools,
        credentials: Credentials,
        scrubber: Scrubs,
        clock_ms: Callable[[], int],
        boot_id: str,
        still_mine: Callable[[], bool],
        pauses: Callable[[Point], None] = _nothing,
        within: Within = call_within,
    ) -> None:
        """``clock_ms``: this host's monotonic clock, of ``boot_id``; ``still_mine``: the lease holds.

        ``within``: how long a tool is waited for (``tools.patience``).

        TypeError for anything but a table of guards.
        """
        if not isinstance(guards, Guards):
            raise TypeError("a gateway needs the table of guards")
        self._guards, self._registry, self._credentials = guards, registry, credentials
        self._scrubber, self._clock_ms, self._boot_id = scrubber, clock_ms, boot_id
        self._still_mine, self._pauses, self._within = still_mine, pauses, within

    def read(self, call: Call, context: GuardContext) -> Reply:
        """Make a guarded read; a denied one is ``not_sent``, with the guard's code and the note ``denied``.

        Its timeout is at most that of the contract.
        """
        call = _frozen(call)
        tool = self._find(call.tool)
        if tool is not None and call.timeout_s > tool.contract.timeout_s:
            call = replace(call, timeout_s=tool.contract.timeout_s)
        verdict = self._guards.check_read(
            call, replace(context, contract=tool.contract if tool is not None else None)
        )
        if isinstance(verdict, Denied):
            detail = self._scrubber.line(verdict.message)
            return Reply(
                outcome=Outcome.NOT_SENT, code=verdict.code, detail=detail, notes=("denied", verdict.guard)
            )
        if tool is None:
            raise AssertionError("the guards let through a tool that is not there")
        try:
            secret = self._secret(tool.contract, Role.VERIFIER)
        except SetupError as error:
            return self._no_credential(error)
        return bounded(self._send(tool, call, verdict.digest, secret), tool.contract, self._scrubber)

    def write(self, journal: Journal, call: Call, context: GuardContext) -> Written:
        """Make a guarded write of ``context.op``; other LedgerErrors than those two go to the caller.

        A denial that does not pass by itself is an entry. ``context.reads`` go into the intent.
        """
        began_ms = self._clock_ms()  # before the guards: what they allowed is not sent much later
        call = _frozen(call)
        tool = self._find(call.tool)
        context = replace(
            context,
            task=journal.task,
            epoch=journal.epoch,
            contract=tool.contract if tool is not None else None,
        )
        verdict = self._guards.check_write(call, context)
        if isinstance(verdict, Denied):
            return self._denied(journal, call, context, verdict)
        if tool is None:
            raise AssertionError("the guards let through a tool that is not there")
        self._pauses("before_intent")
        decided = _Decided(
            call=call,
            digest=verdict.digest,
            context=context,
            contract=tool.contract,
            credential=tool.contract.credentials.get(Role.EXECUTOR.value, NO_CREDENTIAL),
            began_ms=began_ms,
        )
        try:
            journal.append(
                self._intent(journal, decided),
                stop_scopes=_scopes(journal.task, call),
                desk_seq=context.desk_seq,
            )
        except SwitchedOffError as stopped:
            return SwitchedOff(scope=stopped.scope)
        except DeskMovedError:
            return Outdated()
        self._pauses("intent_durable")
        reply, counts = self._sent(tool, decided)
        left_behind = isinstance(reply, Reply) and NOT_RETURNED in reply.notes  # then no licence comes of it
        if left_behind:
            journal.left_behind = (
                True  # until that is durable: an append that fails must not let it be forgotten
            )
        returned = None if left_behind else Clock(boot_id=self._boot_id, ms=self._clock_ms())
        self._pauses("sent")
        reply = bounded(reply, tool.contract, self._scrubber)
        self._pauses("reply")
        task = journal.append(_outcome(journal, decided, reply, counts=counts, returned=returned))
        journal.left_behind = False
        self._pauses("outcome_durable")
        return Answered(task=task, reply=reply)

    # --- before the send

    def _denied(self, journal: Journal, call: Call, context: GuardContext, denied: Denied) -> Denied:
        """A refusal that passes by itself is no entry: the run waits, and would add one at each look."""
        if denied.passes:
            return denied
        op = context.op.op if context.op is not None else ""
        message = self._scrubber.line(denied.message)
        journal.append(
            bodies.denied(
                actor=journal.worker, role=call.role, op=op, code=denied.code, guard=denied.guard,
                digest=denied.digest, message=message,
            )
        )  # fmt: skip
        return replace(denied, message=message)

    def _intent(self, journal: Journal, decided: _Decided) -> Draft:
        call, op = decided.call, decided.context.operation()
        return bodies.intent(
            actor=journal.worker, credential=decided.credential, op=op.op, step=op.step, item=op.item,
            ordinal=op.ordinal, undoes=op.undoes, attempt=op.attempt, tool=call.tool, resource=call.resource,
            arguments=call.arguments, key=call.key, digest=decided.digest,
            send_by=after(journal.now(), SEND_WINDOW_MS / 1000), span_ms=decided.context.write_plan().span_ms,
            facts=decided.context.reads, granted=op.granted, child=decided.contract.child_process,
        )  # fmt: skip

    # --- the send

    def _sent(self, tool: Tool, decided: _Decided) -> tuple[Reply, bool]:
        """The reply, and whether the attempt draws on budgets."""
        try:
            secret = self._secret(decided.contract, Role.EXECUTOR)
        except SetupError as error:
            return self._no_credential(error), False
        # After the credential, which may be slow to come: nothing but the send itself lies behind these two.
        if not self._ours():
            return Reply(
                outcome=Outcome.NOT_SENT, code="lost_claim", detail="the claim is no longer ours"
            ), False
        if self._clock_ms() - decided.began_ms >= SEND_WINDOW_MS:
            return Reply(
                outcome=Outcome.NOT_SENT, code="too_late", detail="the time to send it was over"
            ), True
        self._pauses("before_send")
        reply = self._send(tool, decided.call, decided.digest, secret)
        return reply, not (isinstance(reply, Reply) and reply.pauses and reply.outcome in _UNPAID)

    def _send(self, tool: Tool, call: Call, digest: str, secret: Secret | None) -> Reply:
        call = _frozen(call)
        sent = call.arguments
        if call.digest != digest:
            raise AssertionError("what is about to be sent is not what was decided")
        try:
            return self._within(
                lambda: tool.send(sent, key=call.key, secret=secret, timeout_s=call.timeout_s),
                call.timeout_s + tool.contract.longest_request_s + GRACE_S,
            )
        except NotReturnedError as error:
            detail = f"the tool has not come back, and may still send: {error}"
            return Reply(outcome=Outcome.UNKNOWN, code="no_return", detail=detail, notes=(NOT_RETURNED,))
        except (Exception, SystemExit) as error:  # noqa: BLE001 - a tool that raises has proven nothing about its target
            detail = f"the tool failed: {type(error).__name__}: {error}"
            return Reply(outcome=Outcome.UNKNOWN, code="tool_error", detail=detail)

    def _ours(self) -> bool:
        try:
            return self._still_mine()
        except Exception:  # noqa: BLE001 - a lease that cannot be asked is not held
            return False

    def _find(self, name: str) -> Tool | None:
        try:
            return self._registry.tool(name)
        except (UnknownToolError, TypeError):
            return None

    def _secret(self, contract: ToolContract, role: Role) -> Secret | None:
        name = contract.credentials.get(role.value)
        return self._credentials.resolve(name) if name is not None else None

    def _no_credential(self, error: SetupError) -> Reply:
        detail = self._scrubber.line(str(error))
        return Reply(outcome=Outcome.NOT_SENT, code="no_credential", detail=detail, pauses=True)


def _frozen(call: Call) -> Call:
    """A copy that nobody else holds; what cannot be copied is left for the guards to refuse."""
    try:
        arguments = _copied(call.arguments)
    except Exception:  # noqa: BLE001 - the first guard says what is wrong with it
        return call
    return Call(
        tool=call.tool, arguments=arguments, role=call.role, resource=call.resource, key=call.key,
        timeout_s=call.timeout_s,
    )  # fmt: skip


def _copied(arguments: dict[str, Any]) -> dict[str, Any]:
    """A copy all the way down; most arguments are flat, and copied at once."""
    if type(arguments) is dict and all(type(value) in _FLAT for value in arguments.values()):
        return arguments.copy()
    return deepcopy(arguments)


def _scopes(task: Task, call: Call) -> tuple[str, ...]:
    return ("desk", f"runbook:{task.runbook}", f"resource:{call.resource}")


def _outcome(
    journal: Journal, decided: _Decided, reply: Reply, *, counts: bool, returned: Clock | None
) -> Draft:
    op = decided.context.operation()
    return bodies.outcome(
        actor=journal.worker, credential=decided.credential, op=op.op, attempt=op.attempt,
        outcome=reply.outcome, code=reply.code, detail=reply.detail, result=reply.result,
        condition_failed=reply.condition_failed, pauses=reply.pauses, counts=counts, returned=returned,
    )  # fmt: skip
