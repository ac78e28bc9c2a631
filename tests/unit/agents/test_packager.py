"""A model's notes stand in a packet only where its evidence holds them."""

import json
from pathlib import Path

import pytest

from agents.models.rules import RulesModel
from agents.models.scripted import ScriptedModel
from agents.packager import Packager
from state.packet import Notes

EXAMPLE = Path(__file__).resolve().parents[2] / "fixtures" / "examples" / "packet.json"
PACKET = json.loads(EXAMPLE.read_text())


def notes(line):
    return Packager(ScriptedModel([line])).notes(PACKET, timeout_s=1)


def test_rules_add_nothing_and_ask_nobody():
    packager = Packager(RulesModel())
    assert not packager.consults
    assert packager.notes(PACKET, timeout_s=1).notes == Notes()


def test_what_the_evidence_holds_is_kept_and_the_rest_dropped():
    found = notes(
        {
            "claims": [
                {"kind": "fact", "text": "Health was 503 on 37 of 37", "evidence": ["e3"]},
                {"kind": "fact", "text": "Health was 503 on 38 of 38", "evidence": ["e3"]},
                {"kind": "inference", "text": "The config is at fault\x1b[0m", "evidence": ["e5"]},
                {"kind": "inference", "text": "Made up", "evidence": ["e9"]},
            ],
            "recommended": "abort",
        }
    )
    assert [(c["kind"], c["text"]) for c in found.notes.claims] == [
        ("fact", "Health was 503 on 37 of 37"),
        ("inference", "The config is at fault [0m"),
    ]
    assert (found.dropped, found.notes.recommended, found.notes.model_id) == (2, "abort", "scripted")


@pytest.mark.parametrize("option", ["retry_once", "roll_back"])
def test_an_option_that_is_not_open_is_not_suggested(option):
    assert notes({"claims": [], "recommended": option}).notes.recommended == ""


@pytest.mark.parametrize("line", ["garbage", {"claims": [], "recommended": "approve"}, TimeoutError("late")])
def test_anything_else_adds_nothing_and_says_why(line):
    found = notes(line)
    assert found.notes == Notes()
    assert found.problem


def test_evidence_reaches_the_model_as_data():
    model = ScriptedModel([{}])
    Packager(model).notes(PACKET, timeout_s=1)
    (prompt,) = model.asked
    assert all(not s.trusted for s in prompt.sections if s.label.startswith("evidence"))
