"""The law: which guards a call passes, in which order. First refusal wins, an exception is a refusal."""

from dataclasses import dataclass
from typing import Final

from policies.call import Call
from policies.guards import authority, form, limits, provenance, standing
from policies.guards.context import Allowed, Denied, Guard, GuardContext, Verdict
from state.errors import StateError

GUARD_ERROR: Final = "guard_error"

_VALUE_CODES: Final = (
    "argument_unknown", "argument_missing", "argument_type", "argument_length", "argument_range",
    "argument_pattern", "argument_enum",
)  # fmt: skip
_READABLE: Final = Guard(name="readable", check=form.readable, codes=("call_malformed", "call_too_large"))
_CONTRACT: Final = Guard(name="contract", check=form.contract, codes=("tool_unknown", "contract_changed"))
_SCHEMA: Final = Guard(name="schema", check=form.schema, codes=_VALUE_CODES)
_TEXT: Final = Guard(name="text", check=form.text, codes=("text_not_canonical",))
_PINS: Final = Guard(name="pins", check=standing.pinned, codes=("run_not_admitted", "pins_differ"))
_GRANTED: Final = Guard(name="tool_granted", check=authority.tool_granted, codes=("tool_not_in_authority",))
_ADDRESS: Final = Guard(name="address", check=authority.address, codes=("address_not_listed",))
_RESOURCE_CODES: Final = ("resource_differs", "resource_not_delegated")
_ROLE_CODES: Final = ("wrong_effect", "role_may_not")
_PROVENANCE_CODES: Final = ("argument_differs", "argument_untraceable")

WRITE: Final[tuple[Guard, ...]] = (
    _READABLE,
    _CONTRACT,
    _SCHEMA,
    _TEXT,
    Guard(
        name="live",
        check=standing.live,
        codes=("run_unsound", "run_ended", "escalation_open", "nothing_to_write", "cancel_wanted"),
    ),
    Guard(name="resolved", check=standing.resolved, codes=("unresolved", "refused_before", "resend_unsafe")),
    Guard(name="held", check=standing.held, codes=("resource_not_held",)),
    Guard(name="not_stopped", check=standing.not_stopped, codes=("stopped",), passing=frozenset({"stopped"})),
    Guard(
        name="not_paused",
        check=standing.not_paused,
        codes=("paused", "connector_paused"),
        passing=frozenset({"paused", "connector_paused"}),
    ),
    Guard(name="epoch", check=standing.epoch, codes=("epoch_old",)),
    _PINS,
    Guard(name="may_write", check=authority.may_write, codes=_ROLE_CODES),
    _GRANTED,
    Guard(name="in_force", check=authority.in_force, codes=("delegation_withdrawn",)),
    Guard(name="requester", check=authority.requester, codes=("requester_unknown", "requester_not_allowed")),
    Guard(name="target", check=authority.target, codes=("target_differs", "target_not_delegated")),
    Guard(name="resource", check=authority.resource, codes=_RESOURCE_CODES),
    _ADDRESS,
    Guard(
        name="window",
        check=limits.window,
        codes=("window_closed", "window_narrowed"),
        passing=frozenset({"window_closed"}),
    ),
    Guard(name="order", check=provenance.order, codes=("not_due", "key_differs", "timeout_differs")),
    Guard(name="provenance", check=provenance.provenance, codes=_PROVENANCE_CODES),
    Guard(name="bounded", check=provenance.bounded, codes=("out_of_bound",)),
    Guard(
        name="budgets",
        check=limits.budgets,
        codes=("deadline_over", "writes_spent", "step_budget_spent"),
    ),
    Guard(name="rate", check=limits.rate, codes=("resource_attempts_spent",)),
    Guard(
        name="confirmation",
        check=limits.confirmation,
        codes=(
            "mode_narrowed",
            "confirmation_missing",
            "confirmation_differs",
            "confirmer_not_allowed",
            "own_request",
        ),
        passing=frozenset({"confirmation_missing", "confirmation_differs"}),
    ),
)

READ: Final[tuple[Guard, ...]] = (
    _READABLE,
    _CONTRACT,
    _SCHEMA,
    _TEXT,
    _PINS,
    Guard(name="may_read", check=authority.may_read, codes=_ROLE_CODES),
    _GRANTED,
    Guard(name="read_resource", check=authority.read_resource, codes=_RESOURCE_CODES),
    _ADDRESS,
    Guard(name="read_provenance", check=provenance.read_provenance, codes=_PROVENANCE_CODES),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Guards:
    """Both tables, as the gateway is given them. Neither may be empty."""

    write: tuple[Guard, ...]
    read: tuple[Guard, ...]

    def __post_init__(self) -> None:
        if not self.write or not self.read:
            raise ValueError("a table of guards without a guard would let everything through")

    def check_write(self, call: Call, context: GuardContext) -> Verdict:
        """Judge a write; never raises."""
        return walk(self.write, call, context)

    def check_read(self, call: Call, context: GuardContext) -> Verdict:
        """Judge a read; never raises."""
        return walk(self.read, call, context)


GUARDS: Final = Guards(write=WRITE, read=READ)


def walk(guards: tuple[Guard, ...], call: Call, context: GuardContext) -> Verdict:
    """Ask ``guards`` in order; the first refusal, or Allowed with the digest that may be sent."""
    for guard in guards:
        try:
            refusal = guard.check(call, context)
        except Exception as error:  # noqa: BLE001 - whatever goes wrong in a guard is a denial
            return _denied(guard, call, GUARD_ERROR, f"{type(error).__name__} in guard {guard.name}")
        if refusal is None:
            continue
        known = refusal.code in guard.codes
        return _denied(guard, call, refusal.code if known else GUARD_ERROR, refusal.message)
    return Allowed(digest=call.digest)


def _denied(guard: Guard, call: Call, code: str, message: str) -> Denied:
    try:
        digest = call.digest
    except (StateError, TypeError, ValueError, RecursionError):
        digest = ""
    return Denied(
        code=code, guard=guard.name, message=message[:500], digest=digest, passes=code in guard.passing
    )
