"""What the type of an expression is, and that what can never be known is told before anything is read."""

from datetime import UTC, datetime, timedelta

import pytest

from policies.cel_types import infer, kind
from policies.expressions import Truth, compile_expression

SHAPES = {
    "n": "integer",
    "t": "string",
    "b": "boolean",
    "list": ["integer"],
    "words": ["string"],
    "rows": [{"name": "string", "up": "boolean"}],
    "proc": {"state": "string", "pid?": "integer"},
    "thing": "any",
}
VALUES = {
    "n": 3,
    "t": "checkout",
    "b": True,
    "list": [1, 2],
    "words": ["x"],
    "rows": [{"name": "a", "up": True}],
    "proc": {"state": "RUNNING", "pid": 7},
    "thing": 1,
}
OF_KIND = {
    "integer": int,
    "string": str,
    "boolean": bool,
    "list": list,
    "timestamp": datetime,
    "duration": timedelta,
    "null": type(None),
}


def typed(text):
    return infer(compile_expression(text).node, SHAPES)


@pytest.mark.parametrize(
    ("text", "shape"),
    [
        ("n + 1", "integer"),
        ("-n % 2", "integer"),
        ('t + "!"', "string"),
        ("null", "null"),
        ("!b || n > 2 && t < 'z'", "boolean"),
        ("proc.state", "string"),
        ("proc['pid']", "integer"),
        ("thing.of.anything == 1", "boolean"),
        ("thing['x']", "any"),
        ("thing[0]", "any"),
        ("thing + 1", "any"),
        ("list[0]", "integer"),
        ("[1, 2]", ["integer"]),
        ("[1, 'x']", ["any"]),
        ("[]", ["any"]),
        ("list + [3]", ["integer"]),
        ("list + words", ["any"]),
        ("rows.filter(r, r.up)", [{"name": "string", "up": "boolean"}]),
        ("rows.all(r, r.up && r.name.startsWith('a'))", "boolean"),
        ("thing.exists(r, r.up)", "boolean"),
        ("size(t) + size(list) + size(proc) + size(thing)", "integer"),
        ("n in list && 'state' in proc && n in thing && thing in list", "boolean"),
        ("proc.pid == null || null == n || thing == t", "boolean"),
        ('timestamp(t) - timestamp("2026-11-23T21:08:40Z")', "duration"),
        ('timestamp("2026-11-23T21:08:40Z") - duration("1h")', "timestamp"),
        ('duration("1m") + timestamp("2026-11-23T21:08:40Z")', "timestamp"),
        ('duration("1m") + duration("1m") > duration("90s")', "boolean"),
    ],
)
def test_an_expression_has_a_type_and_nothing_is_found(text, shape):
    found = typed(text)
    assert (found.shape, found.findings) == (shape, ())
    value = compile_expression(text).value(VALUES)
    if value.known and kind(shape) != "any":
        assert isinstance(value.value, OF_KIND[kind(shape)])


@pytest.mark.parametrize(
    ("text", "code", "message"),
    [
        ("nobody == 1", "unknown_name", "nobody is not known here; known are b, list, n,"),
        ("proc.uptime == 1", "unknown_name", "there is no uptime; known are state, pid"),
        ("proc['uptime'] == 1", "unknown_name", "there is no uptime; known are state, pid"),
        ("n.name == 1", "unknown_name", "there is no name; integer has no fields"),
        ("n[0] == 1", "wrong_type", "integer has no item by integer"),
        ("thing[b] == 1", "wrong_type", "any has no item by boolean"),
        ("list['x'] == 1", "wrong_type", "list has no item by string"),
        ("!n", "wrong_type", "boolean is wanted and this is integer"),
        ("-t == 1", "wrong_type", "integer is wanted and this is string"),
        ("n && b", "wrong_type", "boolean is wanted and this is integer"),
        ("b || t", "wrong_type", "boolean is wanted and this is string"),
        ("n == t", "wrong_type", "integer is never compared with string"),
        ("list != proc", "wrong_type", "list is never compared with fields"),
        ("n < t", "wrong_type", "integer and string have no order"),
        ("list < list", "wrong_type", "list and list have no order"),
        ("n in t", "wrong_type", "nothing is in string"),
        ("t in list", "wrong_type", "string is never in a list of integer"),
        ("n in proc", "wrong_type", "integer is never in a list of string"),
        ("n + t == t", "wrong_type", "integer + string means nothing"),
        ("b * b == n", "wrong_type", "boolean * boolean means nothing"),
        ("size(n) == 1", "wrong_type", "integer has no size"),
        ("n.startsWith('x')", "wrong_type", "string is wanted and this is integer"),
        ("timestamp(n) == timestamp(t)", "wrong_type", "string is wanted and this is integer"),
        ("n.all(x, x > 1)", "wrong_type", "all needs a list and this is integer"),
        ("list.exists(x, x)", "wrong_type", "boolean is wanted and this is integer"),
    ],
)
def test_what_can_never_be_known_is_found_and_never_is(text, code, message):
    findings = typed(text).findings
    assert findings, "nothing was found"
    assert findings[0].code == code
    assert findings[0].message.startswith(message)
    assert 1 <= findings[0].column <= len(text)
    assert compile_expression(text).truth(VALUES).truth is Truth.UNKNOWN


def test_a_variable_of_a_macro_is_known_inside_it_alone():
    assert typed("list.all(x, x > 0) && words.all(x, x == 'x')").findings == ()
    (found,) = typed("list.all(x, x > 0) && x == 1").findings
    assert found.message.startswith("x is not known here")


def test_nothing_at_all_may_be_known():
    (found,) = infer(compile_expression("a == 1").node, {}).findings
    assert found.message == "a is not known here; known are no names"


# what an operator has no answer for is unknown, also where no type was told beforehand
@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("a == b", {"a": object(), "b": 1}),
        ("a in b", {"a": 1, "b": {"x": 1}}),
        ("a in b", {"a": 1, "b": 2}),
        ("a in b", {"a": object(), "b": []}),
        ("a / b == 1", {"a": 1, "b": 0}),
        ("a % b == 1", {"a": 1, "b": 0}),
        ("a + a == a", {"a": (1 << 53) - 1}),
        ("-a == a", {"a": "x"}),
        ("size(a) == 1", {"a": None}),
        ("timestamp(a) == timestamp(a)", {"a": "2026-13-23T21:08:40Z"}),
        ("timestamp(a) == timestamp(a)", {"a": "yesterday"}),
        ("duration(a) == duration(a)", {"a": "a while"}),
        ("duration(a) == duration(a)", {"a": "99999999999999h"}),
        ("a - duration('9000000h') == a", {"a": datetime(1, 1, 2, tzinfo=UTC)}),
    ],
)
def test_an_operator_without_an_answer_gives_none(text, values):
    answer = compile_expression(text).truth(values)
    assert answer.truth is Truth.UNKNOWN


def test_fields_are_equal_name_by_name():
    values = {"a": {"x": 1, "y": [1]}, "b": {"y": [1], "x": 1}, "c": {"x": 1, "y": [2]}}
    assert compile_expression("a == b && a != c && !(a == c)").truth(values).truth is Truth.TRUE


def test_a_duration_may_be_negative():
    text = "duration('-90s') + duration('1m30s') == duration('0s')"
    assert compile_expression(text).truth({}).truth is Truth.TRUE
