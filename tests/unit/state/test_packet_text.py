"""On a terminal a packet says each fact once, with its age as of now, and cuts no decision."""

from dataclasses import replace

import pytest

from state import bodies
from state.instants import after
from state.outcome import Outcome
from state.packet import OPTION_IDS, Option, check_packet, packet_of, packet_text, senders_in_doubt
from tests.packet_kit import OPTIONS, Story, material

EVERYTHING = [replace(o, allowed=True, does="does so", why="") for o in OPTIONS]
LONG = "no secret called SUPERVISOR_TOKEN is given to this worker " * 5


def words(text):
    return " ".join(text.split())


def test_ages_count_on_from_when_the_packet_was_written():
    story = Story().failed()
    packet = packet_of(material(story))
    assert "(1 s ago)" in packet_text(packet, now=story.at)
    later = packet_text(packet, now=after(story.at, 600))
    assert f"As of {story.at[11:19]} UTC, 10 min ago" in later.splitlines()[1]
    assert "healthy-and-stays (10 min ago)" in later
    assert " s ago" not in later
    assert f"As of {story.at[11:19]} UTC" in packet_text(packet).splitlines()[1]


@pytest.mark.parametrize("width", [60, 100, 140])
def test_no_decision_and_no_cause_is_cut(width):
    story = Story().begin()
    op = story.send("stop", 1)
    story.outcome(op, 1, Outcome.NOT_SENT, LONG, "no_credential")
    given = material(story, "refused", options=EVERYTHING)
    given = replace(given, stop=replace(given.stop, detail=LONG, step="stop"))
    packet = packet_of(given)
    assert check_packet(packet, story.entries) == []
    assert packet["top"]["decision"] == "Resume once mended, retry once, mark as done, roll back or abort"
    text = packet_text(packet, width=width)
    assert max(map(len, text.splitlines())) <= width
    assert packet["top"]["decision"] in words(text)
    assert words(LONG)[:250] in words(text)
    whole = packet["top"]["headline"].rstrip("…").split()
    assert set(whole[4:]) <= set(f"target refused stop: {LONG}".split())


@pytest.mark.parametrize("who", ["role:a", "role:" + "very-long-team-name-" * 8])
@pytest.mark.parametrize("detail", ["x", LONG])
def test_the_top_never_has_more_than_400_characters(who, detail):
    story = Story().failed()
    given = material(story, "conflict", options=EVERYTHING)
    packet = packet_of(replace(given, stop=replace(given.stop, told_next=who, detail=detail)))
    assert check_packet(packet, story.entries) == []
    assert "nothing is changed" in packet["top"]["if_silent"]


def test_each_fact_is_said_once():
    story = Story().begin()
    story.checked("dependencies-up", "unknown", "payments was not readable")
    packet = packet_of(material(story, "unreadable"))
    assert packet["claims"]
    assert any("payments was not readable" in u for u in packet["not_checked"])
    text = packet_text(packet)
    assert text.count("payments was not readable") == 1
    assert "expected so" in text


def test_a_claim_of_a_model_is_shown_beside_the_state():
    story = Story().failed()
    packet = packet_of(material(story))
    claim = {"id": "c9", "kind": "inference", "text": "A bad deploy", "evidence": ["e1"]}
    assert "Claims   [inference] A bad deploy (e1)" in packet_text({**packet, "claims": [claim]})


def test_what_had_no_effect_is_not_called_changed():
    story = Story().begin()
    story.outcome(story.send("stop", 1), 1, Outcome.REFUSED, "busy", "409")
    packet = packet_of(material(story, "refused"))
    assert [c["op"] for c in packet["changed"]] == ["stop/1"]  # the ledger's writes, whatever became of them
    text = packet_text(packet)
    assert "Changed" not in text
    assert "No effect stop/1" in text
    assert "tried, not applied" in text
    assert "cannot be undone" not in text


def test_what_was_not_written_is_said_in_words():
    headline = packet_of(material(Story().begin(), "deadline_passed"))["top"]["headline"]
    assert headline.endswith("out of time; nothing was written")


def test_an_answer_is_not_said_twice():
    story = Story().begin()
    story.outcome(story.send("stop", 1), 1, Outcome.REFUSED, "NO_FILE: NO_FILE: gone", "NO_FILE")
    packet = packet_of(material(story, "refused"))
    assert packet["tried"][0]["outcome"] == "refused NO_FILE: gone"
    assert "NO_FILE: NO_FILE" not in str(packet["evidence"])


def test_who_has_seen_it_is_shown():
    packet = packet_of(material(Story().failed()))
    assert "Seen     by omar" in packet_text({**packet, "seen_by": "omar"})
    assert "Seen " not in packet_text(packet)


def test_a_sender_in_doubt_is_named_where_the_human_looks():
    story = Story().begin()
    story.send("stop", 1)
    (sender,) = senders_in_doubt(story.task)
    assert (sender.claim.epoch, sender.sends) == (1, ("stop/1 #1",))
    nothing = [Option(id=i, allowed=False, why="attest", cli="x") for i in OPTION_IDS]
    given = material(story, "unproven_sender", options=nothing)
    packet = packet_of(replace(given, stop=replace(given.stop, detail="stop/1", step="stop")))
    assert check_packet(packet, story.entries) == []
    assert "attest-dead" in packet["top"]["decision"]
    (shown,) = [e for e in packet["evidence"] if e["kind"] == "sender"]
    text = words(packet_text(packet))
    for part in ("pid 1 in pid namespace n", "host boot id b", f"since {sender.claim.at}", "stop/1 #1"):
        assert part in shown["excerpt"]
        assert part in packet["where"]["detail"]
        assert part in text


def test_no_sender_is_in_doubt_once_the_call_came_back_or_a_human_has_stated_it():
    story = Story().unknown()  # the call came back, without an answer
    assert senders_in_doubt(story.task) == ()
    story = Story().begin()
    story.send("stop", 1)
    said = {"epochs": [1], "clock": {"boot_id": "b", "ms": 5}}
    story.say(bodies.signal(id="s", kind="attest", by="omar", at=story.at, body=said))
    assert senders_in_doubt(story.task) == ()
