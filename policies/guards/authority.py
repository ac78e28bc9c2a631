"""Whether anybody handed this call over: to the role, by the runbook, by the delegation, then and now."""

import re
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Final

from policies.call import Call
from policies.contract import Effect
from policies.errors import TemplateError
from policies.guards.context import GuardContext, Refusal
from policies.in_force import Policy
from policies.templates import render_resource
from state.entry import Role

# What a role may do at all. Reads go out with the verifier's reader credential, whoever asks.
ROLE_MAY: Final[Mapping[Role, frozenset[Effect]]] = MappingProxyType(
    {
        Role.EXECUTOR: frozenset({Effect.READ, Effect.WRITE}),
        Role.VERIFIER: frozenset({Effect.READ}),
    }
)

_WRITTEN_AS_ADDRESS: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:/*[^/]*", re.ASCII)
_ADDRESS: Final = re.compile(
    r"(?P<scheme>https?)://(?P<host>[a-z0-9.-]{1,253}|\[[0-9a-f:.]{2,45}\])(?::(?P<port>[1-9][0-9]{0,4}))?"
    r"(?:[/?][!-~]*)?",
    re.ASCII,
)
_DEFAULT_PORT: Final = MappingProxyType({"http": "80", "https": "443"})


def may_write(call: Call, context: GuardContext) -> Refusal | None:
    """The tool is a write, and the role writes: the executor alone."""
    return _may(call, context, Effect.WRITE)


def may_read(call: Call, context: GuardContext) -> Refusal | None:
    """The tool is a read, and the role reads."""
    return _may(call, context, Effect.READ)


def _may(call: Call, context: GuardContext, wanted: Effect) -> Refusal | None:
    effect = context.promise().effect
    if effect is not wanted:
        return Refusal(code="wrong_effect", message=f"{call.tool} is a {effect}, asked for as a {wanted}")
    if effect not in ROLE_MAY.get(call.role, frozenset()):
        return Refusal(code="role_may_not", message=f"role {call.role} may not {effect}")
    return None


def tool_granted(call: Call, context: GuardContext) -> Refusal | None:
    """The tool is in the authority of the pinned runbook."""
    if call.tool not in context.policy().runbook.authority.tools:
        return Refusal(code="tool_not_in_authority", message=f"{call.tool} is not in the runbook's authority")
    return None


def in_force(call: Call, context: GuardContext) -> Refusal | None:
    """The runbook is still handed over, with the very text that the run is pinned to."""
    del call
    pinned, present = context.policy(), context.present
    if present is None:
        return Refusal(code="delegation_withdrawn", message=f"{pinned.runbook.ref} is not in force any more")
    if present.bundle.parts["runbook"] != pinned.bundle.parts["runbook"]:
        return Refusal(code="delegation_withdrawn", message=f"{pinned.runbook.ref} means something else now")
    return None


def requester(call: Call, context: GuardContext) -> Refusal | None:
    """Who asked is still a principal with a role that may ask."""
    del call
    name = context.task.terms["requester"]
    if context.people is None or name not in context.people.principals:
        return Refusal(code="requester_unknown", message=f"{name} is no principal in force")
    roles = context.people.roles(name)
    if not all(roles & {*policy.delegation.request} for policy in _both(context)):
        return Refusal(code="requester_not_allowed", message=f"{name} has no role that may ask for this")
    return None


def target(call: Call, context: GuardContext) -> Refusal | None:
    """The run's target follows from its inputs and is delegated."""
    del call
    task = context.task
    for policy in _both(context):
        try:
            follows = render_resource(policy.delegation.target, {"inputs": task.inputs})
        except TemplateError as error:
            return Refusal(code="target_differs", message=f"the inputs give no target: {error}")
        if follows != task.target:
            return Refusal(code="target_differs", message=f"the inputs give {follows}, not {task.target}")
        if not policy.delegation.covers_target(task.target):
            return Refusal(code="target_not_delegated", message=f"{task.target} is not delegated")
    return None


def resource(call: Call, context: GuardContext) -> Refusal | None:
    """What the frozen arguments name is what the call says it touches, and the target may touch it."""
    template = context.promise().resource
    if template is None:
        return Refusal(code="resource_differs", message=f"{call.tool} does not say what it touches")
    return _scoped(call, context, template, tuple(_both(context)))


def read_resource(call: Call, context: GuardContext) -> Refusal | None:
    """A read whose contract names a resource is scoped like a write, by the pinned delegation."""
    template = context.promise().resource
    if template is None:
        return None if not call.resource else _differs(call, "nothing")
    return _scoped(call, context, template, (context.policy(),))


def _scoped(call: Call, context: GuardContext, template: str, policies: tuple[Policy, ...]) -> Refusal | None:
    try:
        named = render_resource(template, call.arguments)
    except TemplateError as error:
        return Refusal(code="resource_differs", message=f"the arguments name no resource: {error}")
    if named != call.resource:
        return _differs(call, named)
    for policy in policies:
        if not policy.delegation.covers_resource(context.task.target, call.resource):
            message = f"{call.resource} is not delegated for {context.task.target}"
            return Refusal(code="resource_not_delegated", message=message)
    return None


def _differs(call: Call, named: str) -> Refusal:
    return Refusal(
        code="resource_differs", message=f"the arguments name {named}, the call {call.resource or 'nothing'}"
    )


def address(call: Call, context: GuardContext) -> Refusal | None:
    """Where a contract lists hosts, an argument that is an address names one of them, plainly written."""
    hosts = context.promise().hosts
    if not hosts:
        return None
    for name, value in call.arguments.items():
        if not isinstance(value, str) or "://" not in value or _WRITTEN_AS_ADDRESS.match(value) is None:
            continue
        found = _ADDRESS.fullmatch(value)
        listed = found and f"{found['host']}:{found['port'] or _DEFAULT_PORT[found['scheme']]}"
        if listed is None or listed not in hosts:
            return Refusal(code="address_not_listed", message=f"argument {name} names no listed host")
    return None


def _both(context: GuardContext) -> Iterator[Policy]:
    """The pinned policy, and the one in force: the pin fixes the meaning, the present can only subtract."""
    yield context.policy()
    if context.present is not None:  # that it is there is a guard of its own
        yield context.present
