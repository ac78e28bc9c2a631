"""Fuzz: whatever a parser is given, spoilt in every way, it takes or refuses clearly."""

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from evals.fuzz.doors import DOORS
from evals.fuzz.drawn import contents
from evals.fuzz.work import watchdog
from policies.errors import LoadError
from state.packet import check_packet

SECONDS = 120
# Examples a door: a YAML reader is slow, so its doors are asked less often than those that read JSON.
MOST = {
    "runbook": 40, "expression": 40, "template": 40, "connector": 60, "delegation": 40, "catalog": 40,
    "settings": 40, "test_file": 40, "world": 40, "request": 100, "packet": 100, "export": 100,
}  # fmt: skip


def knock_often(name, drawn):
    """Bring the door of that name what is drawn, as often as ``MOST`` says."""

    @settings(max_examples=MOST[name], deadline=None, suppress_health_check=list(HealthCheck))
    @given(content=drawn)
    def knock(content):
        with watchdog(SECONDS):
            DOORS[name].knock(content)

    knock()


def test_every_door_is_knocked_at():
    assert MOST.keys() == DOORS.keys()


@pytest.mark.parametrize("name", MOST)
def test_what_was_spoilt_is_taken_or_refused_clearly(name):
    knock_often(name, contents(name))


@pytest.mark.parametrize("name", MOST)
def test_bytes_and_texts_of_no_meaning_are_too(name):
    knock_often(name, st.binary(max_size=300) | st.text(max_size=200).map(str.encode))


@pytest.mark.parametrize("name", MOST)
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
