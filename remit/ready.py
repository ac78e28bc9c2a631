"""Whether an approved runbook can run here now, and what to do where it cannot; no target is touched."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from policies.contract import ToolContract
from policies.in_force import Policy
from remit.kit import Kit

_SHOWN: Final = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class NotReady:
    """Why a runbook cannot run: a stable code, what it lacks, and what to do about it."""

    code: str
    what: str
    fix: str

    def __str__(self) -> str:
        """Both, as a message of two lines."""
        return f"{self.what}\nnext: {self.fix}"


def not_ready(kit: Kit) -> NotReady | None:
    """Find the first thing that keeps the runbook of ``kit`` from running; None where nothing does."""
    policy = kit.policy
    ref, back = policy.runbook.ref, f"put {_files(policy)} back"
    approve = f"or have the change approved: remit runbook approve {policy.runbook.id}"
    if kit.without_tools:
        what = f"{ref} cannot run: {kit.without_tools}"
        return NotReady(code="tool_missing", what=what, fix=f"{back}, {approve}")
    contracts = kit.contracts
    changed = [n for n, d in policy.contracts.items() if n not in contracts or contracts[n].digest != d]
    if changed:
        what = f"{ref} cannot run: not as approved any more: {_some(changed)}"
        return NotReady(code="tool_changed", what=what, fix=f"{back}, {approve}")
    used = {secret for tool in policy.contracts for secret in contracts[tool].credentials.values()}
    lacking = {name: why for name, why in kit.credentials.missing().items() if name in used}
    if lacking:
        names = " and ".join(f"REMIT_SECRET_{name.upper()}" for name in lacking)
        what = f"{ref} cannot run: {'; '.join(lacking.values())}"
        return NotReady(
            code="secret_missing",
            what=what,
            fix=f"set {names}, or write {_some(lacking)} below .remit/secrets (mode 0600); remit doctor",
        )
    return None


def _some(names: Iterable[str]) -> str:
    shown = sorted(names)
    return ", ".join(shown[:_SHOWN]) + (f" and {len(shown) - _SHOWN} more" if len(shown) > _SHOWN else "")


def _files(policy: Policy) -> str:
    """Name the files that the runbook's Python tools come from."""
    made = (ToolContract.from_document(text).connector for text in policy.documents.values())
    named = {name for name in made if name in policy.sources} or {*policy.sources}
    return " and ".join(f"{name.replace('.', '/')}.py" for name in sorted(named)) or "what it needs"
