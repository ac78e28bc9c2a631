"""Fuzz: packets: spoilt in every way, they are taken or refused clearly."""

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from evals.fuzz.doors import DOORS
from evals.fuzz.drawn import contents
from evals.fuzz.work import watchdog
from state.packet import check_packet

SETTINGS = settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
NAMES = ["packet"]


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


@pytest.mark.parametrize(
    ("part", "row"),
    [
        ("tried", {"op": "a/1", "outcome": "unknown", "evidence": []}),
        ("ruled_out", {"text": "all is well"}),
        ("not_checked", 7),
        ("remaining", {"step": "a", "why": "not begun"}),
    ],
)
def test_a_row_that_is_not_whole_is_a_fault_and_breaks_nothing(part, row):
    packet = json.loads(json.dumps(DOORS["packet"].examples()[0]))
    packet[part].append(row)
    assert any(fault.startswith((part, f"packet.{part}")) for fault in check_packet(packet))


def test_an_instant_outside_all_years_is_a_fault():
    packet = {**DOORS["packet"].examples()[0], "created_at": "0001-01-01T00:00:00+23:59"}
    assert check_packet(packet) == ["packet.created_at is not of kind instant"]
