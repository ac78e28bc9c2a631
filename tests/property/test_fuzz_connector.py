"""Fuzz: connectors: spoilt in every way, they are taken or refused clearly."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from evals.fuzz.doors import DOORS
from evals.fuzz.drawn import contents
from evals.fuzz.work import watchdog
from policies.errors import LoadError

SETTINGS = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
NAMES = ["connector"]


@pytest.mark.parametrize("name", NAMES)
@SETTINGS
@given(data=st.data())
def test_what_was_spoilt_is_taken_or_refused_clearly(name, data):
    content = data.draw(contents(name))
    with watchdog(120):
        DOORS[name].knock(content)


@pytest.mark.parametrize("name", NAMES)
@SETTINGS
@given(content=st.binary(max_size=300) | st.text(max_size=200).map(str.encode))
def test_bytes_and_texts_of_no_meaning_are_too(name, content):
    with watchdog(120):
        DOORS[name].knock(content)


@pytest.mark.parametrize("name", NAMES)
def test_what_is_right_is_taken(name):
    door = DOORS[name]
    for content in [*map(door.render, door.examples()), *door.texts()]:
        assert door.knock(content), content[:200]


def test_a_message_that_lists_names_lists_no_thousands():
    (connector, *_) = DOORS["connector"].examples()
    tool = connector["tools"][0]
    many = {f"k{n}": next(iter(tool["arguments"].values())) for n in range(2_000)}
    content = DOORS["connector"].render({**connector, "tools": [{**tool, "arguments": many}]})
    with pytest.raises(LoadError) as refused:
        DOORS["connector"].parse(content)
    assert max(len(problem.message) for problem in refused.value.problems) <= 600
