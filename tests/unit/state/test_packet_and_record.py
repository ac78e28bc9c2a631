"""Records and packets say what the entries say, in the shape that others read, and keep their gates."""

import copy
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from state import bodies, canonical
from state.entry import Role
from state.outcome import Outcome
from state.packet import (
    MAX_BYTES,
    OPTION_IDS,
    Look,
    Notes,
    Option,
    check_packet,
    kept_claims,
    packet_of,
    packet_text,
    raw_packet,
)
from state.record import record_of
from state.terms import retries_of
from state.trace import trace_of
from tests.packet_kit import EXAMPLES, RESOURCE, RUN, TERMS, Story, material


def example(name):
    return json.loads((EXAMPLES / name).read_text())


# the record


def test_a_record_has_the_keys_of_the_example():
    record = record_of(*_told(Story().completed()), TERMS, text="restart checkout in prod")
    wanted = example("record.json")
    assert list(record) == list(wanted)
    for part in ("request", "runbook", "model", "ledger", "pins", "avoided"):
        assert set(record[part]) == set(wanted[part]), part
    for part in ("final", "writes"):
        assert {frozenset(row) for row in record[part]} == {frozenset(row) for row in wanted[part]}, part


def _told(story):
    return story.task, story.entries


def test_a_record_says_what_happened():
    record = record_of(*_told(Story().completed()), TERMS)
    assert (record["state"], record["reason"], record["changed"]) == ("completed", "verified", True)
    assert [(w["op"], w["attempt"], w["outcome"], w["effect"]) for w in record["writes"]] == [
        ("stop/1", 1, "succeeded", "confirmed"),
        ("start/1", 1, "not_applied", "refuted"),
        ("start/1", 2, "succeeded", "confirmed"),
    ]
    assert record["retries"] == {"stop": {"used": 0, "budget": 1}, "start": {"used": 1, "budget": 2}}
    assert record["final"][0]["observed"] == {"answered": True, "status": 200}
    assert (record["final"][0]["by"], record["remaining"], record["packet"]) == ("verifier", [], None)
    assert record["request"]["text"] is None
    canonical.dumps(record)


def test_a_run_at_work_has_a_provisional_record_with_what_remains():
    record = record_of(*_told(Story().unknown()), TERMS)
    assert (record["state"], record["provisional"], record["ended_at"]) == ("resolving", True, None)
    assert record["writes"][0]["effect"] == "unknown"
    assert [(r["step"], r["why"]) for r in record["remaining"]] == [
        ("stop", "not finished"),
        ("start", "not begun"),
    ]


def test_a_record_closed_by_a_human_says_whether_it_was_verified_and_what_is_open():
    story = Story().unknown()
    story.say(
        bodies.escalated(
            id=f"{RUN}/esc-1",
            reason="ambiguous",
            code="",
            row=9,
            packet="sha256:p",
            basis="sha256:b",
            severity="high",
            step="stop",
            next_level_at=None,
            notice=None,
        )
    )
    assert record_of(*_told(story), TERMS)["state"] == "escalated"
    assert record_of(*_told(story), TERMS)["reason"] == "ambiguous"
    story.say(
        bodies.decided(
            id="d",
            escalation=f"{RUN}/esc-1",
            choice="abort",
            by="omar",
            basis="sha256:b",
            words={"stop/1": "unknown"},
            evidence=None,
            reason="",
        ),
        bodies.closed(state="closed_by_human", reason="aborted", by="omar"),
    )
    record = record_of(*_told(story), TERMS)
    assert (record["verified"], record["unresolved"], record["closed_by"]) == (False, ["stop/1"], "omar")
    assert record["packet"] == f"{RUN}/esc-1"


def test_two_sends_without_an_answer_never_count_as_two_effects():
    story = Story().unknown()
    op = story.send("stop", 1, attempt=2)
    story.outcome(op, 2, Outcome.SUCCEEDED)
    story.say(bodies.confirmed(op=op))
    effects = [w["effect"] for w in record_of(*_told(story), TERMS)["writes"]]
    assert effects == ["unknown", "confirmed"]


def test_the_retry_ledger_counts_sends_after_the_first():
    used = retries_of(Story().completed().task.operations, TERMS)
    assert {place: (u.used, u.budget) for place, u in used.items()} == {"stop": (0, 1), "start": (1, 2)}


def test_a_trace_has_every_entry_and_every_attempt():
    story = Story().failed()
    trace = trace_of(story.task, story.entries, TERMS)
    assert [e["seq"] for e in trace["entries"]] == list(range(1, len(story.entries) + 1))
    assert all(e["says"] and len(e["says"]) <= 200 for e in trace["entries"])
    assert [a["outcome"] for a in trace["retries"]["start"]["attempts"]] == ["not_applied", "succeeded"]
    assert trace["retries"]["start"]["used"] == 1
    canonical.dumps(trace)


# the packet


def test_a_packet_has_the_shape_of_the_example():
    packet = packet_of(material(Story().failed()))
    wanted = example("packet.json")
    assert list(packet) == list(wanted)
    assert set(packet["top"]) == set(wanted["top"])
    assert set(wanted["where"]) <= set(packet["where"])
    for part in ("state", "claims", "evidence"):
        assert {frozenset(row) for row in packet[part]} == {frozenset(row) for row in wanted[part]}, part
    assert set(wanted["context"]) == set(packet["context"])
    assert check_packet(packet, Story().failed().entries) == []


@pytest.mark.parametrize("told", ["failed", "unknown", "written", "begin"])
@pytest.mark.parametrize(
    "reason", ["verify_failed", "ambiguous", "conflict", "denied", "stuck", "something_new"]
)
def test_every_stop_gives_a_packet_that_passes_its_gates(told, reason):
    story = getattr(Story(), told)()
    packet = packet_of(material(story, reason))
    assert check_packet(packet, story.entries) == []
    lines = packet_text(packet).splitlines()
    assert len(lines) <= 45
    assert max(map(len, lines)) <= 100
    assert packet_of(material(story, reason)) == packet


def test_a_packet_says_what_failed_first_and_how_often():
    packet = packet_of(material(Story().failed()))
    assert packet["state"][0]["check"] == "healthy-and-stays"
    assert packet["state"][0]["verdict"] == "fail"
    cited = {e["id"]: e["excerpt"] for e in packet["evidence"]}[packet["state"][0]["evidence"][0]]
    assert "3 of 3 not passed" in cited
    assert "503" in cited
    assert packet["where"]["check"] == "healthy-and-stays"
    assert packet["claims"][0]["kind"] == "fact"
    assert packet["budgets"]["start"] == {"used": 1, "of": 2}
    assert packet["budgets"]["writes"] == {"used": 3, "of": 5}
    assert "1 x stop, 2 x start" in packet["top"]["headline"]


def test_a_packet_of_an_unknown_effect_says_so_everywhere():
    story = Story().unknown()
    packet = packet_of(material(story, "ambiguous"))
    assert packet["changed"][0]["effect"] == "unknown"
    assert "may still land" in packet["changed"][0]["note"]
    assert "may still land: stop/1" in packet["top"]["stopped"]
    assert "whether stop/1 was applied" in packet["not_checked"]


def denied_read(story, code="contract_changed"):
    why = "http.get promises something else than when the run was admitted"
    story.say(
        bodies.denied(
            actor="w", role=Role.VERIFIER, op="", code=code, guard="contract", digest="sha256:d", message=why
        )
    )  # fmt: skip


@pytest.mark.parametrize("reason", ["verify_unknown", "unreadable"])
def test_a_denied_read_is_the_matter_where_nothing_could_be_read(reason):
    story = Story().written()
    denied_read(story)
    denied_read(story)
    story.verify("completion", "healthy-and-stays", "unknown")
    packet = packet_of(material(story, reason))
    assert check_packet(packet, story.entries) == []
    assert (
        "reads are denied (contract_changed) after 1 x stop, 2 x start: http.get" in packet["top"]["headline"]
    )
    assert packet["where"]["code"] == "contract_changed"
    assert "denied by guard contract" in packet["where"]["detail"]
    assert packet["evidence"][0]["kind"] == "denial"
    assert "(2 times): http.get promises something else" in packet["evidence"][0]["excerpt"]
    assert "(contract_changed)" in packet_text(packet)
    assert "a read denied by contract" in str(trace_of(story.task, story.entries, TERMS))


def test_a_denied_read_is_evidence_but_not_the_matter_of_a_clear_failure():
    story = Story().failed()
    denied_read(story)
    packet = packet_of(material(story))
    assert "healthy-and-stays failed" in packet["top"]["headline"]
    assert packet["where"]["code"] == ""
    assert packet["evidence"][0]["kind"] == "denial"


def test_a_read_denied_before_the_newest_write_is_told_no_more():
    story = Story().begin()
    denied_read(story)
    story.outcome(story.send("stop", 1), 1, Outcome.UNKNOWN, "", "timeout")
    packet = packet_of(material(story, "ambiguous"))
    assert not [e for e in packet["evidence"] if e["kind"] == "denial"]
    assert packet["where"]["code"] == ""


def test_sends_of_one_operation_are_counted_without_claiming_a_key():
    changed = {row["op"]: row.get("note", "") for row in packet_of(material(Story().failed()))["changed"]}
    assert changed["start/1"] == "sent 2 times as one operation"


def test_notes_of_a_model_stand_only_where_evidence_holds_them():
    story = Story().failed()
    plain = packet_of(material(story))
    evidence = plain["evidence"]
    claims = [
        {"kind": "fact", "text": "It answered 503", "evidence": ["e1"]},
        {"kind": "fact", "text": "It answered 502", "evidence": ["e1"]},
        {"kind": "fact", "text": 'The log says "missing key"', "evidence": ["e1"]},
        {"kind": "fact", "text": "It fails because of its config", "evidence": ["e1"]},
        {"kind": "fact", "text": "No source", "evidence": []},
        {"kind": "inference", "text": "A bad deploy", "evidence": ["e99"]},
    ]
    kept = kept_claims(claims, evidence)
    assert [(c["id"], c["kind"], c["text"]) for c in kept] == [
        ("c1", "fact", "It answered 503"),
        ("c2", "inference", "It fails because of its config"),
    ]
    packet = packet_of(
        material(story, notes=Notes(claims=tuple(kept), recommended="abort", model_id="openai:x"))
    )
    assert check_packet(packet, story.entries) == []
    assert packet["top"]["recommended"]["option"] == "abort"
    assert packet["provenance"]["model_id"] == "openai:x"
    assert packet["provenance"]["model"] == ["claims", "top.recommended"]
    refused = packet_of(material(story, notes=Notes(recommended="roll_back")))
    assert refused["top"]["recommended"] is None


def _broken(packet, path, value):
    packet = copy.deepcopy(packet)
    place = packet
    for step in path[:-1]:
        place = place[step]
    if value is KeyError:
        del place[path[-1]]
    else:
        place[path[-1]] = value
    return packet


@pytest.mark.parametrize(
    ("path", "value", "says"),
    [
        (("schema",), "remit/packet/v2", "schema"),
        (("where",), KeyError, "where"),
        (("top", "headline"), "x" * 500, "top has"),
        (("changed", 0, "op"), "stop/9", "the ledger has"),
        (("changed",), [], "the ledger has"),
        (("changed", 0, "resource"), "supervisor:prod-2/x", "the ledger does not"),
        (("claims", 0, "text"), "It answered 777", "777"),
        (("claims", 0, "evidence"), [], "cites nothing"),
        (("claims", 0, "kind"), "opinion", "neither"),
        (("evidence", 0, "excerpt"), "all is well", "digest"),
        (("evidence", 0, "id"), "e2", "one id"),
        (("options", 0, "id"), "continue", "options are not"),
        (("options", 3, "why"), "", "why not"),
        (("state", 0, "evidence"), ["e77"], "e77"),
        (("state", 0, "age_s"), "4", "age_s"),
        (("top", "headline"), 1.5, "headline"),
        (("basis",), None, "basis"),
    ],
)
def test_each_gate_finds_what_it_is_for(path, value, says):
    story = Story().failed()
    faults = check_packet(_broken(packet_of(material(story)), path, value), story.entries)
    assert any(says in fault for fault in faults), faults


def test_a_run_with_very_many_writes_still_has_a_packet_in_time():
    story = Story().begin()
    for number in range(1, 150):
        op = story.send("start", number)
        story.outcome(op, 1, Outcome.NOT_APPLIED, "x" * 300)
    packet = packet_of(material(story, "retries_exhausted"))
    assert len(canonical.dumps(packet).encode()) <= MAX_BYTES
    left_out = packet.get("changed_left_out", 0)
    assert len(packet["changed"]) + left_out == 149
    assert packet["changed"][-1]["op"] == "start/149"
    assert len(packet_text(packet).splitlines()) <= 45


@settings(max_examples=40, deadline=None)
@given(st.text(max_size=400), st.text(max_size=400))
def test_no_text_from_outside_breaks_a_packet(observed, detail):
    story = Story().begin()
    try:
        canonical.dumps([observed, detail])
    except canonical.CanonicalError:
        return
    story.checked("dependencies-up", "fail", observed)
    op = story.send("stop", 1)
    story.outcome(op, 1, Outcome.REFUSED, detail)
    look = Look(id="log", source="supervisor.log_tail", at=story.at, text=observed)
    packet = packet_of(material(story, "refused", looks=(look,)))
    assert check_packet(packet, story.entries) == []
    for line in packet_text(packet).splitlines():
        assert line.isprintable()
        assert len(line) <= 100


def test_a_full_page_shortens_its_lists_and_keeps_every_option_and_command():
    story = Story().begin()
    for number in range(1, 12):
        op = story.send("start", number)
        story.outcome(op, 1, Outcome.NOT_APPLIED, "x" * 300)
        story.checked(f"condition-{number}", "unknown", "y" * 300)
    words = "--effect OP=applied|not_applied|unknown --evidence FILE"
    cli = f"remit esc done {RUN}/esc-1 --basis 5d0b1c2e9f3a {words}"
    options = [Option(id=i, allowed=True, does="does so", cli=cli) for i in OPTION_IDS]
    text = packet_text(packet_of(material(story, options=options)))
    lines = text.splitlines()
    assert len(lines) <= 45
    assert max(map(len, lines)) <= 100
    assert all(f"+ {i}" in text for i in OPTION_IDS)
    copied = " ".join(text.replace("\\\n", " ").split())
    assert copied.count(cli) == len(OPTION_IDS)
    assert "more)" in text


def test_a_raw_packet_needs_no_fold():
    story = Story().unknown()
    packet = raw_packet(story.entries, run=story.entries[0].run, at=story.at, why="entry 7: unknown kind")
    assert packet["changed"] == [
        {
            "op": "stop/1",
            "attempt": 1,
            "tool": "supervisor.stop",
            "resource": RESOURCE,
            "at": packet["changed"][0]["at"],
            "effect": "unknown",
        }
    ]
    assert len(packet_text(packet).splitlines()) <= 45
    assert raw_packet([], run="r", at=story.at, why="")["changed"] == []
