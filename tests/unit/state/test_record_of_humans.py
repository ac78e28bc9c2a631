"""A record leaves no human out: what they decided, why, what they granted; and a probe's refutation."""

from remit.cli.following import record_lines
from remit.cli.lines import line_of
from state import bodies
from state.entry import Role
from state.outcome import Outcome
from state.record import record_of
from tests.packet_kit import RUN, TERMS, Story


def escalate(story, number=1):
    story.say(
        bodies.escalated(
            id=f"{RUN}/esc-{number}", reason="ambiguous", code="", row=9, packet="sha256:p", basis="sha256:b",
            severity="high", step="stop", next_level_at=None, notice=None,
        )
    )  # fmt: skip


def decide(story, choice, number=1, **more):
    given = {"words": {}, "evidence": None, "reason": "looked at the rack", **more}
    story.say(
        bodies.decided(
            id=f"d{number}", escalation=f"{RUN}/esc-{number}", choice=choice, by="omar", basis="sha256:b",
            who={"how": "as", "os_user": "root"}, **given,
        )
    )  # fmt: skip


def record(story):
    return record_of(story.task, story.entries, TERMS)


def test_a_run_closed_by_a_human_says_who_when_which_why_and_on_what():
    story = Story().unknown()
    escalate(story)
    decide(story, "abort", words={"stop/1": "unknown"}, evidence="hmac:e0e0")
    at = story.entries[-1].at
    story.say(bodies.closed(state="closed_by_human", reason="aborted", by="omar"))
    made = record(story)
    (said,) = made["decisions"]
    assert said["who"] == made["closed_by_who"] == {"how": "as", "os_user": "root"}
    assert (said["choice"], said["by"], said["at"], said["why"], said["evidence"]) == (
        "abort", "omar", at, "looked at the rack", "hmac:e0e0",
    )  # fmt: skip
    text = " ".join(" ".join(record_lines(made)).split())
    assert f"decided abort by omar at {at[:19]}Z, saying stop/1=unknown, because: looked at the rack" in text
    assert "evidence hmac:e0e0" in text
    assert "nobody knows whether it was applied: stop/1" in text
    assert any("because: looked at the rack" in line_of(e) for e in story.entries)


def test_a_grant_is_shown_beside_the_retries():
    story = Story().unknown()
    escalate(story)
    decide(story, "retry_once")
    story.say(bodies.granted(escalation=f"{RUN}/esc-1", choice="retry_once", sends=1))
    made = record(story)
    assert made["granted_retries"] == 1
    assert any("+1 granted" in line for line in record_lines(made))


def test_a_cancel_is_shown_with_its_reason():
    story = Story().begin()
    story.say(
        bodies.signal(
            id="s", kind="cancel", by="dana", at=story.at, body={"reason": "the wrong service"},
            who={"how": "os", "os_user": "dana"},
        )
    )  # fmt: skip
    made = record(story)
    who = {"how": "os", "os_user": "dana"}
    assert made["cancelled"] == {"by": "dana", "why": "the wrong service", "who": who}
    assert any("the wrong service" in line for line in record_lines(made))
    assert "because: the wrong service" in line_of(story.entries[-1])


def absent(story, op, attempts):
    story.say(
        bodies.reconciled(
            actor="w", role=Role.VERIFIER, op=op, by="probe", verdict="absent", settles=Outcome.NOT_APPLIED,
            observed="not there", licence="returned", grounded=attempts, facts={}, absorbs=False,
        )
    )  # fmt: skip


def test_an_attempt_that_a_probe_refuted_stays_refuted_behind_another():
    story = Story().unknown()
    absent(story, "stop/1", [1])
    assert [w["effect"] for w in record(story)["writes"]] == ["refuted"]
    op = story.send("stop", 1, attempt=2)
    story.outcome(op, 2, Outcome.SUCCEEDED)
    story.say(bodies.confirmed(op=op))
    made = record(story)
    assert [(w["outcome"], w["effect"]) for w in made["writes"]] == [
        ("unknown", "refuted"),
        ("succeeded", "confirmed"),
    ]
    text = " ".join(" ".join(record_lines(made)).split())
    assert (
        "#1 supervisor.stop supervisor:prod-1/checkout: no answer known; shown not to have been applied"
        in text
    )


def test_a_reason_that_repeats_the_state_is_not_said():
    story = Story().begin()
    story.say(bodies.closed(state="cancelled", reason="cancelled"))
    assert record_lines(record(story))[0].startswith("CANCELLED  service-recovery@3")
    assert line_of(story.entries[-1]) == "ended: cancelled"


def test_a_run_that_is_rejected_once_it_runs_says_what_that_means():
    story = Story().begin()
    story.say(bodies.closed(state="rejected", reason="escalation_open"))
    lines = record_lines(record(story))
    assert lines[0].startswith("REJECTED (escalation_open)")
    assert "  why      A run on the resource waits for a human. Decide that one first." in lines
