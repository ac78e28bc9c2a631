import sys
from typing import Annotated, Literal

import pytest
from pydantic import BaseModel

from policies.contract import Dedupe, DedupeKind, Effect, IntegerSpec, StringSpec
from state.outcome import Outcome
from tools.errors import DuplicateToolError, PermanentError, SetupError, TransientError, UnknownOutcomeError
from tools.port import Tool
from tools.python_tool import Between, Pattern, load_module_tools, tool
from tools.secrets import Secret


class Seats(BaseModel):
    seats: int
    plan: str
    note: str = ""


@tool(
    name="seats.grant",
    effect="write",
    result=Seats,
    resource="seats/{account}",
    dedupe="read_back",
    credentials={"executor": "seats_write"},
)
def grant(  # noqa: PLR0917  # arguments of a tool are given by name
    account: Annotated[str, Pattern("acc-[0-9]{1,9}", max_length=13)],
    count: Annotated[int, Between(1, 20)],
    plan: Literal["basic", "pro"],
    dry: bool,
    key: str,
    secret: Secret | None,
):
    """Grant seats."""
    answers = {
        "acc-1": TransientError("busy"),
        "acc-2": PermanentError("closed"),
        "acc-3": UnknownOutcomeError("lost"),
        "acc-4": RuntimeError(f"boom with {secret.reveal() if secret else ''}"),
        "acc-5": TimeoutError(),
    }
    if account in answers:
        raise answers[account]
    if account == "acc-6":
        return {"seats": "5", "plan": plan}
    if account == "acc-7":
        return None
    assert key == "r/s/1"
    return Seats(seats=count, plan=plan)


SEND = {"key": "r/s/1", "secret": Secret("seats_write", "value-of-it"), "timeout_s": 1.0}


def arguments(account):
    return {"account": account, "count": 5, "plan": "pro", "dry": False}


def test_the_contract_comes_from_the_signature():
    made = grant.__remit_tool__
    assert isinstance(made, Tool)
    assert list(made.contract.arguments) == ["account", "count", "plan", "dry"]
    assert made.contract.arguments["account"] == StringSpec(
        type="string", pattern="acc-[0-9]{1,9}", max_length=13
    )
    assert made.contract.arguments["count"] == IntegerSpec(type="integer", minimum=1, maximum=20)
    assert made.contract.arguments["plan"].enum == ("basic", "pro")
    assert made.contract.result == {"seats": "integer", "plan": "string", "note?": "string"}
    assert made.contract.effect is Effect.WRITE
    assert made.contract.dedupe.kind is DedupeKind.READ_BACK
    assert made.contract.source.startswith("sha256:")


@pytest.mark.parametrize(
    ("account", "outcome", "code"),
    [
        ("acc-9", Outcome.SUCCEEDED, "ok"),
        ("acc-1", Outcome.NOT_APPLIED, "transient"),
        ("acc-2", Outcome.REFUSED, "permanent"),
        ("acc-3", Outcome.UNKNOWN, "unknownoutcome"),
        ("acc-4", Outcome.UNKNOWN, "raised"),
        ("acc-5", Outcome.UNKNOWN, "raised"),
        ("acc-6", Outcome.UNKNOWN, "unreadable"),
        ("acc-7", Outcome.UNKNOWN, "unreadable"),
    ],
)
def test_what_it_raises_is_its_answer(account, outcome, code):
    reply = grant.__remit_tool__.send(arguments(account), **SEND)
    assert (reply.outcome, reply.code) == (outcome, code)
    assert "value-of-it" not in repr(reply)
    if outcome is Outcome.SUCCEEDED:
        assert reply.result == {"seats": 5, "plan": "pro", "note": ""}


def declare(function, **changes):
    return tool(**{"name": "a.b", "effect": "read", "result": {}, **changes})(function)


def no_type(a):
    pass


def a_default(a: int = 1):
    pass


def a_float(a: float):
    pass


def var(**a: int):
    pass


def bad_pattern(a: Annotated[str, Pattern("(")]):
    pass


def fine(a: int):
    pass


def wants_secret(secret: Secret):
    pass


@pytest.mark.parametrize(
    ("function", "changes"),
    [
        (no_type, {}),
        (a_default, {}),
        (a_float, {}),
        (var, {}),
        (bad_pattern, {}),
        (wants_secret, {}),
        (fine, {"name": "Bad Name"}),
        (fine, {"effect": "write"}),
        (
            fine,
            {
                "effect": "write",
                "resource": "x/{a}",
                "dedupe": Dedupe(kind=DedupeKind.NATIVE_KEY, window_s=60),
            },
        ),
        (fine, {"timeout_s": -1.0}),
        (fine, {"effect": "everything"}),
    ],
)
def test_a_declaration_that_cannot_be_kept_is_refused(function, changes):
    with pytest.raises(SetupError):
        declare(function, **changes)


MODULE = """
from tools.python_tool import tool

@tool(name="{name}", effect="read", result={{"n": "integer"}})
def look(a: int):
    return {{"n": a}}
"""


@pytest.fixture
def desk(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "path", list(sys.path))
    yield tmp_path
    for name in [n for n in sys.modules if n.startswith("desk_tools_")]:
        del sys.modules[name]


def test_modules_of_the_desk_are_loaded_and_bound_by_their_source(desk):
    (desk / "desk_tools_a.py").write_text(MODULE.format(name="one.look"))
    (made,) = load_module_tools(["desk_tools_a"], desk)
    assert made.send({"a": 4}, key="", secret=None, timeout_s=1).result == {"n": 4}
    before = made.contract.digest
    del sys.modules["desk_tools_a"]
    (desk / "desk_tools_a.py").write_text(MODULE.format(name="one.look") + "# another body\n")
    (again,) = load_module_tools(["desk_tools_a"], desk)
    assert again.contract.digest != before


def test_an_imported_tool_is_not_declared_twice(desk):
    (desk / "desk_tools_a.py").write_text(MODULE.format(name="one.look"))
    (desk / "desk_tools_b.py").write_text(
        "from desk_tools_a import look as other\n" + MODULE.format(name="two.look")
    )
    assert [t.contract.name for t in load_module_tools(["desk_tools_a", "desk_tools_b"], desk)] == [
        "one.look",
        "two.look",
    ]


def test_a_module_that_is_not_what_it_says_is_refused(desk):
    (desk / "desk_tools_empty.py").write_text("x = 1\n")
    (desk / "desk_tools_broken.py").write_text("raise RuntimeError('no')\n")
    (desk / "desk_tools_a.py").write_text(MODULE.format(name="one.look"))
    (desk / "desk_tools_b.py").write_text(MODULE.format(name="one.look"))
    for names in (["desk_tools_empty"], ["desk_tools_broken"], ["desk_tools_absent"]):
        with pytest.raises(SetupError):
            load_module_tools(names, desk)
    with pytest.raises(DuplicateToolError):
        load_module_tools(["desk_tools_a", "desk_tools_b"], desk)
