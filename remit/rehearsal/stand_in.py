"""A tool that only seems to act: what its reads show, and what its writes do to that, by its model.

For tools that are Python functions, which no simulated network can carry. Real functions are never called.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from policies.call import Reply
from policies.contract import DedupeKind, Effect, ToolContract
from policies.expressions import compile_expression
from remit.rehearsal.form import Shown
from state import canonical
from state.outcome import Outcome
from tools.errors import UnreadableReplyError
from tools.result import conform
from tools.secrets import Secret
from tools.sim.clock import ManualClock
from tools.sim.faults import STATUS, Fault, Faults

Models = Mapping[str, Mapping[str, Mapping[str, str]]]
Arguments = dict[str, Any]

# Kinds of fault by what becomes of the call: applied or not, and what the caller learns.
_APPLIED: Final = frozenset({"error_after", "lost_reply", "garbage", "truncated"})
_DEFINITE: Final = {
    "not_sent": Outcome.NOT_SENT,
    "not_applied": Outcome.NOT_APPLIED,
    "refused": Outcome.REFUSED,
    "forbidden": Outcome.NOT_APPLIED,
}


class Shelf:
    """What there is to see, by read tool and its arguments; and the log of what was really done."""

    def __init__(
        self, shows: Mapping[str, Iterable[Shown]], contracts: Mapping[str, ToolContract], models: Models
    ) -> None:
        """``models``: beside those of the contracts."""
        self._shows = {tool: tuple(lines) for tool, lines in shows.items()}
        self._contracts, self._models = contracts, models
        self._state: dict[tuple[str, str], tuple[Arguments, dict[str, Any]]] = {}
        self._keys: dict[tuple[str, str], Reply] = {}
        self.unseen: list[str] = []  # what was asked for and stands nowhere: the test says too little

    def read(self, tool: str, arguments: Arguments) -> dict[str, Any] | None:
        """What ``tool`` shows for these arguments; None where the world says nothing of it."""
        found = self._of(tool, arguments)
        if found is None:
            self.unseen.append(f"{tool} {canonical.dumps(arguments)}")
        return dict(found) if found is not None else None

    def change(self, tool: str, arguments: Arguments, fields: Mapping[str, Any]) -> None:
        """Let somebody else change what ``tool`` shows."""
        found = self._of(tool, arguments)
        if found is not None:
            found.update(fields)

    def apply(self, contract: ToolContract, arguments: Arguments) -> None:
        """Do what the model says that an applied write does."""
        for read, fields in self.model(contract).items():
            for before in self._touched(read, arguments):
                made = {
                    n: compile_expression(text).value({**arguments, "before": before})
                    for n, text in fields.items()
                }
                before.update({name: value.value for name, value in made.items() if value.known})
                self.unseen += [
                    f"{contract.name}, model of {read}.{n}: {v.reason}"
                    for n, v in made.items()
                    if not v.known
                ]

    def model(self, contract: ToolContract) -> Mapping[str, Mapping[str, str]]:
        """What a write does to what reads show: as the world says, else as its contract says."""
        return self._models.get(contract.name) or contract.model or {}

    def condition_moved(self, contract: ToolContract, arguments: Arguments) -> bool:
        """Whether the version that a conditional write names is not the present one."""
        name = contract.dedupe.condition
        if contract.dedupe.kind is not DedupeKind.CONDITIONAL_WRITE or name is None:
            return False
        seen = [b for read in self.model(contract) for b in self._touched(read, arguments) if name in b]
        return any(before[name] != arguments[name] for before in seen)

    def remembered(self, contract: ToolContract, key: str) -> Reply | None:
        """The answer to an earlier write under this key, where the target honours keys."""
        return self._keys.get((contract.name, key))

    def remember(self, contract: ToolContract, key: str, reply: Reply) -> None:
        """Keep the answer to a write under its key, where the target honours keys."""
        if contract.dedupe.kind is DedupeKind.NATIVE_KEY:
            self._keys[contract.name, key] = reply

    def _touched(self, read: str, arguments: Arguments) -> list[dict[str, Any]]:
        """Whatever the read shows for arguments that agree with those of the write."""
        wanted = self._contracts[read].arguments if read in self._contracts else {}
        if set(wanted) <= set(arguments):
            found = self._of(read, {name: arguments[name] for name in wanted})
            return [found] if found is not None else []
        return [
            state for (tool, _), (given, state) in self._state.items()
            if tool == read and all(arguments.get(name, value) == value for name, value in given.items())
        ]  # fmt: skip

    def _of(self, tool: str, arguments: Arguments) -> dict[str, Any] | None:
        key = (tool, canonical.dumps(arguments))
        if key not in self._state:
            fitting = [
                line for line in self._shows.get(tool, ())
                if all(arguments.get(name) == value for name, value in line.with_.items())
            ]  # fmt: skip
            if not fitting:
                return None
            best = max(fitting, key=lambda line: len(line.with_))
            self._state[key] = (dict(arguments), dict(best.is_))
        return self._state[key][1]


@dataclass(frozen=True, slots=True, kw_only=True)
class StandIn:
    """A tool played by a shelf, with the faults of a world. Its contract is that of the real tool."""

    contract: ToolContract
    shelf: Shelf = field(repr=False)
    clock: ManualClock = field(repr=False)
    faults: Faults = field(repr=False)
    journal: list[dict[str, Any]] = field(repr=False)

    def send(self, arguments: Arguments, *, key: str, secret: Secret | None, timeout_s: float) -> Reply:
        """Make the call in the world."""
        del secret
        fault = self.faults.take(self.contract.name)
        if fault is not None and fault.kind == "not_sent":
            return Reply(outcome=Outcome.NOT_SENT, code="no_connection", detail="nobody is there")
        self.journal.append({"event": "request", "at_ms": self.clock.now_ms, "tool": self.contract.name})
        if fault is None:
            return self._serve(arguments, key)
        return self._meet(fault, lambda: self._serve(arguments, key), timeout_s)

    def _serve(self, arguments: Arguments, key: str) -> Reply:
        if self.contract.effect is Effect.READ:
            return self._answered(self.shelf.read(self.contract.name, arguments))
        before = self.shelf.remembered(self.contract, key)
        if before is not None:
            return before
        if self.shelf.condition_moved(self.contract, arguments):
            return Reply(outcome=Outcome.REFUSED, code="412", detail="it has moved", condition_failed=True)
        self.shelf.apply(self.contract, arguments)
        self.journal.append({"event": "effect", "at_ms": self.clock.now_ms, "tool": self.contract.name})
        reply = self._answered(_blank(self.contract.result, arguments))
        self.shelf.remember(self.contract, key, reply)
        return reply

    def _answered(self, value: dict[str, Any] | None) -> Reply:
        if value is None:
            return Reply(
                outcome=Outcome.REFUSED, code="not_found", detail="the world of this test shows nothing"
            )
        try:
            return Reply(outcome=Outcome.SUCCEEDED, code="ok", result=conform(value, self.contract.result))
        except UnreadableReplyError as error:
            self.shelf.unseen.append(f"{self.contract.name}: {error}")
            return Reply(outcome=Outcome.UNKNOWN, code="unreadable", detail=str(error))

    def _meet(self, fault: Fault, serve: Callable[[], Reply], timeout_s: float) -> Reply:
        timeout_ms = int(timeout_s * 1000)
        if fault.kind in _DEFINITE:
            code = str(STATUS.get(fault.kind, fault.kind))
            return Reply(outcome=_DEFINITE[fault.kind], code=code, pauses=fault.kind == "forbidden")
        if fault.kind == "claimed":
            reads = self.contract.effect is Effect.READ
            return serve() if reads else self._answered(_blank(self.contract.result, {}))
        if fault.kind in _APPLIED:
            serve()
        elif fault.kind == "late" and fault.delay_ms < timeout_ms:
            self.clock.advance(fault.delay_ms)
            return serve()
        elif fault.kind in ("late", "late_dropped"):
            self.clock.after(fault.delay_ms, serve)
        if fault.kind in ("late", "hang"):
            self.clock.advance(timeout_ms)
        return Reply(
            outcome=Outcome.UNKNOWN, code=fault.kind, detail="nobody can tell whether it was applied"
        )


def _blank(shape: Mapping[str, Any], arguments: Arguments) -> dict[str, Any]:
    """A result of the declared shape: arguments of the same name, else the emptiest value of each kind."""
    return {
        name.removesuffix("?"): arguments.get(name.removesuffix("?"), _emptiest(kind))
        for name, kind in shape.items()
    }


def _emptiest(shape: Any) -> Any:
    if isinstance(shape, Mapping):
        return _blank(shape, {})
    if isinstance(shape, list):
        return []
    return {"string": "", "integer": 0, "boolean": False}.get(shape)
