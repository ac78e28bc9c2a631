"""What is in force on a desk: the fold of chain ``desk`` over its approvals.

The approved content stands in the chain itself, so what is in force is read from there and never from the
disk. Replaying judges every approval again by the rules in force before it: one that does not hold is
ignored, and said.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from policies.approval import (
    PRINCIPALS,
    PROPOSED,
    Approved,
    Bundle,
    Principals,
    Proposed,
    may_approve,
    proof_flaw,
    read_principals,
    same_user,
    target_of,
)
from policies.delegation import Entry as Delegated
from policies.runbook import Runbook
from state import canonical
from state.entry import Entry, Kind


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """A runbook with all that was approved with it; ``pins`` is what ``admitted`` keeps of it."""

    bundle: Bundle
    runbook: Runbook
    delegation: Delegated
    contracts: Mapping[str, str]  # tool -> digest of its contract
    connectors: Mapping[str, str]  # connector -> its document
    catalog: Any
    addresses: Mapping[str, Any]
    sources: Mapping[str, str] = field(default_factory=dict)  # Python module -> digest of its source
    documents: Mapping[str, str] = field(default_factory=dict)  # tool -> the document of its contract

    @property
    def pins(self) -> dict[str, str]:
        """Digests that a run is pinned to: the whole bundle, and each of its parts."""
        return {"bundle": self.bundle.digest, **self.bundle.parts}


@dataclass(frozen=True, slots=True, kw_only=True)
class InForce:
    """Approvals in force, all that ever were, proposals, and every approved content by its digest.

    ``history``: digest of a bundle -> its first approval; ``versions``: ``id@version`` -> the digest of the
    runbook that it means, for ever; ``proposals``: what is proposed -> who did first; ``ignored``: approvals
    in the chain that do not hold, and why.
    """

    principals: Approved | None = None
    runbooks: Mapping[str, Approved] = field(default_factory=dict)
    history: Mapping[str, Approved] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    proposals: Mapping[str, Proposed] = field(default_factory=dict)
    contents: Mapping[str, str] = field(default_factory=dict, repr=False)
    ignored: tuple[str, ...] = ()

    def people(self) -> Principals | None:
        """Principals and approval rules in force; None on a desk that approved none."""
        return (
            None
            if self.principals is None
            else read_principals(self._content(self.principals.bundle, PRINCIPALS))
        )

    def digest(self, scope: str) -> str | None:
        """Digest in force for a scope; None where nothing is."""
        held = self.principals if scope == PRINCIPALS else self.runbooks.get(scope)
        return held.bundle.digest if held else None

    def newest(self, runbook: str) -> str | None:
        """``id@version`` of the highest version in force of a runbook's id; None where none is."""
        versions = [int(ref.rpartition("@")[2]) for ref in self.runbooks if ref.rpartition("@")[0] == runbook]
        return f"{runbook}@{max(versions)}" if versions else None

    def policy(self, ref: str) -> Policy:
        """Policy in force for ``id@version``; KeyError where none is."""
        return self.pinned(self.runbooks[ref].bundle.digest)

    def pinned(self, digest: str) -> Policy:
        """Policy of a bundle that is or was in force; KeyError for one that never was."""
        bundle = self.history[digest].bundle
        connectors = json.loads(self._content(bundle, "connectors"))
        contracts = json.loads(self._content(bundle, "contracts"))
        return Policy(
            bundle=bundle,
            runbook=Runbook.model_validate_json(self._content(bundle, "runbook")),
            delegation=Delegated.model_validate_json(self._content(bundle, "delegation")),
            contracts=contracts,
            connectors={name: self.contents[d] for name, d in connectors.items()},
            catalog=json.loads(self._content(bundle, "catalog")),
            addresses=json.loads(self._content(bundle, "addresses")),
            # an approval from before sources were bound binds none: none of its modules is executed
            sources=json.loads(self._content(bundle, "sources")) if "sources" in bundle.parts else {},
            documents={tool: self.contents[d] for tool, d in contracts.items() if d in self.contents},
        )

    def sources(self) -> frozenset[tuple[str, str]]:
        """Every Python module, with the digest of its source, that a policy in force binds."""
        parts = [held.bundle for held in self.runbooks.values() if "sources" in held.bundle.parts]
        return frozenset(pair for b in parts for pair in json.loads(self._content(b, "sources")).items())

    def promised(self) -> dict[str, str]:
        """Documents of the contracts that policies in force bind, by tool."""
        found: dict[str, str] = {}
        for ref in sorted(self.runbooks):
            found.update(self.policy(ref).documents)
        return found

    def _content(self, bundle: Bundle, part: str) -> str:
        return self.contents[bundle.parts[part]]


def fold_desk(entries: Iterable[Entry]) -> InForce:
    """Read chain ``desk`` from its first entry."""
    view = InForce()
    for entry in entries:
        view = apply_desk(view, entry)
    return view


def apply_desk(view: InForce, entry: Entry) -> InForce:
    """Take one more entry of chain ``desk``; kinds that approve nothing change nothing."""
    if entry.kind is Kind.LOADED and entry.body.get("event") == PROPOSED:
        proposed = Proposed(by=entry.body["by"], os_user=entry.body.get("who", {}).get("os_user", ""))
        # the first to propose it is its author
        return replace(view, proposals={entry.body["to"]: proposed, **view.proposals})
    if entry.kind is not Kind.APPROVED:
        return view
    why = _flaw(view, entry) or proof_flaw(entry.body.get("proof")).message
    if why:
        return replace(view, ignored=(*view.ignored, f"desk entry {entry.seq}: {why}"))
    return _take(view, entry)


def _flaw(view: InForce, entry: Entry) -> str:
    """Why the approval in ``entry`` does not hold; empty where it does."""
    body = entry.body
    scope, parts, contents = body["scope"], body["parts"], {**view.contents, **body["contents"]}
    if entry.actor != body["by"]:
        return "it is not by the one who appended it"
    if any(canonical.digest_text(text) != digest for digest, text in body["contents"].items()):
        return "a content is not what its digest says"
    if view.digest(scope) != body["from"]:
        return f"{scope} was not at the digest that it starts from"
    if body["to"] is not None:
        if Bundle(scope=scope, parts=parts).digest != body["to"]:
            return "its parts are not what its digest says"
        if any(digest not in contents for digest in parts.values()):
            return "a content is missing"
        if view.versions.get(scope, parts.get("runbook")) != parts.get("runbook"):
            return f"{scope} means another runbook already"
    first = None
    if scope == PRINCIPALS and view.principals is None and body["to"] is not None:
        first = read_principals(contents[parts[PRINCIPALS]])
    proposed = view.proposals.get(body["to"] or target_of(scope, None))
    author = proposed.by if proposed else body["by"]
    same = same_user(proposed, body.get("who", {}))
    verdict = may_approve(view.people(), by=body["by"], author=author, first=first, same_user=same)
    if verdict.allowed and (body["author"], body["solo"]) != (author, verdict.solo):
        return "it does not say whose change it is"
    return verdict.message


def _take(view: InForce, entry: Entry) -> InForce:
    body = entry.body
    scope = body["scope"]
    if body["to"] is None:
        return replace(view, runbooks={ref: held for ref, held in view.runbooks.items() if ref != scope})
    held = Approved(
        bundle=Bundle(scope=scope, parts=body["parts"]),
        by=body["by"],
        author=body["author"],
        at=entry.at,
        seq=entry.seq,
        solo=body["solo"],
        proof=body.get("proof", {}),
    )
    view = replace(
        view,
        contents={**view.contents, **body["contents"]},
        history={held.bundle.digest: held, **view.history},
    )
    if scope == PRINCIPALS:
        return replace(view, principals=held)
    return replace(
        view,
        runbooks={**view.runbooks, scope: held},
        versions={**view.versions, scope: held.bundle.parts["runbook"]},
    )
