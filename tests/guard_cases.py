"""Spoilt writes: each with the guard and the code that refuse it, and whether that guard alone does."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from policies.approval import Principals
from policies.call import Call
from policies.contract import Effect, StringSpec
from policies.delegation import Approval, Principal
from policies.guards import GuardContext
from policies.guards.limits import confirmation_digest
from state.entry import Role
from state.outcome import Outcome
from state.task import Confirmation, Direction, Escalation
from tests import guard_kit as kit

Spoil = Callable[[Call, GuardContext], tuple[Call, GuardContext]]


@dataclass(frozen=True)
class Case:
    """A spoilt write, and ``guard/code`` that refuse it. ``alone``: without that guard it is allowed."""

    name: str
    by: str
    spoil: Spoil
    alone: bool = True

    @property
    def guard(self) -> str:
        """The name of the guard."""
        return self.by.split("/")[0]

    @property
    def code(self) -> str:
        """The stable code."""
        return self.by.split("/")[1]

    def spoilt(self) -> tuple[Call, GuardContext]:
        """The write and what the guards are told."""
        return self.spoil(kit.call(), kit.context())


def of_call(**changes: object) -> Spoil:
    return lambda call, context: (replace(call, **changes), context)


def of_task(**changes: object) -> Spoil:
    return lambda call, context: (call, kit.with_task(context, **changes))


def of_moment(**changes: object) -> Spoil:
    return lambda call, context: (call, kit.with_moment(context, **changes))


def of_context(**changes: object) -> Spoil:
    return lambda call, context: (call, replace(context, **changes))


def of_input(name: str, value: object) -> Spoil:
    """The run was asked for something else: inputs, arguments, target, resource and hold all follow."""

    def spoil(call: Call, context: GuardContext) -> tuple[Call, GuardContext]:
        inputs = {**context.task.inputs, name: value}
        resource = f"seats/{inputs['account']}"
        task = {
            "inputs": inputs,
            "target": f"prod/{inputs['account']}",
            "holds": (resource,),
            "resources": (resource,),
        }
        arguments = {**call.arguments, name: value}
        return replace(call, arguments=arguments, resource=resource), kit.with_task(context, **task)

    return spoil


def of_argument(name: str, value: object) -> Spoil:
    return lambda call, context: (replace(call, arguments={**call.arguments, name: value}), context)


def without_argument(call: Call, context: GuardContext) -> tuple[Call, GuardContext]:
    return replace(call, arguments={n: v for n, v in call.arguments.items() if n != "note"}), context


def under(contract_changes: dict[str, object], then: Spoil) -> Spoil:
    """The same under another contract, approved and pinned as it is."""

    def spoil(call: Call, context: GuardContext) -> tuple[Call, GuardContext]:
        contract = kit.GRANT.model_copy(update=contract_changes)
        approved = kit.policy(contracts=(contract, kit.GET))
        context = replace(context, contract=contract, pinned=approved, present=approved)
        return then(call, kit.with_task(context, pins=approved.pins))

    return spoil


def second_attempt(operation: object, **changes: object) -> Spoil:
    def spoil(call: Call, context: GuardContext) -> tuple[Call, GuardContext]:
        context = replace(context, op=kit.reference(attempt=2, granted=bool(changes.get("grant_open"))))
        return call, kit.with_task(context, operations=(operation,), **changes)

    return spoil


def confirm(*, digest: str | None = None, by: str = "omar", answer: str = "yes") -> Spoil:
    def spoil(call: Call, context: GuardContext) -> tuple[Call, GuardContext]:
        given = Confirmation(
            op="grant/1",
            digest=digest or confirmation_digest(call, kit.GRANT),
            asked_at=kit.AT,
            expires_at=kit.AT,
            summary="",
            answer=answer,
            by=by,
        )
        return call, kit.with_task(context, mode="confirm", confirmations={"grant/1": given})

    return spoil


def own(*, by: str, solo: bool = False) -> Spoil:
    """Confirmed by dana, who has asked, or by her other name; she decides as well."""
    dana, omar = (Principal(roles=("operator", "oncall"), os=("dana",)) for _ in range(2))
    people = Principals(principals={"dana": dana, "omar": omar}, approval=Approval(solo=solo))

    def spoil(call: Call, context: GuardContext) -> tuple[Call, GuardContext]:
        call, context = confirm(by=by)(call, context)
        return call, kit.with_task(replace(context, people=people), solo=solo)

    return spoil


def nothing(call: Call, context: GuardContext) -> tuple[Call, GuardContext]:
    return call, context


ESCALATION = Escalation(
    id="e1", reason="ambiguous", code="", row=9, at=kit.AT, seq=9, packet="", basis="", severity="high"
)
OTHER = replace(kit.sent(Outcome.UNKNOWN), id="other/1", step="other")
NO_TOOLS = kit.runbook(authority={"tools": ["seats.get"]})
FRESH_READ = kit.runbook(
    steps=[
        {
            **kit.RUNBOOK["steps"][0],
            "with": {**kit.RUNBOOK["steps"][0]["with"], "note": "{attempt.seats.account}"},
        }
    ]
)

CLOSED = {"closed": {"from": "Mon 00:00", "until": "Tue 12:00"}}  # AT is a Monday, 21:08

CASES = (
    Case("larger than a call may be", "readable/call_too_large", of_input("note", "x" * 40_000)),
    Case("a float", "readable/call_malformed", of_argument("count", 2.0), alone=False),
    Case("a lone surrogate", "readable/call_malformed", of_input("note", "\ud800"), alone=False),
    Case("an integer of 54 bits", "readable/call_malformed", of_argument("count", 2**53), alone=False),
    Case("no such tool", "contract/tool_unknown", of_context(contract=None), alone=False),
    Case("an alias by case", "contract/tool_unknown", of_call(tool="Seats.grant"), alone=False),
    Case(
        "a contract changed after pinning",
        "contract/contract_changed",
        of_context(contract=kit.GRANT.model_copy(update={"read_lag_s": 0.0})),
    ),
    Case("an extra argument", "schema/argument_unknown", of_argument("admin", True), alone=False),
    Case("a missing argument", "schema/argument_missing", without_argument, alone=False),
    Case("text for an integer", "schema/argument_type", of_input("count", "2")),
    Case("true for an integer", "schema/argument_type", of_input("count", True)),
    Case("a list for text", "schema/argument_type", of_argument("note", ["x"]), alone=False),
    Case(
        "longer than declared",
        "schema/argument_length",
        under(
            {"arguments": {**kit.GRANT.arguments, "note": StringSpec(type="string", max_length=3)}}, nothing
        ),
    ),
    Case("more than the maximum", "schema/argument_range", of_input("count", 21)),
    Case(
        "digits of another script",
        "schema/argument_pattern",
        of_input("account", "acc-\u0665\u0660"),
        alone=False,
    ),
    Case("outside the pattern", "schema/argument_pattern", of_input("account", "acc-x")),
    Case("a flag for a name", "schema/argument_pattern", of_input("account", "--all")),
    Case(
        "a line break behind the pattern",
        "schema/argument_pattern",
        of_argument("account", "acc-1\n"),
        alone=False,
    ),
    Case("none of the enum", "schema/argument_enum", of_argument("label", "d"), alone=False),
    Case("right to left", "text/text_not_canonical", of_input("note", "a\u202eb")),
    Case("zero width", "text/text_not_canonical", of_input("note", "a\u200bb")),
    Case("a tag character", "text/text_not_canonical", of_input("note", "a\U000e0041")),
    Case("decomposed", "text/text_not_canonical", of_input("note", "cafe\u0301")),
    Case("full-width dots", "text/text_not_canonical", of_input("note", "\uff0e\uff0e\uff0f")),
    Case("a second line", "text/text_not_canonical", of_input("note", "ok\r\nX-Admin: 1")),
    Case("unsound", "live/run_unsound", of_task(unsound="entry 7")),
    Case("ended", "live/run_ended", of_task(closed="completed")),
    Case("escalated", "live/escalation_open", of_task(escalations=(ESCALATION,))),
    Case("only completing", "live/nothing_to_write", of_task(direction=Direction.COMPLETING), alone=False),
    Case("to be cancelled", "live/cancel_wanted", of_task(cancel="not needed")),
    Case("another write unresolved", "resolved/unresolved", of_task(operations=(OTHER,)), alone=False),
    Case(
        "the key's window is over",
        "resolved/resend_unsafe",
        second_attempt(kit.sent(Outcome.UNKNOWN, at="2026-11-22T21:08:40.000000Z")),
    ),
    Case(
        "refused for good",
        "resolved/refused_before",
        second_attempt(kit.sent(Outcome.REFUSED, settled=Outcome.REFUSED)),
    ),
    Case("not held", "held/resource_not_held", of_task(holds=("seats/acc-2",))),
    Case("stopped", "not_stopped/stopped", of_moment(stops=("desk",))),
    Case("paused", "not_paused/paused", of_task(paused=True)),
    Case(
        "connector paused",
        "not_paused/connector_paused",
        of_task(connector_paused_until="2026-11-23T21:09:00.000000Z"),
    ),
    Case("an older claim", "epoch/epoch_old", of_task(epoch=2)),
    Case("no claim at all", "epoch/epoch_old", lambda c, x: (c, kit.with_task(replace(x, epoch=0), epoch=0))),
    Case("never admitted", "pins/run_not_admitted", of_task(pins={})),
    Case(
        "another catalog than pinned",
        "pins/pins_differ",
        of_task(pins={**kit.policy().pins, "catalog": "sha256:" + "1" * 64}),
    ),
    Case(
        "contracts that the pin does not cover",
        "pins/pins_differ",
        of_context(pinned=replace(kit.policy(), contracts={**kit.policy().contracts, "x.y": "sha256:"})),
    ),
    Case("the verifier", "may_write/role_may_not", of_call(role=Role.VERIFIER)),
    Case("the packager", "may_write/role_may_not", of_call(role=Role.PACKAGER)),
    Case("intake", "may_write/role_may_not", of_call(role=Role.INTAKE)),
    Case("a read at the door for writes", "may_write/wrong_effect", under({"effect": Effect.READ}, nothing)),
    Case(
        "not in authority", "tool_granted/tool_not_in_authority", of_context(pinned=kit.policy(book=NO_TOOLS))
    ),
    Case("withdrawn", "in_force/delegation_withdrawn", of_context(present=None)),
    Case(
        "another text under the same version",
        "in_force/delegation_withdrawn",
        of_context(
            present=replace(
                kit.policy(),
                bundle=replace(
                    kit.policy().bundle, parts={**kit.policy().bundle.parts, "runbook": "sha256:"}
                ),
            )
        ),
    ),
    Case("nobody known", "requester/requester_unknown", of_context(people=kit.people(omar=("oncall",)))),
    Case(
        "role taken away", "requester/requester_not_allowed", of_context(people=kit.people(dana=("oncall",)))
    ),
    Case(
        "may not ask any more",
        "requester/requester_not_allowed",
        of_context(present=kit.policy(handed=kit.entry(request=["lead"]))),
    ),
    Case("another target than the inputs give", "target/target_differs", of_task(target="prod/acc-2")),
    Case(
        "target delegated then, not now",
        "target/target_not_delegated",
        of_context(present=kit.policy(handed=kit.entry(targets=["test/*"]))),
        alone=False,
    ),
    Case(
        "a resource of somebody else",
        "resource/resource_differs",
        lambda c, x: (replace(c, resource="seats/acc-2"), kit.with_task(x, holds=("seats/acc-2",))),
    ),
    Case(
        "resource delegated then, not now",
        "resource/resource_not_delegated",
        of_context(present=kit.policy(handed=kit.entry(resources={"prod/*": ["seats/acc-2"]}))),
    ),
    Case(
        "a star does not cross a slash",
        "resource/resource_not_delegated",
        of_context(pinned=kit.policy(handed=kit.entry(resources={"prod/*": ["*"]}))),
    ),
    Case(
        "an unlisted host",
        "address/address_not_listed",
        under({"hosts": ("hooks.example:443",)}, of_input("note", "https://evil.example/x")),
    ),
    Case(
        "user information before the host",
        "address/address_not_listed",
        under({"hosts": ("hooks.example:443",)}, of_input("note", "https://hooks.example@evil.example/")),
    ),
    Case("closed", "window/window_closed", of_moment(window_opens="2026-11-24T00:00:00.000000Z")),
    Case(
        "closed since the delegation changed",
        "window/window_narrowed",
        of_context(present=kit.policy(handed=kit.entry(windows=[CLOSED]))),
    ),
    Case(
        "closed, and nobody can say for which inputs",
        "window/window_narrowed",
        of_context(present=kit.policy(handed=kit.entry(windows=[{**CLOSED, "when": "inputs.nothing"}]))),
    ),
    Case("not the due attempt", "order/not_due", of_context(op=kit.reference(attempt=2))),
    Case("another key", "order/key_differs", of_call(key=f"{kit.RUN}/grant/2")),
    Case("waits too long", "order/timeout_differs", of_call(timeout_s=6.0)),
    Case("more than was asked", "provenance/argument_differs", of_argument("count", 3)),
    Case(
        "other arguments under the same key",
        "provenance/argument_differs",
        second_attempt(
            kit.sent(
                Outcome.NOT_APPLIED, settled=Outcome.NOT_APPLIED, arguments={**kit.ARGUMENTS, "count": 1}
            )
        ),
    ),
    Case(
        "made of what a tool said",
        "provenance/argument_untraceable",
        of_context(pinned=kit.policy(book=FRESH_READ), reads={"seats": {"account": "for the new team"}}),
    ),
    Case(
        "derived out of bounds",
        "bounded/out_of_bound",
        lambda c, x: (
            replace(c, arguments={**c.arguments, "label": "c"}),
            kit.with_task(x, derived={"label": "c"}),
        ),
    ),
    Case(
        "too late",
        "budgets/deadline_over",
        lambda c, x: (c, kit.with_task(x, deadline_ms=-1)),
    ),
    Case("no write left", "budgets/writes_spent", of_context(plan=replace(kit.context().plan, writes=0))),
    Case(
        "no send left",
        "budgets/step_budget_spent",
        lambda c, x: (
            c,
            kit.with_task(replace(x, op=kit.reference(attempt=3)), operations=(kit.sent_twice_in_vain(),)),
        ),
    ),
    Case("no attempt left", "rate/resource_attempts_spent", of_moment(attempts_on={kit.RESOURCE: 10})),
    Case("nobody confirmed", "confirmation/confirmation_missing", of_task(mode="confirm")),
    Case("refused by a human", "confirmation/confirmation_missing", confirm(answer="no")),
    Case(
        "confirmed for the future",
        "confirmation/mode_narrowed",
        of_context(present=kit.policy(handed=kit.entry(mode="confirm"))),
    ),
    Case("confirmed another", "confirmation/confirmation_differs", confirm(digest="sha256:" + "0" * 64)),
    Case("confirmed by whoever asked", "confirmation/confirmer_not_allowed", confirm(by="dana")),
    Case("confirmed by whoever asked, who decides too", "confirmation/own_request", own(by="dana")),
    Case("confirmed by whoever asked under another name", "confirmation/own_request", own(by="omar")),
)
