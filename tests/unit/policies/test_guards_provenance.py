"""Where arguments may come from: items, a condition just read, own answers; and what an undo may be."""

import json
from dataclasses import replace
from typing import Any

import pytest

from policies.contract import Dedupe, DedupeKind, Effect, StringSpec, ToolContract
from policies.guards import GUARDS, Allowed, Denied, GuardContext, confirmation_digest
from policies.plan import compile_plan
from policies.runbook import Bound, Runbook
from policies.value_spec import bound_fault
from state.outcome import Known, Outcome
from state.task import Attempt, Direction, Operation, Status
from tests import guard_kit as kit

TEXT = StringSpec(type="string")


def writes(name: str, **arguments: StringSpec) -> ToolContract:
    return ToolContract(
        name=name,
        effect=Effect.WRITE,
        arguments=arguments,
        result={"receipt": "string"},
        resource="scim:{app}/{id}",
        dedupe=Dedupe(kind=DedupeKind.CONDITIONAL_WRITE, condition="etag"),
        recorded=("receipt",),
        timeout_s=10.0,
    )


ADD = writes("scim.add", app=TEXT, id=TEXT, value=TEXT, etag=TEXT)
REMOVE = writes("scim.remove", app=TEXT, id=TEXT, receipt=TEXT, etag=TEXT)
READ = ToolContract(name="scim.has", effect=Effect.READ, arguments={"app": TEXT}, result={"etag": "string"})
ALL = (ADD, REMOVE, READ)
ITEM = {"app": "{inputs.app}", "id": "{account.id}", "value": "{item}", "etag": "{attempt.has.etag}"}
UNDO = {
    "app": "{inputs.app}",
    "id": "{account.id}",
    "receipt": "{result.receipt}",
    "etag": "{attempt.has.etag}",
}
RUN_KEY = f"{kit.RUN}/add[1]/1"


def book(with_: dict[str, str] = ITEM) -> Runbook:
    check = {"id": "added", "expect": "true"}
    return Runbook.model_validate_json(
        json.dumps(
            {
                **kit.RUNBOOK,
                "inputs": {"app": {"type": "string"}},
                "observe": {"has": {"tool": "scim.has", "with": {"app": "{inputs.app}"}}},
                "derive": {"add": {"expr": "[]", "bound": {"pattern": "[a-z]{1,9}"}}},
                "authority": {"tools": [c.name for c in ALL]},
                "steps": [
                    {
                        "id": "add",
                        "for_each": {"of": "derive.add", "min": 0, "max": 5},
                        "tool": "scim.add",
                        "with": with_,
                        "verify": [check],
                        "rollback": {"tool": "scim.remove", "with": UNDO, "verify": [check]},
                    }
                ],
            }
        )
    )


def situation(runbook: Runbook | None = None, **task: Any) -> GuardContext:
    runbook = runbook or book()
    handed = kit.entry(target="{inputs.app}/all", targets=["crm/all"], resources={"crm/all": ["scim:crm/*"]})
    approved = kit.policy(contracts=ALL, book=runbook, handed=handed)
    first = Operation(
        id="add[0]/1", step="add", item=0, ordinal=1, status=Status.CONFIRMED, known=Known.CONFIRMED
    )
    first = replace(first, attempts=(sent(1, "x"),), settled=Outcome.SUCCEEDED)
    fields = {
        "inputs": {"app": "crm"},
        "target": "crm/all",
        "pins": approved.pins,
        "bindings": {"account": {"id": "u-7"}},
        "derived": {"add": ["x", "y"]},
        "items": {"add": ("x", "y")},
        "resources": ("scim:crm/u-7",),
        "holds": ("scim:crm/u-7",),
        "operations": (first,),
        **task,
    }
    return kit.context(
        task=kit.task(**fields),
        contract=ADD,
        pinned=approved,
        present=approved,
        plan=compile_plan(runbook, {c.name: c for c in ALL}),
        op=kit.reference(op="add[1]/1", step="add", item=1),
        reads={"has": {"etag": "v2"}},
    )


def sent(number: int, value: str) -> Attempt:
    return Attempt(
        number=number, seq=number, at=kit.AT, epoch=1, send_by=kit.AT, span_ms=2000, tool="scim.add",
        resource="scim:crm/u-7", arguments=arguments(value=value), key=f"{kit.RUN}/add[0]/1", digest="",
        outcome=Outcome.SUCCEEDED, result={"receipt": "r-1"},
    )  # fmt: skip


def arguments(**changes: str) -> dict[str, str]:
    return {"app": "crm", "id": "u-7", "value": "y", "etag": "v2", **changes}


def judged(context: GuardContext, **changes: Any) -> str:
    fields = {
        "tool": "scim.add",
        "arguments": arguments(),
        "resource": "scim:crm/u-7",
        "key": RUN_KEY,
        **changes,
    }
    verdict = GUARDS.check_write(kit.call(**{"timeout_s": 10.0, **fields}), context)
    return "allowed" if isinstance(verdict, Allowed) else f"{verdict.guard}/{verdict.code}"


def undoing(**changes: Any) -> tuple[GuardContext, dict[str, Any]]:
    context = situation(direction=Direction.ROLLING_BACK)
    op = kit.reference(op="undo:add[0]/1/1", step="add", item=0, undoes="add[0]/1")
    call = {
        "tool": "scim.remove",
        "arguments": {"app": "crm", "id": "u-7", "receipt": "r-1", "etag": "v2"},
        "key": f"{kit.RUN}/undo:add[0]/1/1",
        **changes,
    }
    return replace(context, op=op, contract=REMOVE), call


def test_the_item_that_is_due_is_allowed() -> None:
    assert judged(situation()) == "allowed"


@pytest.mark.parametrize(
    "changed", [{"value": "x"}, {"value": "z"}, {"etag": "v1"}, {"app": "wiki"}, {"id": "u-8"}]
)
def test_anything_else_is_not(changed: dict[str, str]) -> None:
    assert judged(situation(), arguments=arguments(**changed)) != "allowed"


def test_another_item_is_not_due() -> None:
    context = replace(situation(), op=kit.reference(op="add[0]/2", step="add", item=0, ordinal=2))
    assert judged(context, key=f"{kit.RUN}/add[0]/2", arguments=arguments(value="x")) == "order/not_due"


def test_an_item_outside_its_bound_is_refused() -> None:
    context = situation(derived={"add": ["x", "ADMIN"]}, items={"add": ("x", "ADMIN")})
    assert judged(context, arguments=arguments(value="ADMIN")) == "bounded/out_of_bound"


def test_what_was_just_read_goes_into_the_condition_only() -> None:
    sly = {**ITEM, "value": "{attempt.has.etag}"}
    assert judged(situation(book(sly)), arguments=arguments(value="v2")) == "provenance/argument_untraceable"


@pytest.mark.parametrize("name", ["has.etag", "initial.has.etag", "history.runs"])
def test_no_argument_is_made_of_other_reads(name: str) -> None:
    facts = {"has": {"value": {"etag": "y"}, "at": kit.AT, "seq": 1, "source": "scim.has"}}
    context = situation(book({**ITEM, "value": f"{{{name}}}"}), facts=facts, initial={"has": {"etag": "y"}})
    assert judged(context) == "provenance/argument_untraceable"


def test_an_undo_is_made_of_this_runs_own_answer() -> None:
    context, call = undoing()
    assert judged(context, **call) == "allowed"


def test_an_undo_of_something_else_is_refused() -> None:
    context, call = undoing(arguments={"app": "crm", "id": "u-7", "receipt": "r-2", "etag": "v2"})
    assert judged(context, **call) == "provenance/argument_differs"


def test_nothing_goes_forward_while_rolling_back() -> None:
    assert judged(situation(direction=Direction.ROLLING_BACK)) == "order/not_due"


def test_nothing_is_undone_while_going_forward() -> None:
    context, call = undoing()
    assert (
        judged(replace(context, task=replace(context.task, direction=Direction.FORWARD)), **call)
        == "order/not_due"
    )


def test_an_undo_draws_on_no_deadline_and_no_forward_write() -> None:
    context, call = undoing()
    spent = replace(context, plan=replace(context.plan, writes=0))
    assert judged(kit.with_task(spent, deadline_ms=-1, cancel="enough"), **call) == "allowed"


def test_what_a_human_confirms_does_not_name_the_version() -> None:
    call = kit.call(tool="scim.add", arguments=arguments())
    moved = replace(call, arguments=arguments(etag="v3"))
    other = replace(call, arguments=arguments(value="z"))
    assert confirmation_digest(call, ADD) == confirmation_digest(moved, ADD)
    assert confirmation_digest(call, ADD) != confirmation_digest(other, ADD)


@pytest.mark.parametrize(
    ("bound", "value", "code"),
    [
        (Bound(pattern="[a-z]+"), "ab", None),
        (Bound(pattern="[a-z]+"), "ab\n", "argument_pattern"),
        (Bound(pattern=r"\d+"), "\u0665", "argument_pattern"),
        (Bound(pattern="[a-z]+"), 5, "argument_type"),
        (Bound(enum=("a",)), "b", "argument_enum"),
        (Bound(minimum=1, maximum=3), 3, None),
        (Bound(minimum=1, maximum=3), 0, "argument_range"),
        (Bound(maximum=3), True, "argument_type"),
        (Bound(maximum=3), "3", "argument_type"),
        (Bound(), ["anything"], None),
    ],
)
def test_bounds_convert_nothing(bound: Bound, value: Any, code: str | None) -> None:
    fault = bound_fault(bound, value)
    assert (fault.code if fault else None) == code


def test_a_denial_names_no_value() -> None:
    verdict = GUARDS.check_write(
        kit.call(
            tool="scim.add", arguments=arguments(value="p4ssw0rd"), resource="scim:crm/u-7", key=RUN_KEY
        ),
        situation(),
    )
    assert isinstance(verdict, Denied)
    assert "p4ssw0rd" not in verdict.message
