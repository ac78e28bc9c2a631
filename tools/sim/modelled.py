"""A simulated HTTP API made of a connector file alone: what ``model:`` says of a write is what it does.

It reads requests by the connector's own templates, keeps what the reads show, and honours the way in which
each write settles doubles: a key inside its window and its mismatch, a unique name, a condition that has
moved. A write without a model takes effect and shows in no read.
"""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

from policies import templates
from policies.connector import Connector
from policies.contract import DedupeKind, Effect, ToolContract
from policies.errors import ModelError
from policies.model_effects import constants, shown_after, speaks_of
from policies.samples import texts
from policies.value_spec import fault_of
from state import canonical
from tools.errors import SetupError
from tools.http_client import HttpAnswer, HttpRequest
from tools.sim.clock import ManualClock
from tools.sim.requests import Read, read_request

_ZERO: Final[Mapping[str, Any]] = {"string": "", "integer": 0, "boolean": False, "any": None}
_FIRST_CONDITION: Final = "v1"
Arguments = Mapping[str, Any]


class ModelledTarget:
    """A host that serves every tool of one connector."""

    def __init__(
        self,
        connector: Connector,
        clock: ManualClock,
        journal: list[dict[str, Any]],
        *,
        only_what_was_put: bool = False,
    ) -> None:
        """Keep effects in ``journal``; SetupError for a condition that no modelled read shows.

        ``only_what_was_put``: a read of anything else is answered 404; by default it begins at zero.
        """
        self.up = True
        self._only_what_was_put = only_what_was_put
        self._connector, self._clock, self._journal = connector, clock, journal
        self._contracts = connector.contracts()
        self._conditions = {one for c in self._contracts.values() if (one := c.dedupe.condition)}
        self._shown: dict[tuple[str, str], dict[str, Any]] = {}
        self._asked: dict[tuple[str, str], Arguments] = {}
        self._keys: dict[tuple[str, str], tuple[int, str, HttpAnswer]] = {}
        self._names: set[tuple[str, str]] = set()
        self._made = 0
        for contract in self._contracts.values():
            if contract.dedupe.kind is DedupeKind.CONDITIONAL_WRITE and not self._holders(contract):
                condition = contract.dedupe.condition
                raise SetupError(f"{contract.name}: its model names no read that shows {condition}")

    @property
    def unmodelled(self) -> tuple[str, ...]:
        """The writes whose effect shows in no read, because their contract has no model."""
        return tuple(n for n, c in self._contracts.items() if c.effect is Effect.WRITE and not c.model)

    def show(self, read: str, arguments: Arguments) -> dict[str, Any]:
        """Tell what a read shows; a field of an argument's name echoes it, every other begins at zero.

        KeyError for a tool that the connector does not have.
        """
        place = (read, canonical.dumps(dict(arguments)))
        if place not in self._shown:
            self._asked[place] = dict(arguments)
            self._shown[place] = self._zero(self._contracts[read], arguments)
        return dict(self._shown[place])

    def put(self, read: str, arguments: Arguments, **fields: Any) -> None:
        """Let a read show these fields; nobody's effect, so nothing is kept of it."""
        before = self.show(read, arguments)
        self._shown[read, canonical.dumps(dict(arguments))] = {**before, **fields}

    def change(self, read: str, arguments: Arguments, **fields: Any) -> None:
        """Let somebody else change what a read shows."""
        self.put(read, arguments, **fields)
        self._journal.append({"event": "outside", "at_ms": self._clock.now_ms, "thing": read})

    def serve(self, request: HttpRequest) -> HttpAnswer:
        """Answer a read from what is shown, and apply a write as its model says."""
        found, refused = self._understood(request)
        if found is None:
            return refused
        contract = self._contracts[found.tool]
        if contract.effect is Effect.READ:
            place = (found.tool, canonical.dumps(dict(found.arguments)))
            if self._only_what_was_put and place not in self._shown:
                return _answer(HTTPStatus.NOT_FOUND, {"error": "there is none"})
            return self._succeeded(contract, self.show(found.tool, found.arguments))
        return _SETTLE[contract.dedupe.kind](self, contract, found)

    def pretend(self, request: HttpRequest) -> HttpAnswer:
        """Answer as if it had been done, and do nothing."""
        found, refused = self._understood(request)
        if found is None:
            return refused
        contract = self._contracts[found.tool]
        if contract.effect is Effect.READ:
            return self.serve(request)
        return self._succeeded(contract, self._result(contract, found.arguments))

    def _understood(self, request: HttpRequest) -> tuple[Read | None, HttpAnswer]:
        found = read_request(self._connector, request)
        if found is None:
            return None, _answer(HTTPStatus.NOT_FOUND, {"error": "no tool of the connector asks so"})
        specs = self._contracts[found.tool].arguments
        for name, spec in specs.items():
            fault = fault_of(spec, found.arguments.get(name))
            if fault is not None:
                return None, _answer(HTTPStatus.BAD_REQUEST, {"error": f"{name} {fault.message}"})
        return found, _answer(HTTPStatus.OK, {})

    # how doubles are settled

    def _keyed(self, contract: ToolContract, asked: Read) -> HttpAnswer:
        key = asked.headers.get((contract.dedupe.header or "").lower())
        if key is None:
            return _answer(HTTPStatus.BAD_REQUEST, {"error": f"no {contract.dedupe.header}"})
        meaning, now = canonical.dumps(dict(asked.arguments)), self._clock.now_ms
        seen = self._keys.get((contract.name, key))
        window_ms = (contract.dedupe.window_s or 0) * 1000
        if seen is not None and now - seen[0] < window_ms:
            if seen[1] != meaning and contract.dedupe.on_mismatch != "ignored":
                return _answer(HTTPStatus.UNPROCESSABLE_ENTITY, {"error": "another request had this key"})
            return seen[2]
        answer = self._applied(contract, asked.arguments, key)
        self._keys[contract.name, key] = (now, meaning, answer)
        return answer

    def _named(self, contract: ToolContract, asked: Read) -> HttpAnswer:
        named = (contract.name, canonical.dumps([asked.arguments[contract.dedupe.name or ""]]))
        marks = {read: constants(contract, read) for read in contract.model or {}}
        if any(marks.values()):  # the model says by what a thing that exists is known, whoever made it
            taken = all(
                shown[field] == value
                for place, shown in self._touched(contract, asked.arguments)
                for field, value in marks[place[0]].items()
            )
        else:
            taken = named in self._names
        if taken:
            return _answer(HTTPStatus.CONFLICT, {"error": "this name is taken"})
        self._names.add(named)
        return self._applied(contract, asked.arguments, None)

    def _conditional(self, contract: ToolContract, asked: Read) -> HttpAnswer:
        condition = contract.dedupe.condition or ""
        for place, shown in self._touched(contract, asked.arguments):
            if place[0] in self._holders(contract) and shown[condition] != asked.arguments[condition]:
                return _answer(HTTPStatus.PRECONDITION_FAILED, {"error": f"{condition} has moved"})
        return self._applied(contract, asked.arguments, None)

    def _unsettled(self, contract: ToolContract, asked: Read) -> HttpAnswer:
        return self._applied(contract, asked.arguments, None)

    # what an applied write does

    def _applied(self, contract: ToolContract, arguments: Arguments, key: str | None) -> HttpAnswer:
        try:
            after = {
                place: shown_after(contract, arguments, place[0], shown)
                for place, shown in self._touched(contract, arguments)
            }
        except ModelError as error:
            raise SetupError(f"{self._connector.connector}: {error}") from error
        self._shown.update(after)
        thing = templates.render_resource(contract.resource or contract.name, arguments)
        self._journal.append(
            {
                "event": "effect", "at_ms": self._clock.now_ms, "thing": thing, "verb": contract.name,
                "tool": contract.name, "key": key,
            }
        )  # fmt: skip
        return self._succeeded(contract, self._result(contract, arguments))

    def _touched(
        self, contract: ToolContract, arguments: Arguments
    ) -> list[tuple[tuple[str, str], dict[str, Any]]]:
        for name in contract.model or {}:
            read = self._contracts[name]
            if read.arguments.keys() <= contract.arguments.keys():  # which one it is, is known before a read
                self.show(name, {argument: arguments[argument] for argument in read.arguments})
        return [
            (place, dict(shown))
            for place, shown in self._shown.items()
            if speaks_of(contract, arguments, self._contracts[place[0]], self._asked[place])
        ]

    def _holders(self, contract: ToolContract) -> set[str]:
        return {r for r in contract.model or {} if contract.dedupe.condition in self._contracts[r].result}

    def _zero(self, read: ToolContract, arguments: Arguments) -> dict[str, Any]:
        fields = {name.removesuffix("?"): shape for name, shape in read.result.items()}
        first = {name: _FIRST_CONDITION for name in self._conditions if fields.get(name) == "string"}
        zero = {name: _zero(shape) for name, shape in fields.items()}
        return {**zero, **first, **{n: v for n, v in arguments.items() if n in fields}}

    def _result(self, contract: ToolContract, arguments: Arguments) -> dict[str, Any]:
        """What a write answers: what is shown under that name, else what was asked, else a new name."""
        known: dict[str, Any] = dict(arguments)
        for _, shown in self._touched(contract, arguments):
            known.update(shown)
        return {
            name: known[name] if name in known else self._new(name, shape)
            for name, shape in ((n.removesuffix("?"), s) for n, s in contract.result.items())
        }

    def _new(self, name: str, shape: Any) -> Any:
        if shape != "string":
            return _zero(shape)
        self._made += 1
        for contract in self._contracts.values():
            pattern = getattr(contract.arguments.get(name), "pattern", None)
            if pattern is not None:  # another tool takes it as an argument, and says how it looks
                fitting = texts(pattern, self._made)
                return fitting[-1] if fitting else ""
        return f"{name}-{self._made}"

    def _succeeded(self, contract: ToolContract, result: Mapping[str, Any]) -> HttpAnswer:
        return _answer(HTTPStatus(contract.answers.succeeded[0]), result)


def _zero(shape: Any) -> Any:
    if isinstance(shape, str):
        return _ZERO[shape]
    if isinstance(shape, Mapping):
        return {name.removesuffix("?"): _zero(inner) for name, inner in shape.items()}
    return []


def _answer(status: HTTPStatus, body: Mapping[str, Any]) -> HttpAnswer:
    return HttpAnswer(status=int(status), headers={}, body=canonical.dumps(dict(body)).encode())


_SETTLE: Final = {
    DedupeKind.NATIVE_KEY: ModelledTarget._keyed,  # noqa: SLF001
    DedupeKind.NATURAL_KEY: ModelledTarget._named,  # noqa: SLF001
    DedupeKind.CONDITIONAL_WRITE: ModelledTarget._conditional,  # noqa: SLF001
    DedupeKind.READ_BACK: ModelledTarget._unsettled,  # noqa: SLF001
    DedupeKind.NONE: ModelledTarget._unsettled,  # noqa: SLF001
}
