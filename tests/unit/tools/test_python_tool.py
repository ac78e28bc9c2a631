import hashlib
import importlib.util
import marshal
import struct
import sys
from pathlib import Path
from typing import Annotated, Literal

import pytest
from pydantic import BaseModel

from policies.contract import Dedupe, DedupeKind, Effect, IntegerSpec, StringSpec
from state.outcome import Outcome
from tools.desk_modules import DeskModules
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


HERE = "with open(__file__ + '.ran', 'a') as out:\n    out.write('x')\n"


@pytest.fixture
def desk(tmp_path):
    return tmp_path


def tools_of(desk, *names, only=None):
    return load_module_tools(DeskModules.read(names, desk), only)


def test_modules_of_the_desk_are_loaded_and_bound_by_their_source(desk):
    before_path = list(sys.path)
    (desk / "desk_tools_a.py").write_text(MODULE.format(name="one.look"))
    (made,) = tools_of(desk, "desk_tools_a")
    assert made.send({"a": 4}, key="", secret=None, timeout_s=1).result == {"n": 4}
    text = (desk / "desk_tools_a.py").read_bytes()
    assert made.contract.source == "sha256:" + hashlib.sha256(text).hexdigest()
    assert made.contract.connector == "desk_tools_a"
    (desk / "desk_tools_a.py").write_text(MODULE.format(name="one.look") + "# another body\n")
    (again,) = tools_of(desk, "desk_tools_a")
    assert again.contract.digest != made.contract.digest
    assert (sys.path, "desk_tools_a" in sys.modules) == (before_path, False)


def test_a_module_runs_once_for_the_same_bytes_whoever_imports_it(desk):
    (desk / "desk_tools_a.py").write_text(HERE + MODULE.format(name="one.look"))
    (desk / "desk_tools_b.py").write_text("import desk_tools_a\n" + MODULE.format(name="two.look"))
    for _ in range(2):
        assert len(tools_of(desk, "desk_tools_b", "desk_tools_a")) == 2
    assert (desk / "desk_tools_a.py.ran").read_text() == "x"


def test_no_compiled_file_is_executed_or_written(desk):
    source = desk / "desk_tools_a.py"
    source.write_text(MODULE.format(name="one.look"))
    stat = source.stat()
    compiled = Path(importlib.util.cache_from_source(str(source)))
    compiled.parent.mkdir()
    head = struct.pack("<III", 0, int(stat.st_mtime) & 0xFFFFFFFF, stat.st_size & 0xFFFFFFFF)
    code = compile(HERE + source.read_text(), str(source), "exec")
    poison = importlib.util.MAGIC_NUMBER + head + marshal.dumps(code)
    compiled.write_bytes(poison)
    (made,) = tools_of(desk, "desk_tools_a")
    assert made.send({"a": 4}, key="", secret=None, timeout_s=1).result == {"n": 4}
    assert not (desk / "desk_tools_a.py.ran").exists()
    assert [f.read_bytes() for f in compiled.parent.iterdir()] == [poison]


def test_the_bytes_that_run_are_those_that_were_read(desk):
    (desk / "desk_tools_a.py").write_text(MODULE.format(name="one.look"))
    modules = DeskModules.read(["desk_tools_a"], desk)
    (desk / "desk_tools_a.py").write_text(HERE + MODULE.format(name="another.look"))
    (made,) = load_module_tools(modules)
    assert (made.contract.name, made.contract.source) == ("one.look", modules.sources["desk_tools_a"].digest)
    assert not (desk / "desk_tools_a.py.ran").exists()


def test_a_listed_module_shadows_nothing(desk):
    (desk / "colorsys.py").write_text("from desk_tools_a import look\nMINE = True\n")
    (desk / "desk_tools_a.py").write_text(MODULE.format(name="one.look"))
    with pytest.raises(SetupError, match="declares no tool"):
        tools_of(desk, "colorsys", "desk_tools_a")
    assert not hasattr(importlib.import_module("colorsys"), "MINE")


def test_a_package_in_the_desk_takes_no_librarys_place(desk):
    (desk / "colorsys").mkdir()
    (desk / "colorsys" / "__init__.py").write_text("raise RuntimeError('shadowed')\n")
    (desk / "desk_tools_a.py").write_text("import colorsys\n" + MODULE.format(name="one.look"))
    assert len(tools_of(desk, "desk_tools_a")) == 1


def test_what_a_module_imports_is_bound_with_it_and_found_without_running_it(desk):
    (desk / "desk_tools_a.py").write_text(
        "def late():\n    import desk_part.one\n" + MODULE.format(name="one.look")
    )
    (desk / "desk_part").mkdir()
    (desk / "desk_part" / "one.py").write_text(HERE + "from . import two\n")
    (desk / "desk_part" / "two.py").write_text("from desk_tools_a import look\n")
    (desk / "desk_other.py").write_text("")
    listed = ("desk_tools_a", "desk_part.one", "desk_part.two", "desk_other", "desk_gone")
    modules = DeskModules.read(listed, desk)
    assert set(modules.closure("desk_tools_a")) == {"desk_tools_a", "desk_part.one", "desk_part.two"}
    assert modules.closure("desk_gone") == {"desk_gone": ""}
    assert not (desk / "desk_part" / "one.py.ran").exists()
    (made,) = load_module_tools(modules, ["desk_tools_a"])
    vars(sys.modules[made.function.__module__])["late"]()
    assert (desk / "desk_part" / "one.py.ran").exists()


@pytest.mark.parametrize(
    "line",
    ["import desk_help", "from desk_help import x", "import desk_kit.part", "from desk_kit import part"],
)
@pytest.mark.parametrize("on_path", [False, True])
def test_an_unlisted_file_of_the_desk_cannot_be_imported(desk, monkeypatch, line, on_path):
    (desk / "desk_kit").mkdir()
    for name in ("desk_help.py", "desk_kit/part.py", "desk_kit/__init__.py"):
        (desk / name).write_text(HERE + "x = 1\n")
    (desk / "desk_tools_a.py").write_text(line + "\n" + MODULE.format(name="one.look"))
    if on_path:
        monkeypatch.setattr(sys, "path", [str(desk), *sys.path])
    with pytest.raises(SetupError, match=r"stands in the desk, but tools\.modules does not list desk_"):
        tools_of(desk, "desk_tools_a")
    assert not list(desk.rglob("*.ran"))


def test_a_module_of_the_desk_is_imported_by_a_statement_or_not_at_all(desk):
    (desk / "desk_help.py").write_text(HERE)
    (desk / "desk_tools_a.py").write_text("__import__('desk_' + 'help')\n" + MODULE.format(name="one.look"))
    with pytest.raises(SetupError, match="plain import statement"):
        tools_of(desk, "desk_tools_a", "desk_help", only=["desk_tools_a"])
    assert not (desk / "desk_help.py.ran").exists()


def test_an_imported_tool_is_not_declared_twice(desk):
    (desk / "desk_tools_a.py").write_text(MODULE.format(name="one.look"))
    (desk / "desk_tools_b.py").write_text(
        "from desk_tools_a import look as other\n" + MODULE.format(name="two.look")
    )
    assert [t.contract.name for t in tools_of(desk, "desk_tools_a", "desk_tools_b")] == [
        "one.look",
        "two.look",
    ]


def test_a_module_that_is_not_what_it_says_is_refused(desk):
    (desk / "desk_tools_empty.py").write_text("x = 1\n")
    (desk / "desk_tools_broken.py").write_text("raise RuntimeError('no')\n")
    (desk / "desk_tools_leaves.py").write_text("raise SystemExit(0)\n")
    (desk / "desk_tools_odd.py").write_text("x = (\n")
    (desk / "desk_tools_a.py").write_text(MODULE.format(name="one.look"))
    (desk / "desk_tools_b.py").write_text(MODULE.format(name="one.look"))
    for name in ("empty", "broken", "leaves", "odd", "absent"):
        with pytest.raises(SetupError):
            tools_of(desk, f"desk_tools_{name}")
    with pytest.raises(DuplicateToolError):
        tools_of(desk, "desk_tools_a", "desk_tools_b")
