"""Fuzz: connectors: spoilt in every way, they are taken or refused clearly."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from evals.fuzz.doors import DOORS
from evals.fuzz.drawn import contents
from evals.fuzz.work import watchdog

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
