"""Who may decide on a run: what its pinned and the present delegation both say, and who is left to end it.

Roles are asked of the principals in force. Where no human holds one that decides, nobody could answer a stop:
whoever approves here, and so could make somebody a decider, may then abort the run, and nothing else.
"""

from collections.abc import Collection

from policies.approval import Principals
from policies.delegation import Entry
from policies.in_force import InForce
from state.task import Task


def deciders(pinned: Entry, present: Entry | None) -> frozenset[str]:
    """Roles that decide: pinned and present delegation must both say so (``present`` None: withdrawn)."""
    both = frozenset(pinned.decide)
    return both & frozenset(present.decide) if present is not None else both


def held(people: Principals | None, roles: Collection[str]) -> bool:
    """Whether some human holds one of ``roles``."""
    return people is not None and any(people.human_roles(name) & {*roles} for name in people.principals)


def enders(people: Principals | None, roles: Collection[str]) -> frozenset[str]:
    """Roles that may abort a run on which ``roles`` decide: those that approve, where nobody holds those."""
    return frozenset() if people is None or held(people, roles) else frozenset(people.approval.approvers)


def undecidable(view: InForce, task: Task) -> bool:
    """Whether nobody holds a role that decides on the run."""
    pinned = task.pins.get("bundle")
    if pinned is None or pinned not in view.history:
        return False  # who decides is not known, and that is said elsewhere
    policy = view.pinned(pinned)
    now = view.policy(policy.runbook.ref) if policy.runbook.ref in view.runbooks else None
    return not held(view.people(), deciders(policy.delegation, now.delegation if now else None))
