"""What chain ``desk`` has approved, read from its entries and from nothing else."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Self

from pydantic import ValidationError

from policies.contract import ToolContract
from policies.delegation import Approval, Principal
from policies.delegation import Entry as Delegated
from policies.runbook import Runbook
from policies.step import Rollback, Step
from state.entry import Entry, Kind

PRINCIPALS = "principals"


@dataclass(frozen=True, slots=True, kw_only=True)
class People:
    """Principals, and the rules of approval."""

    principals: Mapping[str, Principal]
    approval: Approval

    def roles(self, name: str) -> frozenset[str]:
        """The roles of a principal; none for an unknown name."""
        return frozenset(self.principals[name].roles) if name in self.principals else frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What a run was approved as: the documents behind one bundle."""

    runbook: Runbook
    delegation: Delegated
    contracts: Mapping[str, ToolContract]

    def step(self, step: str, undoes: str | None) -> Step | Rollback | None:
        """The part of the runbook that a write is written in; None where it has none."""
        found = next((s for s in self.runbook.steps if s.id == step), None)
        if found is None or undoes is None:
            return found
        return self.runbook.rollback(step)


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One approval: from when on ``scope`` was at digest ``to`` (None: withdrawn)."""

    entry: Entry
    scope: str
    to: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Approvals:
    """Everything that was ever approved, and in which order."""

    changes: Sequence[Change] = ()
    parts: Mapping[str, Mapping[str, str]] = field(default_factory=dict)  # bundle -> part -> digest
    contents: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, desk: Iterable[Entry]) -> Self:
        """Read chain ``desk`` from its first entry."""
        changes: list[Change] = []
        parts: dict[str, Mapping[str, str]] = {}
        contents: dict[str, str] = {}
        for entry in desk:
            if entry.kind is not Kind.APPROVED:
                continue
            body = entry.body
            changes.append(Change(entry=entry, scope=body["scope"], to=body["to"]))
            contents.update(body["contents"])
            if body["to"] is not None:
                parts[body["to"]] = body["parts"]
        return cls(changes=changes, parts=parts, contents=contents)

    def terms(self, bundle: str) -> Terms | None:
        """The documents of a bundle; None where some of them are not in the chain."""
        parts = self.parts.get(bundle)
        try:
            if parts is None:
                return None
            contracts = json.loads(self.contents[parts["contracts"]])
            documents = tuple((tool, self.contents[digest]) for tool, digest in contracts.items())
            return _terms(self.contents[parts["runbook"]], self.contents[parts["delegation"]], documents)
        except (KeyError, ValueError, ValidationError):
            return None

    def people(self, digest: str) -> People | None:
        """The principals of an approved digest; None where they cannot be read."""
        text = self.contents.get(self.parts.get(digest, {}).get(PRINCIPALS, ""))
        return _people(text) if text is not None else None


@lru_cache(maxsize=256)
def _terms(runbook: str, delegation: str, documents: tuple[tuple[str, str], ...]) -> Terms:
    return Terms(
        runbook=Runbook.model_validate_json(runbook),
        delegation=Delegated.model_validate_json(delegation),
        contracts={tool: ToolContract.from_document(text) for tool, text in documents},
    )


@lru_cache(maxsize=64)
def _people(text: str) -> People:
    value: dict[str, Any] = json.loads(text)
    return People(
        principals={
            name: Principal.model_validate_json(json.dumps(given))
            for name, given in value["principals"].items()
        },
        approval=Approval.model_validate_json(json.dumps(value.get("approval", {}))),
    )
