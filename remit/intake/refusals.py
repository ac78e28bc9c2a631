"""What a requester is told where there is nothing that they could ask for, or not by that name."""

from collections.abc import Collection
from typing import Final

from policies.admission import Rejected
from policies.in_force import InForce

MAX_SHOWN: Final = 60


def nothing_to_ask_for(view: InForce, name: str) -> Rejected:
    """Say why no words of ``name`` can mean anything here."""
    wanted = sorted({role for ref in view.runbooks for role in view.policy(ref).delegation.request})
    if not wanted:
        return Rejected(code="unknown_runbook", message="no runbook is in force here")
    message = f"{name} may ask for nothing here: needs role {' or '.join(wanted)}"
    return Rejected(code="requester_not_allowed", message=message)


def no_such_runbook(name: str, on_disk: Collection[str]) -> Rejected:
    """Say that no runbook of that name is in force; ``on_disk``: those that stand in the files."""
    shown = name[:MAX_SHOWN]
    if any(name in (ref, ref.partition("@")[0]) for ref in on_disk):
        why = f"runbook {shown} is in the files, but not approved: it is not in force"
        hint = f"next: remit runbook diff {shown}; then remit runbook approve {shown}"
        return Rejected(code="not_approved", message=f"{why}\n{hint}")
    return Rejected(code="unknown_runbook", message=f"no runbook {shown} is in force")
