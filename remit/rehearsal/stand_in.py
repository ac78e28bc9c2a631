"""A tool that only seems to act: what its reads show, and what its writes do to that, by its model.

For tools that are Python functions, which no simulated network can carry. Real functions are never called.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from policies.call import Reply
from policies.contract import DedupeKind, Effect, ToolContract
from policies.model_effects import shown_after, speaks_of
from state import canonical
from state.outcome import Outcome
from tools.errors import UnreadableReplyError
from tools.result import conform
from tools.secrets import Secret
from tools.sim.clock import ManualClock
from tools.sim.faults import STATUS, Fault, Faults

Arguments = dict[str, Any]
_Place = tuple[tuple[str, str], tuple[Arguments, dict[str, Any]]]

# Kinds of fault by what becomes of the call: applied or not, and what the caller learns.
_APPLIED: Final = frozenset({"error_after", "lost_reply", "garbage", "truncated"})
_DEFINITE: Final = {
    "not_sent": Outcome.NOT_SENT,
    "not_applied": Outcome.NOT_APPLIED,
    "refused": Outcome.REFUSED,
    "forbidden": Outcome.NOT_APPLIED,
}


class Shelf:
    """What there is to see, by read tool and its arguments."""

    def __init__(self, contracts: Iterable[ToolContract]) -> None:
        """``contracts``: of every tool that is played, each with its model."""
        self._contracts = {contract.name: contract for contract in contracts}
        self._shown: dict[tuple[str, str], tuple[Arguments, dict[str, Any]]] = {}
        self._keys: dict[tuple[str, str], Reply] = {}

    def put(self, read: str, arguments: Arguments, fields: Mapping[str, Any]) -> None:
        """Let a read show these fields beside what it showed."""
        key = (read, canonical.dumps(arguments))
        _, before = self._shown.get(key, ({}, {}))
        self._shown[key] = (dict(arguments), {**before, **fields})

    def read(self, tool: str, arguments: Arguments) -> dict[str, Any] | None:
        """What ``tool`` shows for these arguments; None where the world says nothing of it."""
        found = self._shown.get((tool, canonical.dumps(arguments)))
        return dict(found[1]) if found is not None else None

    def apply(self, contract: ToolContract, arguments: Arguments) -> None:
        """Do what the model says that an applied write does; ModelError."""
        made = {
            place: (given, shown_after(contract, arguments, place[0], before))
            for place, (given, before) in self._touched(contract, arguments)
        }
        self._shown.update(made)

    def condition_moved(self, contract: ToolContract, arguments: Arguments) -> bool:
        """Whether the version that a conditional write names is not the present one."""
        name = contract.dedupe.condition
        if contract.dedupe.kind is not DedupeKind.CONDITIONAL_WRITE or name is None:
            return False
        seen = [before for _, (_, before) in self._touched(contract, arguments) if name in before]
        return any(before[name] != arguments[name] for before in seen)

    def remembered(self, contract: ToolContract, key: str) -> Reply | None:
        """The answer to an earlier write under this key, where the target honours keys."""
        return self._keys.get((contract.name, key))

    def remember(self, contract: ToolContract, key: str, reply: Reply) -> None:
        """Keep the answer to a write under its key, where the target honours keys."""
        if contract.dedupe.kind is DedupeKind.NATIVE_KEY:
            self._keys[contract.name, key] = reply

    def _touched(self, contract: ToolContract, arguments: Arguments) -> list[_Place]:
        return [
            (place, held)
            for place, held in self._shown.items()
            if speaks_of(contract, arguments, self._contracts[place[0]], held[0])
        ]


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
