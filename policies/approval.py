"""What an approval binds, and who may give one.

It binds one digest over everything that gives a runbook its meaning (``PARTS``), and nothing else is in
force. Principals and the approval rules are one more approved digest, of scope ``principals``.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final

from policies.delegation import Approval, Principal
from state import canonical
from state.entry import Draft, Kind, Role
from state.task import EMPTY

PRINCIPALS: Final = "principals"
# The document behind each part is canonical JSON text; ``contracts`` and ``connectors`` name further
# documents by their digests, ``sources`` the digests of Python modules, whose text is not kept.
PARTS: Final = ("runbook", "contracts", "connectors", "sources", "catalog", "addresses", "delegation")
PROPOSED: Final = "proposed"


def document(value: Any) -> str:
    """Text of a parsed file as it is digested and kept; CanonicalError for what no file can hold."""
    return canonical.dumps(value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bundle:
    """What one approval binds: a ``scope`` (``principals`` or ``id@version``) and digests of its parts."""

    scope: str
    parts: Mapping[str, str]

    @property
    def digest(self) -> str:
        """The one digest that is approved."""
        return _bundle_digest(self.scope, tuple(self.parts.items()))


@lru_cache(maxsize=256)
def _bundle_digest(scope: str, parts: tuple[tuple[str, str], ...]) -> str:
    return canonical.digest({"scope": scope, "parts": dict(parts)})


@dataclass(frozen=True, slots=True, kw_only=True)
class Approved:
    """An approval as it stands in chain ``desk``. ``solo``: its author gave it, on a desk with one person.

    ``proof``: verdict, depth and digest of the proof that it rests on; empty for one that rests on none.
    """

    bundle: Bundle
    by: str
    author: str
    at: str
    seq: int
    solo: bool
    proof: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposed:
    """Who proposed a change first. ``os_user``: the operating system's user behind them; empty: unknown."""

    by: str
    os_user: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Principals:
    """Who there is, and who approves: the content of scope ``principals``."""

    principals: Mapping[str, Principal]
    approval: Approval

    def roles(self, name: str) -> frozenset[str]:
        """Roles of a principal; none for an unknown name."""
        known = self.principals.get(name)
        return frozenset(known.roles) if known else frozenset()

    def human_roles(self, name: str) -> frozenset[str]:
        """Roles of a principal who is a human: a source asks, and never says yes or decides."""
        known = self.principals.get(name)
        return frozenset(known.roles) if known is not None and known.kind == "human" else frozenset()

    def may_confirm_for(self, requester: str, name: str, *, solo: bool) -> bool:
        """Whether ``name`` is somebody else than who asked, or the desk was and is one person's (``solo``).

        One user of the operating system under two names is one person.
        """
        if solo and self.approval.solo:
            return True
        mine, theirs = self.principals.get(name), self.principals.get(requester)
        shared = mine is not None and theirs is not None and {*mine.os} & {*theirs.os}
        return name != requester and not shared

    def approver(self, name: str) -> bool:
        """Whether that principal approves changes: a human with an approver's role."""
        known = self.principals.get(name)
        return (
            known is not None
            and known.kind == "human"
            and bool(self.roles(name) & {*self.approval.approvers})
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """Whether somebody may approve; a ``code`` says why not. ``solo``: allowed though their own change."""

    code: str = ""
    message: str = ""
    solo: bool = False

    @property
    def allowed(self) -> bool:
        """Nothing stands against it."""
        return not self.code


@lru_cache(maxsize=8)  # asked for at every write
def read_principals(text: str) -> Principals:
    """Read the content of scope ``principals``; pydantic's ValidationError for another."""
    value = json.loads(text)
    return Principals(
        principals={n: Principal.model_validate_json(document(p)) for n, p in value["principals"].items()},
        approval=Approval.model_validate_json(document(value.get("approval", {}))),
    )


def may_approve(
    people: Principals | None,
    *,
    by: str,
    author: str | None,
    first: Principals | None = None,
    same_user: bool = False,
) -> Verdict:
    """Whether ``by`` may approve a change of ``author`` (None: unknown) under the rules in force.

    ``same_user``: one user of the operating system stands behind both, so that it is their own change under
    whatever name. Before any rule is in force only the first principals can be approved, by an approver that
    they name (``first``).
    """
    rules = people or first
    if rules is None:
        return Verdict(code="no_principals", message="nobody is in force here who could approve")
    if not rules.approver(by):
        needed = " or ".join(rules.approval.approvers)
        return Verdict(code="not_an_approver", message=f"{by} has no role that approves ({needed})")
    own = same_user or author in (None, by)
    if not own or (people is None and first is not None):
        return Verdict(solo=rules.approval.solo and own and author is not None)
    if rules.approval.solo:
        return Verdict(solo=True)
    if rules.approval.not_author:
        author_is = f"as {author} " if author not in (None, by) else ""
        message = f"{by} proposed this change {author_is}".rstrip()
        return Verdict(code="own_change", message=f"{message}; somebody else must approve it")
    return Verdict()


def approval(
    *, bundle: Bundle | None, scope: str, was: str | None, by: str, author: str, solo: bool,
    contents: Mapping[str, str],
    proof: Mapping[str, Any] | None = None,
    who: Mapping[str, str] = EMPTY,
) -> Draft:  # fmt: skip
    """Draft of an approval: ``scope`` goes from digest ``was`` to ``bundle`` (None: it is withdrawn).

    ``contents``: documents by digest that the chain does not hold yet; ``proof``: what it rests on, for a
    runbook; ``who``: how ``by`` came to be known.
    """
    body = {
        "scope": scope,
        "from": was,
        "to": bundle.digest if bundle else None,
        "parts": dict(bundle.parts) if bundle else {},
        "by": by,
        "author": author,
        "solo": solo,
        "who": dict(who),
        "contents": dict(contents),
    }
    if proof is not None:
        body["proof"] = dict(proof)
    return Draft(kind=Kind.APPROVED, role=Role.HUMAN, actor=by, body=body)


def proof_flaw(proof: Mapping[str, Any] | None) -> Verdict:
    """Why an approval must not rest on ``proof``, as an approval records it.

    None is one from before approvals recorded any. Less than a full proof of every path will do only where
    somebody said why (``accepted``); a counterexample never does.
    """
    if proof is None or (proof.get("verdict"), proof.get("depth")) == ("proved", "full"):
        return Verdict()
    if proof.get("verdict") not in ("proved", "not_exhausted"):
        return Verdict(code="counterexample", message="its proof is a counterexample")
    if not proof.get("accepted"):
        return Verdict(code="not_exhausted", message="it is not proved on every path")
    return Verdict()


def same_user(proposed: Proposed | None, who: Mapping[str, Any]) -> bool:
    """Whether the operating system's user behind ``who`` made the proposal; False where one is unknown."""
    return proposed is not None and bool(proposed.os_user) and proposed.os_user == who.get("os_user")


def proposal(*, scope: str, to: str, by: str, who: Mapping[str, str] = EMPTY) -> Draft:
    """Draft of a proposal: ``by`` is the author of the change of ``scope`` to digest ``to``.

    ``who``: how ``by`` came to be known.
    """
    return Draft(
        kind=Kind.LOADED,
        role=Role.HUMAN,
        actor=by,
        body={"event": PROPOSED, "scope": scope, "to": to, "by": by, "who": dict(who)},
    )


def target_of(scope: str, bundle: Bundle | None) -> str:
    """Say what a proposal names: the digest of the bundle, or that the scope is withdrawn."""
    return bundle.digest if bundle else f"withdraw:{scope}"
