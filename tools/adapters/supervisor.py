"""How a supervised process is read, stopped and started: supervisord's XML-RPC, over its socket or HTTP.

Supervisord answers with numbered faults; what each proves is the law of this file. 60, 70: it was so
already. 40, 50: raised after the spawn, so the process did run. 20, 21, 30, 6: raised before it. 10: no
such program. There is no restart: stop and start are two effects. Their models speak of
``supervisor.process`` alone: what a health address answers afterwards is the program's own matter.
"""

import base64
import re
import time
import xmlrpc.client
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final
from xml.parsers.expat import ExpatError

from policies.call import Reply
from policies.contract import (
    Answers,
    Dedupe,
    DedupeKind,
    Effect,
    IntegerSpec,
    StringSpec,
    ToolContract,
    ValueSpec,
)
from state.outcome import Outcome
from tools.addresses import Address, parse_unix, parse_url
from tools.answers import classify
from tools.errors import AddressError, SetupError, UnreadableReplyError
from tools.http_client import Exchange, HttpRequest, exchange
from tools.port import Tool
from tools.registry import source_digest
from tools.result import conform
from tools.scrub import clean, one_line
from tools.secrets import Secret

FAULT_NAMES: Final[Mapping[int, str]] = MappingProxyType(
    {
        6: "SHUTDOWN_STATE",
        10: "BAD_NAME",
        20: "NO_FILE",
        21: "NOT_EXECUTABLE",
        30: "FAILED",
        40: "ABNORMAL_TERMINATION",
        50: "SPAWN_ERROR",
        60: "ALREADY_STARTED",
        70: "NOT_RUNNING",
    }
)
_NOT_APPLIED: Final = (6, 20, 21, 30)
_NO_SUCH_PROGRAM: Final = (10,)
_NOT_XML: Final = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f]")
_LINE_BYTES: Final = 200  # room asked for per line of a log
MAX_LOG_CHARACTERS: Final = 12_000  # of its end; every sink caps a text, and keeps the beginning
_LONGEST_CHARACTER: Final = 4  # bytes of UTF-8
_HTTP_OK: Final = 200
_SERVER_ERROR: Final = "500"

# One program: ``group:*`` would name all of a group, and ``group:`` too. And one name for it: a program that
# is a group of its own is ``web`` and ``web:web`` to supervisord, and would be two resources here.
_PROGRAM: Final = StringSpec(
    type="string",
    pattern=r"(?!([^:]+):\1$)[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}(:[A-Za-z0-9_][A-Za-z0-9_.-]{0,99})?",
    max_length=201,
)
_SERVER: Final = StringSpec(type="string", pattern=r"[A-Za-z0-9][A-Za-z0-9_.:-]{0,79}", max_length=80)
_ONE_PROGRAM: Final[dict[str, ValueSpec]] = {"server": _SERVER, "program": _PROGRAM}
_INFO: Final = {
    "name": "string",
    "state": "string",
    "pid": "integer",
    "start": "integer",
    "stop": "integer",
    "exitstatus": "integer",
    "spawnerr": "string",
}


class _Fault(Exception):  # noqa: N818  # the protocol's own word
    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code = code


@dataclass(frozen=True, slots=True, kw_only=True)
class SupervisorTool:
    """One call of supervisord as a tool. ``servers``: name to address."""

    contract: ToolContract
    method: str
    servers: Mapping[str, Address] = field(repr=False)
    exchange: Exchange = field(default=exchange, repr=False)

    def send(self, arguments: dict[str, Any], *, key: str, secret: Secret | None, timeout_s: float) -> Reply:
        """Call supervisord once; the table at the head of this file says what its answer means."""
        del key  # supervisord honours none: what it did is read back
        address = self.servers.get(arguments["server"])
        if address is None:
            detail = one_line(f"no supervisor is called {arguments['server']}")
            return Reply(outcome=Outcome.REFUSED, code="unknown_server", detail=detail)
        deadline = time.monotonic() + timeout_s
        reply = self._ask(address, arguments, self._parameters(arguments), secret, timeout_s)
        for cut in range(1, _LONGEST_CHARACTER):
            left_s = deadline - time.monotonic()
            if "lines" not in arguments or reply.code != _SERVER_ERROR or left_s <= 0:
                break
            # supervisord fails on a tail that begins inside a character; one of the next bytes begins one
            program, offset, length = self._parameters(arguments)
            reply = self._ask(address, arguments, (program, offset, length - cut), secret, left_s)
        return reply

    def _ask(
        self,
        address: Address,
        arguments: dict[str, Any],
        parameters: tuple[Any, ...],
        secret: Secret | None,
        timeout_s: float,
    ) -> Reply:
        came = self.exchange(_request(address, self.method, parameters, secret), timeout_s=timeout_s)
        status = getattr(came, "status", None)
        if status != _HTTP_OK:
            return classify(self._unlisted, came, secret)
        try:
            value = _parse(getattr(came, "body", None))
            result = conform(self._result(value, arguments), self.contract.result)
        except _Fault as fault:
            return self._judge(fault, secret)
        except UnreadableReplyError as error:
            return Reply(outcome=Outcome.UNKNOWN, code="unreadable", detail=one_line(str(error)))
        return Reply(outcome=Outcome.SUCCEEDED, code="ok", result=result)

    @property
    def _unlisted(self) -> ToolContract:
        # The numbers in the contract are faults; none of them is a status of HTTP.
        return self.contract.model_copy(update={"answers": Answers()})

    def _parameters(self, arguments: dict[str, Any]) -> tuple[Any, ...]:
        if self.contract.effect is Effect.WRITE:
            return (arguments["program"], True)  # wait: the answer tells of the process, not of the request
        if "lines" in arguments:
            return (arguments["program"], 0, arguments["lines"] * _LINE_BYTES)
        return (arguments["program"],)

    def _result(self, value: Any, arguments: dict[str, Any]) -> Any:
        if self.contract.effect is Effect.WRITE:
            if value is not True:
                raise UnreadableReplyError("the answer is not true")
            return {"answer": "ok"}
        if "lines" in arguments:
            return _tail(value, arguments["lines"])
        if not isinstance(value, dict):
            raise UnreadableReplyError("the answer is not a struct")
        return {**value, "state": value.get("statename")}

    def _judge(self, fault: _Fault, secret: Secret | None) -> Reply:
        name = FAULT_NAMES.get(fault.code, "unlisted")
        code, answers = f"fault {fault.code}", self.contract.answers
        detail = one_line(f"{name}: {fault}", secrets=[secret])
        if fault.code in answers.succeeded:
            return Reply(outcome=Outcome.SUCCEEDED, code=code, detail=detail, result={"answer": name})
        if fault.code in answers.refused:
            return Reply(outcome=Outcome.REFUSED, code=code, detail=detail)
        if fault.code in answers.not_applied:
            return Reply(outcome=Outcome.NOT_APPLIED, code=code, detail=detail)
        return Reply(outcome=Outcome.UNKNOWN, code=code, detail=detail)


def supervisor_tools(
    servers: Mapping[str, str],
    *,
    credentials: Mapping[str, str] | None = None,
    longest_request_s: float = 5.0,
    exchange: Exchange = exchange,
) -> list[Tool]:
    """Make process, stop, start and log tail for ``servers`` (name to ``unix:///…`` or ``http://…``).

    ``credentials``: role to the name of a secret ``user:password``; none for a bare unix socket.
    SetupError for an address that is none.
    """
    addresses = {name: _address(name, text) for name, text in servers.items()}
    bound: dict[str, Any] = {
        "hosts": tuple(f"{name}={address}" for name, address in sorted(addresses.items())),
        "credentials": dict(credentials or {}),
        "connector": "supervisor",
        "source": source_digest(Path(__file__)),
    }
    write: dict[str, Any] = {
        **bound,
        "effect": Effect.WRITE,
        "arguments": _ONE_PROGRAM,
        "result": {"answer": "string"},
        "recorded": ("answer",),
        "resource": "supervisor:{server}/{program}",
        "dedupe": Dedupe(kind=DedupeKind.READ_BACK),
        "repeatable": True,
        "longest_request_s": longest_request_s,
        "read_lag_s": 1.0,
    }
    read: dict[str, Any] = {**bound, "effect": Effect.READ, "timeout_s": 5.0}
    contracts = {
        "getProcessInfo": ToolContract(
            name="supervisor.process",
            arguments=_ONE_PROGRAM,
            result=_INFO,
            answers=Answers(refused=_NO_SUCH_PROGRAM),
            **read,
        ),
        "tailProcessStdoutLog": ToolContract(
            name="supervisor.log_tail",
            arguments={**_ONE_PROGRAM, "lines": IntegerSpec(type="integer", minimum=1, maximum=200)},
            result={"text": "string", "truncated": "boolean"},
            answers=Answers(refused=_NO_SUCH_PROGRAM),
            **read,
        ),
        "stopProcess": ToolContract(
            name="supervisor.stop",
            timeout_s=30.0,
            answers=Answers(succeeded=(70,), refused=_NO_SUCH_PROGRAM, not_applied=_NOT_APPLIED),
            model={"supervisor.process": {"state": '"STOPPED"', "pid": "0"}},
            **write,
        ),
        "startProcess": ToolContract(
            name="supervisor.start",
            timeout_s=45.0,
            answers=Answers(succeeded=(40, 50, 60), refused=_NO_SUCH_PROGRAM, not_applied=_NOT_APPLIED),
            model={
                "supervisor.process": {
                    "state": '"RUNNING"',
                    "pid": "before.pid + 1",
                    "start": "before.start + 1",
                }
            },
            **write,
        ),
    }
    return [
        SupervisorTool(contract=contract, method=method, servers=addresses, exchange=exchange)
        for method, contract in contracts.items()
    ]


def _address(name: str, text: str) -> Address:
    try:
        if text.startswith("unix:"):
            return parse_unix(text)
        address, target = parse_url(text)
    except AddressError as error:
        raise SetupError(f"supervisor {name}: {error}") from None
    if target != "/":
        raise SetupError(f"supervisor {name}: an address with a path")
    return address


def _request(
    address: Address, method: str, parameters: tuple[Any, ...], secret: Secret | None
) -> HttpRequest:
    headers = [("Content-Type", "text/xml")]
    if secret is not None:
        token = base64.b64encode(secret.reveal().encode()).decode()
        headers.append(("Authorization", f"Basic {token}"))
    body = xmlrpc.client.dumps(parameters, f"supervisor.{method}").encode()
    return HttpRequest(method="POST", address=address, target="/RPC2", headers=tuple(headers), body=body)


def _parse(body: bytes | None) -> Any:
    if body is None:
        raise UnreadableReplyError("the answer did not come whole")
    if b"<!" in body:  # no answer of supervisord declares a document type or an entity
        raise UnreadableReplyError("the answer holds a declaration")
    try:
        # A log may hold what XML may not; everything that is judged holds none of it.
        values, _ = xmlrpc.client.loads(_NOT_XML.sub(b"?", body))
    except xmlrpc.client.Fault as fault:
        if type(fault.faultCode) is not int:
            raise UnreadableReplyError("a fault without a number") from None
        raise _Fault(fault.faultCode, str(fault.faultString)) from None
    except (ExpatError, xmlrpc.client.Error, ValueError, TypeError, LookupError, RecursionError) as error:
        raise UnreadableReplyError(f"not XML-RPC: {type(error).__name__}") from None
    if len(values) != 1:
        raise UnreadableReplyError("not one value")
    return values[0]


def _tail(value: Any, lines: int) -> dict[str, Any]:
    if not (isinstance(value, list) and len(value) == 3 and isinstance(value[0], str)):  # noqa: PLR2004
        raise UnreadableReplyError("not the tail of a log")
    found = clean(value[0], limit=len(value[0]) + 1).splitlines()
    text = "\n".join(found[-lines:])
    cut = bool(value[2]) or len(found) > lines or len(text) > MAX_LOG_CHARACTERS
    return {"text": text[-MAX_LOG_CHARACTERS:], "truncated": cut}
