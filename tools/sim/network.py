"""How a request travels in a simulated world: shaped like ``tools.http_client.exchange``, and no socket.

Because the real adapters run on top of it, a fake tool differs from the real one in nothing but the wire.
"""

from dataclasses import replace
from typing import Any, Final, Protocol, runtime_checkable

from tools.http_client import MAX_BODY_BYTES, HttpAnswer, HttpFailure, HttpRequest
from tools.sim.clock import ManualClock
from tools.sim.faults import HEADERS, STATUS, Fault, Faults

_LOST: Final = HttpFailure(bytes_left=True, code="connection_lost", detail="connection lost")
_TIMEOUT: Final = HttpFailure(bytes_left=True, code="timeout", detail="no whole answer in time")


class Host(Protocol):
    """A target at the other end."""

    @property
    def up(self) -> bool:
        """Whether anybody listens."""
        ...

    def serve(self, request: HttpRequest) -> HttpAnswer:
        """Do what is asked and answer."""
        ...

    def pretend(self, request: HttpRequest) -> HttpAnswer:
        """Answer as if it had been done, and do nothing."""
        ...


@runtime_checkable
class Lagging(Protocol):
    """A target whose reads may come from a replica that lags behind."""

    def serve_past(self, request: HttpRequest, ago_ms: int) -> HttpAnswer:
        """Answer a read as it was ``ago_ms`` milliseconds ago."""
        ...


class NeverBack(BaseException):
    """The call does not come back, whatever lands of it."""


class Network:
    """Hosts by address, and the faults between them and us."""

    def __init__(self, clock: ManualClock, faults: Faults, journal: list[dict[str, Any]]) -> None:
        """Write every request that reached a host into ``journal``."""
        self._clock, self._faults, self._journal = clock, faults, journal
        self._hosts: dict[str, Host] = {}
        self.tool = ""

    def attach(self, address: str, host: Host) -> None:
        """Let ``host`` answer at ``http://host:port`` or ``unix:///path``."""
        self._hosts[address] = host

    def exchange(
        self, request: HttpRequest, *, timeout_s: float, max_bytes: int = MAX_BODY_BYTES
    ) -> HttpAnswer | HttpFailure:
        """Make one request; time passes as it would."""
        host, fault = self._hosts.get(str(request.address)), self._faults.take(self.tool)
        if host is None or not host.up or (fault is not None and fault.kind == "not_sent"):
            detail = f"no connection to {request.address}"
            return HttpFailure(bytes_left=False, code="no_connection", detail=detail)
        self._journal.append(
            {
                "event": "request",
                "at_ms": self._clock.now_ms,
                "tool": self.tool,
                "method": request.method,
                "target": request.target,
            }
        )
        came = host.serve(request) if fault is None else self._meet(fault, host, request, timeout_s)
        if isinstance(came, HttpAnswer) and came.body is not None and len(came.body) > max_bytes:
            return replace(came, body=None, trouble=f"an answer larger than {max_bytes} bytes")
        return came

    def _meet(
        self, fault: Fault, host: Host, request: HttpRequest, timeout_s: float
    ) -> HttpAnswer | HttpFailure:
        timeout_ms = int(timeout_s * 1000)
        if fault.kind in STATUS:
            return HttpAnswer(status=STATUS[fault.kind], headers=HEADERS.get(fault.kind, {}), body=b"")
        if fault.kind == "hang":
            self._clock.advance(timeout_ms)
            return _TIMEOUT
        if fault.kind == "claimed":
            return host.pretend(request)
        if fault.kind == "late_dropped":
            self._clock.after(fault.delay_ms, lambda: host.serve(request))
            return _LOST
        if fault.kind == "no_return":
            self._clock.after(fault.delay_ms, lambda: host.serve(request))
            raise NeverBack
        if fault.kind == "stale":
            return (
                host.serve_past(request, fault.delay_ms) if isinstance(host, Lagging) else host.serve(request)
            )
        if fault.kind in ("late", "slow"):
            if fault.delay_ms >= timeout_ms:
                self._clock.after(fault.delay_ms, lambda: host.serve(request))
                self._clock.advance(timeout_ms)
                return _TIMEOUT
            self._clock.advance(fault.delay_ms)
            return host.serve(request)
        return _spoilt(fault, host.serve(request))


def _spoilt(fault: Fault, answer: HttpAnswer) -> HttpAnswer | HttpFailure:
    if fault.kind == "lost_reply":
        return _LOST
    if fault.kind == "error_after":
        return HttpAnswer(status=500, headers={}, body=b"")
    if fault.kind == "garbage":
        return replace(answer, body=b"<html>\xff it went {fine")
    return replace(answer, body=None, trouble="the connection ended before the answer did")
