"""What Python and its libraries do that nobody would guess, and that nothing here relies on."""

import ast
import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from policies.contract import Answers, Dedupe
from policies.delegation import matches
from policies.expressions import Truth, compile_expression
from policies.text import flaw
from policies.value_spec import full_match
from state import canonical
from state.errors import CanonicalError
from state.ledger.derived import instant
from tests.attacks.kit import lines
from tools.errors import SecretError
from tools.secrets import SecretRef

ROOT = Path(__file__).resolve().parents[2]
ROOMS = ("state", "policies", "tools", "agents", "graph", "remit")


def calls() -> list[tuple[Path, ast.Call]]:
    """Every call in the code that is shipped."""
    found = []
    for room in ROOMS:
        for module in sorted((ROOT / room).rglob("*.py")):
            tree = ast.parse(module.read_text(encoding="utf-8"))
            found += [(module, node) for node in ast.walk(tree) if isinstance(node, ast.Call)]
    return found


@lines(["json-loads"])
@pytest.mark.parametrize("text", ['{"a":1,"a":2}', '{"a":NaN}', '{"a":Infinity}', '{"a":1.0}', '{"a":1e3}'])
def test_a_body_that_python_would_take_is_none(line: str, text: str) -> None:
    assert line
    json.loads(text)
    with pytest.raises(CanonicalError):
        canonical.loads(text)


@lines(["lax-pydantic"])
@pytest.mark.parametrize(
    ("model", "text"),
    [
        (Answers, '{"succeeded": ["200"]}'),
        (Answers, '{"succeeded": [true]}'),
        (Answers, '{"succeeded": [1e3]}'),
        (Answers, '{"succeeded": [200], "admin": true}'),
        (Dedupe, '{"kind": "native_key", "window_s": "5 "}'),
    ],
)
def test_a_record_converts_nothing_and_drops_nothing(line: str, model: Any, text: str) -> None:
    assert line
    with pytest.raises(ValidationError):
        model.model_validate_json(text)


@lines(["patterns"])
def test_a_pattern_is_of_the_whole_text_and_of_ascii(line: str) -> None:
    assert line
    for pattern, text in (("^a$", "a\n"), (r"\d+", "\u0665\u0660"), ("a", "ab"), (r"\w+", "\u00e9")):
        assert not full_match(pattern, text)


@lines(["empty-all"])
def test_all_of_nothing_is_true_and_of_the_unknown_is_unknown(line: str) -> None:
    assert line
    every = compile_expression("xs.all(x, x > 1)")
    assert every.truth({"xs": []}).truth is Truth.TRUE  # as CEL has it: for_each refuses an empty list
    assert every.truth({}).truth is Truth.UNKNOWN
    assert compile_expression("size(xs) > 0 && xs.all(x, x > 1)").truth({"xs": []}).truth is Truth.FALSE


@lines(["iso-strings"])
def test_instants_of_every_width_are_ordered(line: str) -> None:
    assert line
    texts = ["2026-11-23T21:08:40Z", "2026-11-23T21:08:40.5Z", "2026-11-23T21:08:40.250000+00:00"]
    assert sorted(texts) != [texts[0], texts[2], texts[1]]
    assert sorted(texts, key=instant) == [texts[0], texts[2], texts[1]]


@lines(["fnmatch"])
def test_a_star_stays_within_its_segment(line: str) -> None:
    assert line
    assert matches("seats/*", "seats/acc-1")
    for text in ("seats/acc-1/x", "seats/", "seats", "seats/../x", "SEATS/acc-1"):
        assert not matches("seats/*", text)
    assert not any(
        isinstance(node.func, ast.Attribute) and node.func.attr == "fnmatch" for _, node in calls()
    )


@lines(["path-join"])
@pytest.mark.parametrize("name", ["/etc/passwd", "../x", "a/b", "..", "", "a\0b", "A"])
def test_a_name_is_no_path(line: str, name: str) -> None:
    assert line
    with pytest.raises(SecretError):
        SecretRef(name)


@lines(["nfkc"])
def test_nothing_is_normalised_behind_a_check(line: str) -> None:
    assert line
    where = {m.relative_to(ROOT) for m, n in calls() if isinstance(n.func, ast.Attribute)
             and n.func.attr == "normalize"}  # fmt: skip
    assert where == {Path("policies/text.py")}
    assert flaw("\uff0e\uff0e\uff0fetc") is not None


@lines(["str-format"])
def test_no_text_from_outside_is_a_form(line: str) -> None:
    assert line
    formats = [
        module.relative_to(ROOT)
        for module, node in calls()
        if isinstance(node.func, ast.Attribute)
        and node.func.attr in ("format", "format_map")
        and not (isinstance(node.func.value, ast.Call) and getattr(node.func.value.func, "id", "") == "super")
    ]
    forms_of_tables = {
        "state/trace.py", "state/packet/top.py", "policies/explain.py", "remit/planning.py",
        "policies/proof/report.py", "state/ledger/sql/postgres_schema.py",
    }  # fmt: skip
    assert {str(module) for module in formats} <= forms_of_tables  # their forms are literals of the file


@lines(["deep-json"])
def test_depth_is_an_error_of_the_room(line: str) -> None:
    assert line
    with pytest.raises(CanonicalError):
        canonical.loads("[" * 100_000 + "]" * 100_000)
    deep: Any = []
    for _ in range(100_000):
        deep = [deep]
    with pytest.raises(CanonicalError):
        canonical.dumps(deep)


@lines(["rfc-8785"])
@pytest.mark.parametrize("value", [2**53, 1.0, float("nan"), "\ud800", {"\u00e9": 1}, b"x"])
def test_what_has_no_one_form_is_no_body(line: str, value: Any) -> None:
    assert line
    with pytest.raises(CanonicalError):
        canonical.dumps(value)
