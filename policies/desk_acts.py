"""Who may do what concerns a whole desk: set the stop switch, lift it, end a run that cannot be read.

Setting is open to everybody who has a part in the desk, since a needless stop costs little; what lets writes
go on, or ends what nobody can read, is for those who answer for it.
"""

from policies.contract import ToolContract
from policies.delegation import matches
from policies.in_force import InForce, Policy
from policies.resource_names import can_make


def may_stop(view: InForce, name: str) -> bool:
    """Whether that principal may set the switch: a human who may ask, decide or approve here."""
    return _human(view, name) and (_approves(view, name) or _in_delegations(view, name, asking=True))


def may_start(view: InForce, name: str) -> bool:
    """Whether that principal may lift the switch: a human who approves, or decides for some runbook."""
    return _human(view, name) and (_approves(view, name) or _in_delegations(view, name, asking=False))


def may_end_raw(view: InForce, name: str) -> bool:
    """Whether that principal may end a stuck run: whoever may lift the switch."""
    return may_start(view, name)


def known_runbook(view: InForce, runbook: str) -> bool:
    """Whether a runbook of that id is in force here, or ever was."""
    return any(ref.rpartition("@")[0] == runbook for ref in (*view.runbooks, *view.versions))


def touchable(view: InForce, resource: str) -> bool:
    """Whether a delegation in force lets some write touch that resource, and a call can name it so.

    A pattern, or another spelling of a name, names nothing: names are compared exactly.
    """
    return any(_touches(view.policy(ref), resource) for ref in view.runbooks)


def _touches(policy: Policy, resource: str) -> bool:
    delegated = any(
        matches(pattern, resource)
        for patterns in policy.delegation.resources.values()
        for pattern in patterns
    )
    return delegated and any(
        can_make(ToolContract.from_document(text), resource) for text in policy.documents.values()
    )


def _human(view: InForce, name: str) -> bool:
    people = view.people()
    return people is not None and name in people.principals and people.principals[name].kind == "human"


def _approves(view: InForce, name: str) -> bool:
    people = view.people()
    return people is not None and people.approver(name)


def _in_delegations(view: InForce, name: str, *, asking: bool) -> bool:
    people = view.people()
    roles = people.roles(name) if people is not None else frozenset()
    entries = [view.policy(ref).delegation for ref in view.runbooks]
    return any(roles & {*entry.decide, *(entry.request if asking else ())} for entry in entries)
