import pytest

from policies.errors import LoadError
from policies.yaml_tree import MAX_BYTES, read


def problems(content):
    with pytest.raises(LoadError) as caught:
        read(content if isinstance(content, bytes) else content.encode(), "f.yaml")
    return caught.value.problems


def test_values_are_plain_and_know_where_they_stood():
    document = read(b"a: 'x'\nb:\n  - c: 1\n    d: true\n  - ~\n", "f.yaml")
    assert document.value == {"a": "x", "b": [{"c": 1, "d": True}, None]}
    assert str(document.problem(("b", 0, "d"), "no", "c")) == "f.yaml:4:8 b.0.d: no [c]"
    assert str(document.problem(("b", 0, "d"), "no", "c", key=True)) == "f.yaml:4:5 b.0.d: no [c]"
    assert str(document.problem(("a",), "no", "c", column=1)) == "f.yaml:1:5 a: no [c]"
    assert str(document.problem(("b", 0, "gone", 3), "no", "c")) == "f.yaml:3:5 b.0.gone.3: no [c]"


def test_on_and_off_and_yes_and_no_are_text():
    assert read(b"a: [on, off, yes, no, y, n, On, TRUE, True]", "f").value == {
        "a": ["on", "off", "yes", "no", "y", "n", "On", "TRUE", "True"]
    }


@pytest.mark.parametrize(
    "number",
    [
        "1.0",
        "1e3",
        ".5",
        ".nan",
        ".NaN",
        ".inf",
        "-.inf",
        "0x10",
        "0o7",
        "012",
        "+5",
        "1_000",
        "-0",
        "9007199254740992",
    ],
)
def test_a_number_in_another_form_is_refused(number):
    (problem,) = problems(f"a: {number}")
    assert (problem.code, problem.line, problem.column, problem.path) == ("bad_number", 1, 4, "a")


@pytest.mark.parametrize("number", ["0", "-1", "9007199254740991"])
def test_a_whole_number_is_an_integer(number):
    assert read(f"a: {number}".encode(), "f").value == {"a": int(number)}


@pytest.mark.parametrize(
    ("content", "code", "line", "column"),
    [
        ("a: 1\nb: 2\na: 3\n", "duplicate_key", 3, 1),
        ("a: {b: 1, b: 2}", "duplicate_key", 1, 11),
        ("a: &x 1", "anchor", 1, 4),
        ("a: *x", "alias", 1, 4),
        ("<<: {a: 1}", "merge_key", 1, 1),
        ("a: !!str 1", "tag", 1, 4),
        ("a: !!python/object/apply:os.system [id]", "tag", 1, 4),
        ("a: 1\n---\nb: 2", "many_documents", 2, 1),
        ("%YAML 1.1\n---\na: on", "directive", 2, 1),
        ("1: a", "bad_key", 1, 1),
        ("true: a", "bad_key", 1, 1),
        ("? [a]\n: 1", "bad_key", 1, 3),
        ("ключ: 1", "bad_key", 1, 1),
        ("a: {b: 1", "not_yaml", 1, 9),
        ("a: b: c", "not_yaml", 1, 5),
        ("\ta: 1", "not_yaml", 1, 1),
        ("a: 'p\u0430yments'", "look_alike", 1, 4),
        ("a: \u202excod", "hidden_character", 1, 4),
        ("a: x # \u202e", "hidden_character", 1, 8),
        ("a: b\u200bc", "hidden_character", 1, 5),
        ("a: \U000e0041", "hidden_character", 1, 4),
        ("a: x\u00a0y", "look_alike", 1, 5),
        ("a: \uff0e\uff0e\uff0f", "look_alike", 1, 4),
        ("a: e\u0301", "not_composed", 1, 4),
        ('a: "\\u202e"', "hidden_character", 1, 4),
        ('a: "\\0"', "hidden_character", 1, 4),
        ('a: "x\\ty"', "hidden_character", 1, 4),
        ("a: x\x07", "hidden_character", 1, 5),
        ("a: 1\rb: 2", "hidden_character", 1, 5),
        ("\ufeffa: 1", "hidden_character", 1, 1),
    ],
)
def test_what_could_be_read_in_two_ways_is_refused_with_its_place(content, code, line, column):
    (problem,) = problems(content)
    assert (problem.code, problem.line, problem.column) == (code, line, column)


def test_bytes_that_are_no_text_are_refused():
    (problem,) = problems(b"a: 1\nb: \xff\n")
    assert (problem.code, problem.line) == ("not_utf8", 2)


def test_limits_hold_before_anything_is_built():
    assert problems(b"#" * (MAX_BYTES + 1))[0].code == "too_large"
    assert problems(b"[" * 100_000)[0].code == "too_deep"
    assert problems("a:\n" + "".join(" " * n + "- \n" for n in range(1, 40)))[0].code in (
        "too_deep",
        "not_yaml",
    )
    assert problems(b"[" + b"1," * 60_000 + b"]")[0].code == "too_large"


def test_every_problem_is_told_at_once():
    found = problems("a: 1.5\na: 2\nb: &x on\nc: 0x1\n")
    assert [p.code for p in found] == ["bad_number", "duplicate_key", "anchor", "bad_number"]


def test_windows_line_ends_and_text_in_any_language_are_taken():
    document = read("a: Привет, мир\r\nb: |\r\n  one\r\n  two\r\n".encode(), "f")
    assert document.value == {"a": "Привет, мир", "b": "one\ntwo\n"}


def test_an_empty_file_is_null():
    assert read(b"", "f").value is None
