import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import celpy
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policies.cel_operators import MAX_ITEMS
from policies.errors import ExpressionError
from policies.expressions import Answer, Truth, compile_expression

VALUES = {
    "a": 1,
    "flag": True,
    "text": "checkout",
    "none": None,
    "half": 0.5,
    "list": [1, 2, 3],
    "words": ["x", "y"],
    "empty": [],
    "mixed": [1, "x"],
    "proc": {"state": "RUNNING", "pid": 7, "start": "2026-11-23T21:08:40Z"},
    "services": [{"name": "a", "up": True}, {"name": "b", "up": False}],
    "when": datetime(2026, 11, 23, tzinfo=UTC),
}


def truth(text, values=VALUES):
    return compile_expression(text).truth(values).truth


@pytest.mark.parametrize(
    "text",
    [
        "a == 1",
        "a != 2 && flag",
        "!(a > 1) || flag",
        'proc.state in ["RUNNING", "STARTING"]',
        'text.startsWith("check") && text.endsWith("out") && text.contains("eck")',
        "size(list) == 3 && size(text) == 8 && words.size() == 2",
        "list.filter(x, x > 1) == [2, 3]",
        "list.all(x, x > 0) && list.exists(x, x == 3)",
        'services.filter(s, s.up).all(s, s.name == "a")',
        "2 + 3 * 4 - 10 / 2 % 3 == 12",
        "-7 / 2 == -3 && -7 % 2 == -1",
        'timestamp(proc.start) - timestamp("2026-11-23T21:08:10Z") == duration("30s")',
        'timestamp(proc.start) < timestamp("2026-11-23T21:08:40.5+00:00")',
        "none == null && a != null",
        "list[0] == 1 && proc['pid'] == 7",
        r'"a\"b\\\n" == "a\"b\\\n" && size("a\"b\\\n") == 5',
        '"state" in proc && !("x" in proc)',
        "list + [4] == [1, 2, 3, 4] && text + \"!\" == 'checkout!'",
        "a - 1 == 0 && a -1 == 0",
        "[] == empty && !(1 in [])",
        "list.all(x, words.all(y, size(y) == 1 && x > 0))",
    ],
)
def test_holds(text):
    assert truth(text) is Truth.TRUE


@pytest.mark.parametrize(
    "text", ["a == 2", "!flag", "words == ['x']", "list.exists(x, x > 3)", "none != null"]
)
def test_does_not_hold(text):
    assert truth(text) is Truth.FALSE


# CEL says true or false to each of these. Here an error in any part leaves the whole unknown.
ABSORBED = [
    "bad || true",
    "true || bad",
    "bad && false",
    "false && bad",
    "!(flag && proc.missing)",
    "!(proc.missing && false)",
    "flag || proc.missing == 1",
    "list.exists(x, x == 1 || bad)",
    "list.exists(x, x == 1 || x / 0 == 1)",
    "list.all(x, x < 0 && bad)",
    "mixed.exists(x, x == 1)",
    "1 in mixed",
    '"x" in mixed',
    "[1, 'a'] == [2, 1]",
    "empty.all(x, bad)",
    "empty.all(x, x == 1 || proc.missing)",
    "empty.filter(x, bad.deep) == []",
    "empty.all(x, x == 1 || 1 / 0 == 1)",
    "list.all(y, empty.all(x, x == 1 || y / 0 == 1))",
    "empty.all(x, list.all(y, y == x || list[9] == 1))",
    "flag || half > 0",
    "flag || half in []",
    "flag || list[9] == 1",
    "flag || (1 / 0) == 1",
    "flag || text > 1",
    "flag || 9007199254740991 + 1 > 0",
    "flag || timestamp(text) == timestamp(text)",
    "flag || timestamp('2026-02-30T00:00:00Z') == timestamp('2026-01-01T00:00:00Z')",
    "flag || duration('x') == duration('1s')",
    "flag || a",
    "a == 1 || a",
]


@pytest.mark.parametrize("text", ABSORBED)
def test_an_error_anywhere_makes_all_of_it_unknown(text):
    answer = compile_expression(text).truth(VALUES)
    assert answer.truth is Truth.UNKNOWN
    assert answer.reason


@pytest.mark.parametrize("text", ["a", "text", "list", "none", "a + 1", "when", "half"])
def test_what_is_neither_true_nor_false_is_unknown(text):
    assert truth(text) is Truth.UNKNOWN


@pytest.mark.parametrize("text", ["a == '1'", "flag == 1", "text != 1", "list == proc", "a == flag"])
def test_values_of_different_kinds_are_neither_equal_nor_unequal(text):
    assert truth(text) is Truth.UNKNOWN


def test_all_of_an_empty_list_is_true_once_what_else_it_names_is_known():
    assert truth("empty.all(x, x == a)") is Truth.TRUE
    assert truth("empty.exists(x, x == a)") is Truth.FALSE
    assert truth("empty.all(x, x == unread.field)") is Truth.UNKNOWN
    assert truth("size(empty) > 0 && empty.all(x, x == a)") is Truth.FALSE


def test_an_answer_is_no_boolean():
    with pytest.raises(TypeError):
        bool(Answer(truth=Truth.FALSE))


def test_the_reason_says_where():
    answer = compile_expression("flag && proc.missing").truth(VALUES)
    assert answer.reason == "there is no missing (column 14)"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("words.filter(w, w != 'x')", ["y"]),
        ("a + 1", 2),
        ("proc.state", "RUNNING"),
        ("none", None),
        ("services", VALUES["services"]),
        ("flag && true", True),
    ],
)
def test_a_value_is_plain_json(text, value):
    found = compile_expression(text).value(VALUES)
    assert found.known
    assert found.value == value


def test_a_value_is_a_copy():
    found = compile_expression("services").value(VALUES)
    found.value[0]["name"] = "changed"
    assert VALUES["services"][0]["name"] == "a"


@pytest.mark.parametrize("text", ["half", "[half]", "when", "when - when", "bad", "list[7]", "big"])
def test_a_value_that_no_entry_can_hold_is_not_known(text):
    found = compile_expression(text).value({**VALUES, "big": 2**53})
    assert not found.known
    assert found.value is None
    assert found.reason


@pytest.mark.parametrize(
    ("text", "column"),
    [
        ("", 1),
        ("a ==", 3),
        ("a == == 1", 6),
        ("has(a.b)", 1),
        ("flag && text.matches('x')", 14),
        ("a ? 1 : 2", 1),
        ("{'a': 1}", 1),
        ("1.5 > a", 1),
        ("b'x' == b'x'", 1),
        ("r'x' == text", 1),
        ("1u == a", 1),
        ("0x10 == a", 1),
        ("list.map(x, x)", 6),
        ("list.exists_one(x, x == 1)", 6),
        ("list.all(x)", 6),
        ("list.all(1, true)", 6),
        ("size()", 1),
        ("size(a, a)", 1),
        ("now() > a", 1),
        ("proc.getFullYear()", 6),
        (".a == 1", 1),
        ("a // comment", 3),
        ("type(a) == int", 1),
        (r'"\q" == text', 2),
        ("99999999999999999 == a", 1),
        ("a" * 2001, 1),
        ("!" * 200 + "flag", 66),
    ],
)
def test_outside_the_subset_is_refused_with_its_column(text, column):
    with pytest.raises(ExpressionError) as caught:
        compile_expression(text)
    assert caught.value.column == column


def test_names_are_paths_with_columns():
    expression = compile_expression(
        "svc.deps.filter(d, d.up).all(e, e.name in has['x'].list) && size(inputs.a) > k[0].z"
    )
    assert [(n.path, n.column) for n in expression.names()] == [
        ("svc.deps", 1),
        ("svc.deps[].up", 20),
        ("svc.deps[].name", 33),
        ("has.x.list", 43),
        ("inputs.a", 66),
        ("k[].z", 78),
    ]


@pytest.mark.parametrize(
    "text",
    [
        "rows.all(x, x in rows)",
        "rows.all(x, rows == rows)",
        "numbers.all(x, !(x in negatives))",
        "numbers.all(x, size(numbers + numbers) > 0)",
        "numbers.all(x, long.contains(long))",
        'numbers.all(x, long + "x" != "")',
    ],
)
def test_what_an_operator_compares_or_copies_counts_as_steps(text):
    values = {
        "rows": [{"n": n} for n in range(1_000)],
        "numbers": list(range(5_000)),
        "negatives": list(range(-MAX_ITEMS, 0)),
        "long": "x" * 60_000,
    }
    answer = compile_expression(text).truth(values)
    assert (answer.truth, "steps" in answer.reason) == (Truth.UNKNOWN, True), answer


def test_lists_as_long_as_those_of_real_targets_are_compared():
    have, want = [f"group-{n}" for n in range(1_000)], [f"group-{n}" for n in range(500, 1_500)]
    found = compile_expression("size(want.filter(e, !(e in have)))").value({"have": have, "want": want})
    assert found.value == 500
    assert truth("1 in [true]") is Truth.UNKNOWN
    assert truth('"x" in [null, "x"]') is Truth.TRUE
    assert truth("true in [false, null]") is Truth.FALSE


def test_evaluation_is_bounded():
    values = {"list": list(range(MAX_ITEMS))}
    nested = "list.all(x, list.all(y, x >= 0))"
    answer = compile_expression(nested).truth(values)
    assert answer.truth is Truth.UNKNOWN
    assert "steps" in answer.reason
    assert truth("list + list == list", values) is Truth.UNKNOWN
    assert truth('text + text != ""', {"text": "x" * 60_000}) is Truth.UNKNOWN


def test_a_value_that_breaks_on_use_is_unknown():
    class Hostile(dict):
        def __contains__(self, key):
            raise RuntimeError("no")

    assert truth("flag || proc.state == 'x'", {"flag": True, "proc": Hostile()}) is Truth.UNKNOWN


def test_threads_share_an_expression_and_nothing_else():
    text = "items.all(x, x == own) && (own == 0 || own > 0) && items.filter(x, x == own) == items"
    start = threading.Barrier(8)

    def work(own):
        start.wait()
        compile_expression.cache_clear()
        good, bad = {"items": [own] * 20, "own": own}, {"items": [own, "x"], "own": own}
        return all(
            truth(text, good) is Truth.TRUE and truth("true || " + text, bad) is Truth.UNKNOWN
            for _ in range(100)
        )

    with ThreadPoolExecutor(max_workers=8) as pool:
        assert all(pool.map(work, range(8)))


LEAVES = st.sampled_from(["true", "false", "flag", "a == 1", "text == 'x'", "size(list) > 2", "1 in list"])


def combine(children):
    pair = st.tuples(children, st.sampled_from(["&&", "||", "==", "!="]), children)
    return (
        pair.map(lambda p: f"(({p[0]}) {p[1]} ({p[2]}))")
        | children.map(lambda c: f"!({c})")
        | children.map(lambda c: f"list.all(x, {c})")
        | children.map(lambda c: f"words.exists(w, {c})")
    )


SOUND = st.recursive(LEAVES, combine, max_leaves=8)
ERRORS = [
    "bad",
    "proc.missing",
    "1 / 0 == 1",
    "half > 0",
    "list[9] == 1",
    "a == 'x'",
    "text",
    "duration('x') == 1",
]


@given(SOUND)
def test_an_expression_without_an_error_is_true_or_false(text):
    assert truth(text) is not Truth.UNKNOWN


@given(st.data())
def test_an_expression_with_an_error_anywhere_is_unknown(data):
    bad = data.draw(st.sampled_from(ERRORS))
    text = f"({bad})"
    for _ in range(data.draw(st.integers(min_value=1, max_value=5))):
        other, operator = data.draw(SOUND), data.draw(st.sampled_from(["&&", "||"]))
        text = f"({text} {operator} {other})" if data.draw(st.booleans()) else f"({other} {operator} {text})"
        text = data.draw(
            st.sampled_from([text, f"!{text}", f"list.exists(x, {text})", f"empty.all(x, {text})"])
        )
    assert truth(text) is Truth.UNKNOWN


@pytest.fixture(scope="module")
def reference():
    limit = sys.getrecursionlimit()
    environment = celpy.Environment()  # raises the limit for all of the process
    sys.setrecursionlimit(limit)
    known = {k: celpy.json_to_cel(VALUES[k]) for k in ("a", "flag", "text", "list", "words")}
    return lambda text: bool(environment.program(environment.compile(text)).evaluate(known))


@settings(max_examples=60)
@given(SOUND)
def test_where_cel_python_has_an_answer_it_is_ours(reference, text):
    assert reference(text) is (truth(text) is Truth.TRUE)
