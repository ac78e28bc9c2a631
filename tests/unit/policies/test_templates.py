from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies import templates
from policies.errors import TemplateError

VALUES = {
    "inputs": {"service": "checkout", "count": 5, "force": True, "note": "a/b c"},
    "attempt": {"has": {"etag": 'W/"7"'}},
    "item": "role:x",
    "half": 0.5,
    "list": ["x"],
    "none": None,
}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("{inputs.service}", "checkout"),
        ("{inputs.count}", 5),
        ("{inputs.force}", True),
        ("{attempt.has.etag}", 'W/"7"'),
        ("{item}", "role:x"),
        ("n={inputs.count}, f={inputs.force}", "n=5, f=true"),
        ("plain", "plain"),
        ("", ""),
    ],
)
def test_a_whole_placeholder_keeps_its_type_and_the_rest_is_text(text, value):
    found = templates.render(text, VALUES)
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    "text",
    [
        "{inputs.missing}",
        "{nothing}",
        "{inputs.service.real}",
        "{list}",
        "{none}",
        "{half}",
        "x{list}",
        "{inputs}",
    ],
)
def test_what_is_not_there_or_not_plain_is_an_error(text):
    with pytest.raises(TemplateError):
        templates.render(text, VALUES)


@pytest.mark.parametrize(
    ("text", "column"),
    [
        ("{{7*7}}", 1),
        ("{0.__class__}", 1),
        ("a{inputs.service", 2),
        ("inputs}", 7),
        ("{}", 1),
        ("{ inputs.service }", 1),
        ("{inputs.service!r}", 1),
        ("{inputs.service:>10}", 1),
        ("{inputs[service]}", 1),
        ("{inputs..service}", 1),
        ("{Inputs.service}", 1),
        ("ok {inputs.a} {$(id)}", 15),
        ("{пayload}", 1),
        ("x" * 4001, 1),
    ],
)
def test_a_brace_that_holds_no_name_is_refused(text, column):
    with pytest.raises(TemplateError) as caught:
        templates.parse(text)
    assert caught.value.column == column


def test_no_attribute_of_an_object_is_reached():
    class Thing:
        secret = "x"

    with pytest.raises(TemplateError):
        templates.render("{thing.secret}", {"thing": Thing()})
    with pytest.raises(TemplateError):
        templates.render("{inputs.__class__}", VALUES)


def test_names_with_their_columns():
    names = templates.parse("a {inputs.service}/{item}").names()
    assert [(n.path, n.column) for n in names] == [("inputs.service", 4), ("item", 21)]


def test_every_text_of_a_json_value_is_filled_in():
    filled = templates.render_value(
        {"n": "{inputs.count}", "l": ["{item}", 1, None], "d": {"x": "-{item}"}}, VALUES
    )
    assert filled == {"n": 5, "l": ["role:x", 1, None], "d": {"x": "-role:x"}}


def test_a_path_takes_values_as_segments():
    assert templates.render_path("/a/{inputs.note}/b/", VALUES) == "/a/a%2Fb%20c/b/"
    assert templates.render_resource("scim:{item}/{inputs.note}", VALUES) == "scim:role:x/a%2Fb%20c"
    assert templates.render_path("/{item}", VALUES) == "/role%3Ax"


@pytest.mark.parametrize("value", ["", ".", "..", "%2e%2e/..", "/", "../etc"])
def test_no_value_makes_a_path_climb_or_vanish(value):
    try:
        path = templates.render_path("/a/{x}/b", {"x": value})
    except TemplateError:
        return
    assert path.count("/") == 3
    assert not {"..", ".", ""} & set(path[1:].split("/"))


@given(st.text(max_size=40))
def test_a_value_is_one_segment_and_comes_back_as_it_was(value):
    for render in (templates.render_path, templates.render_resource):
        try:
            path = render("a/{x}/b", {"x": value})
        except TemplateError:
            assert value in ("", ".", "..")
        except UnicodeEncodeError:
            pytest.fail("a lone surrogate reached the encoder")
        else:
            first, middle, last = path.split("/")
            assert (first, unquote(middle), last) == ("a", value, "b")
            assert path.isascii()
            assert "*" not in path


@given(st.text(max_size=60))
def test_any_text_parses_or_is_refused_and_nothing_else_happens(text):
    try:
        template = templates.parse(text)
    except TemplateError:
        return
    assert "".join(p if isinstance(p, str) else f"{{{p.path}}}" for p in template.pieces) == text


@given(st.text(max_size=40).filter(lambda t: "{" not in t and "}" not in t))
def test_text_without_braces_is_itself(text):
    assert templates.render(text, {}) == text


def test_what_comes_out_is_bounded():
    with pytest.raises(TemplateError):
        templates.render("{x}{x}", {"x": "y" * 40_000})
