"""How a target's own log is read: one JSON object a line, as ``evals.target`` writes it or in the plain form.

A plain line has its ``event`` and its time ``at``:

| event   | says                                                                                             |
|---------|--------------------------------------------------------------------------------------------------|
| arrival | a write came: ``applied``, ``resource``, and if known tool, arguments, key, run, op, credential  |
| state   | ``thing`` has ``value`` from then on                                                             |
| read    | a read came with ``credential``                                                                  |
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from evals.invariants.evidence import Arrival, State, When, World, ms_of

_PLAIN: Final = ("resource", "tool", "arguments", "key", "run", "op", "attempt", "credential")
Event = Mapping[str, Any]


def read_effects(path: Path) -> World:
    """Read a log; OSError where it cannot be read, ValueError where a line says nothing that is known."""
    events: list[Event] = []
    for number, line in enumerate(path.read_text().splitlines(), 1):
        try:
            event = json.loads(line)
            events.append({**event, "at": event["at"], "event": event["event"]})
        except (ValueError, KeyError, TypeError) as error:
            raise ValueError(f"line {number} is no event of a target's log: {error}") from error
    try:
        return world_of(events)
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"an event lacks what it needs: {error}") from error


def world_of(events: Sequence[Event]) -> World:
    """What a log says of what arrived, what was true, and which credentials read."""
    applied = {e["request"]: e for e in events if e["event"] == "effect"}
    arrivals = [_plain(e) for e in events if e["event"] == "arrival"]
    arrivals += [_request(e, applied.get(e["request"])) for e in events if _is_write(e)]
    readers = {str(e["credential"]) for e in events if e["event"] == "read" or _is_read(e)}
    return World(arrivals=arrivals, states=list(_states(events)), readers=readers)


def _when(event: Event) -> When:
    ms = ms_of(event["at"])
    return When(order=ms, ms=ms)


def _plain(event: Event) -> Arrival:
    known = {name: event[name] for name in _PLAIN if name in event}
    return Arrival(when=_when(event), applied=bool(event["applied"]), **known)


def _is_write(event: Event) -> bool:
    return bool(event["event"] == "request" and event["method"] == "POST" and len(_path(event)) == 3)  # noqa: PLR2004


def _is_read(event: Event) -> bool:
    return bool(event["event"] == "request" and event["method"] == "GET")


def _path(event: Event) -> list[str]:
    return str(event["path"]).strip("/").split("/")


def _request(event: Event, effect: Event | None) -> Arrival:
    kind, thing, verb = _path(event)
    try:
        arguments: dict[str, Any] | None = {"thing": thing, **json.loads(event["body"])}
    except (ValueError, TypeError):
        arguments = None
    if arguments is not None and event["if_match"] is not None:
        arguments["etag"] = event["if_match"]
    return Arrival(
        when=_when(effect or event),
        applied=effect is not None,
        resource=f"thing/{thing}",
        tool="things.set" if verb == "set" else f"things.add_{kind}",
        arguments=arguments,
        key=event["key"] or "" if kind == "native_key" else "",
        credential=str(event["credential"]),
    )


def _states(events: Iterable[Event]) -> Iterator[State]:
    begun: set[str] = set()
    for event in events:
        if event["event"] == "state":
            yield State(when=_when(event), thing=event["thing"], value=event["value"])
        elif event["event"] in ("effect", "outside") and "after" in event:
            if event["thing"] not in begun:
                begun.add(event["thing"])
                yield State(when=When(order=0, ms=0), thing=event["thing"], value=event["before"])
            yield State(when=_when(event), thing=event["thing"], value=event["after"])
