"""What changed around a runbook: the requests that its tools make, their addresses, their code, the people.

A runbook's own words are compared in ``change``; here is what the same words would reach or mean. Nothing of
it narrows but what is taken from people: whatever else changes here is said with a plus.
"""

from collections.abc import Collection, Iterator, Mapping
from typing import Any, Final

from pydantic import BaseModel

from policies import durations
from policies.approval import Principals
from policies.catalog import Catalog
from policies.connector import Connector
from policies.contract import ToolContract

_MISSING: Final = object()
_SHOWN: Final = 200
_ACCOUNTS: Final = ("os", "slack", "matrix", "email")
# Said of the connector's own entry, or by a digest that nobody reads.
_NOT_OF_A_CONTRACT: Final = frozenset({"source", "connector"})


def connectors_changed(old: Mapping[str, Connector], new: Mapping[str, Connector]) -> Iterator[str]:
    """Say every field of a connector that is not as it was: requests, addresses, times, answers, dedupe."""
    for name in dict.fromkeys((*old, *new)):
        if name not in new:
            yield f"connector {name} is not used any more"
        elif name not in old:
            yield f"connector {name} is new: it sends to {new[name].base_url}"
        else:
            for path, was, now in _leaves((), _plain(old[name]), _plain(new[name])):
                yield f"connector {name}, {_place(path)}: {_step(path, was, now)}"


def addresses_changed(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[str]:
    """Say which base addresses are not as they were; a connector's own is said of the connector."""
    before, after = old["supervisors"], new["supervisors"]
    for name in dict.fromkeys((*before, *after)):
        was, now = before.get(name, _MISSING), after.get(name, _MISSING)
        if was != now:
            yield f"address of supervisor {name}: {_step((name,), was, now)}"
    for host in sorted({*old["hosts"]} ^ {*new["hosts"]}):
        yield (
            f"http.get may now reach {host}"
            if host in new["hosts"]
            else f"http.get may not reach {host} any more"
        )


def catalog_changed(old: Catalog | None, new: Catalog | None) -> Iterator[str]:
    """Say which services of the catalog are not as they were."""
    before, after = (
        {} if c is None else {f"{s.env}/{s.name}": _plain(s) for s in c.services} for c in (old, new)
    )
    for name in dict.fromkeys((*before, *after)):
        if name not in after:
            yield f"catalog: {name} is gone"
        elif name not in before:
            yield f"catalog: {name} is new, run as {after[name]['supervisor']}/{after[name]['program']}"
        else:
            for path, was, now in _leaves((), before[name], after[name]):
                yield f"catalog: {name}, {_place(path)}: {_step(path, was, now)}"


def tools_changed(
    approved: Mapping[str, str],
    was: Mapping[str, ToolContract],
    now: Mapping[str, ToolContract],
    connectors: Collection[str],
) -> Iterator[str]:
    """Say which tools that none of ``connectors`` makes are not as approved, by fields where they are known.

    ``approved``: digests of their contracts; ``was``: contracts as they were, as far as they are known.
    """
    coded: dict[str, list[str]] = {}
    for name, digest in approved.items():
        if name not in now:
            yield f"tool {name} is not there any more"
            continue
        new, old = now[name], was.get(name)
        if new.digest == digest or new.connector in connectors:
            continue
        known = old is not None and old.digest == digest
        if old is not None and known:
            for path, before, after in _leaves((), _plain(old), _plain(new)):
                if path[0] not in _NOT_OF_A_CONTRACT:
                    yield f"tool {name}, {_place(path)}: {_step(path, before, after)}"
        if old is None or not known or old.source != new.source:
            coded.setdefault(new.connector, []).append(name)
    for module, names in coded.items():
        file = f"{module.replace('.', '/')}.py" if module else "a tool"
        yield f"the code of {file} changed: {', '.join(names)} may do other than was approved; read the file"


def people_changed(old: Principals | None, new: Principals) -> Iterator[tuple[bool, str]]:
    """Say who was added, taken away or given other roles, and how approving changed; True: it is given."""
    before = old.principals if old else {}
    for name in dict.fromkeys((*before, *new.principals)):
        was, now = before.get(name), new.principals.get(name)
        if now is None:
            yield False, f"{name} is removed (was {', '.join(was.roles) if was else ''})"
            continue
        if was is None:
            accounts = f", for operating-system user {' and '.join(now.os)}" if now.os else ""
            yield True, f"{name} is added: a {now.kind} with roles {', '.join(now.roles)}{accounts}"
            continue
        if was.kind != now.kind:
            yield True, f"{name} is a {now.kind}, was a {was.kind}"
        yield from ((True, f"{name} gets role {role}") for role in now.roles if role not in was.roles)
        yield from ((False, f"{name} loses role {role}") for role in was.roles if role not in now.roles)
        for account in _ACCOUNTS:
            one, other = _texts(getattr(was, account)), _texts(getattr(now, account))
            yield from ((True, f"{name} is now also {account} {x}") for x in other if x not in one)
            yield from ((False, f"{name} is no longer {account} {x}") for x in one if x not in other)
    rules = _plain(old.approval) if old else {}
    for path, was, now in _leaves((), rules, _plain(new.approval)):
        yield True, f"approval, {_place(path)}: {_step(path, was, now)}"


def _texts(value: tuple[str, ...] | str | None) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else value or ()


def _plain(model: BaseModel) -> Any:
    return _named(model.model_dump(mode="json"))


def _named(value: Any) -> Any:
    """Turn lists of things with a name into fields by name."""
    if isinstance(value, dict):
        return {key: _named(item) for key, item in value.items()}
    if isinstance(value, list) and value and all(isinstance(v, dict) and "name" in v for v in value):
        return {v["name"]: _named({k: i for k, i in v.items() if k != "name"}) for v in value}
    return value


def _leaves(path: tuple[str, ...], old: Any, new: Any) -> Iterator[tuple[tuple[str, ...], Any, Any]]:
    if isinstance(old, dict) and isinstance(new, dict):
        for key in dict.fromkeys((*old, *new)):
            yield from _leaves((*path, key), old.get(key, _MISSING), new.get(key, _MISSING))
    elif old != new:
        yield path, old, new


def _place(path: tuple[str, ...]) -> str:
    """Name a field as the file does."""
    names = [p.removesuffix("_ms").removesuffix("_s").removesuffix("_") for p in path]
    if names[0] == "tools" and len(names) > 1:
        return " ".join((f"tool {names[1]}", *([".".join(names[2:])] if names[2:] else [])))
    return ".".join(names)


def _step(path: tuple[str, ...], old: Any, new: Any) -> str:
    name = path[-1] if path else ""
    if old is _MISSING or old is None:
        return f"{_shown(name, new)} is new"
    if new is _MISSING or new is None:
        return f"{_shown(name, old)} is gone"
    return f"{_shown(name, old)} → {_shown(name, new)}"


def _shown(name: str, value: Any) -> str:
    if name.endswith("_ms") and type(value) is int:
        return durations.text(value)
    if isinstance(value, list):
        value = ", ".join(str(item) for item in value) or "none"
    return str(value)[:_SHOWN]
