# ruff: noqa: E501 - a case is one line of the table
import pytest

from policies.authority import Direction, Remit, compare, sentences
from policies.loader import load_delegation, parse_delegation, parse_runbook
from tests.runbook_kit import EXAMPLES, contracts

SERVICE = (EXAMPLES / "service-recovery.yaml").read_text()
RESYNC = (EXAMPLES / "entitlement-resync.yaml").read_text()
DELEGATION = (EXAMPLES / "delegation.yaml").read_text()


def edited(text, *edits):
    for old, new in edits:
        assert old in text, old
        text = text.replace(old, new, 1)
    return text


def remit(text=SERVICE, tools=None, entry_edits=()):
    book = parse_runbook(text.encode()).value
    delegation = parse_delegation(edited(DELEGATION, *entry_edits).encode()).value
    entry = next(e for e in delegation.delegate if e.runbook.startswith(book.id + "@"))
    return Remit(runbook=book, contracts=contracts() if tools is None else tools, entry=entry)


def test_authority_is_said_in_sentences():
    delegation = load_delegation(EXAMPLES / "delegation.yaml").value
    book = parse_runbook(SERVICE.encode()).value
    said = sentences(book, contracts(), delegation.entry(book.ref))
    for sentence in (
        "It is asked for with env: one of staging, prod.",
        "It may read with catalog.service, supervisor.process, supervisor.log_tail, http.get.",
        "Step stop calls supervisor.stop on supervisor:{svc.supervisor}/{svc.program}, at most twice a run; it must succeed.",
        "Step start cannot be undone: A service that was down is not taken down again.",
        "To undo step stop it calls supervisor.start on supervisor:{svc.supervisor}/{svc.program}, at most twice a run.",
        "A run sends at most 5 writes, and 2 more to undo them, within 15m.",
        "All runs together send at most 10 writes to one resource in any 1h.",
        "For prod/checkout it may touch supervisor:prod-*/checkout.",
        'Its first write is not sent in Fri 16:00 to Mon 08:00 where inputs.env == "prod" (Europe/Berlin).',
        "role operator may ask for it, role oncall and role platform-lead may decide; no human confirms its writes.",
    ):
        assert sentence in said


def test_items_and_bounds_are_said():
    said = sentences(parse_runbook(RESYNC.encode()).value, contracts())
    assert any("at most 10 times a run (for 0 to 5 items of derive.add)" in s for s in said)
    assert any(s.endswith("each value text like ^[a-z][a-z0-9:-]{1,40}$.") for s in said)
    assert "It may send messages with ticket.comment." in said


def test_a_tool_of_which_nothing_is_known_is_said_to_be_so():
    said = sentences(parse_runbook(SERVICE.encode()).value, {})
    assert "It may call http.get, of which nothing is known." in said


def test_what_nothing_was_approved_before_widens():
    change = compare(None, remit())
    assert change.kind is Direction.WIDENS
    assert all(s.startswith("+ ") for s in change.sentences)


ADDED_PRECONDITION = ("steps:\n", "  - {id: more, expect: health.answered, otherwise: escalate}\n\nsteps:\n")
STILL = "  - {id: still-running, expect: 'proc.state == \"RUNNING\"'}\n"
W, N, S = Direction.WIDENS, Direction.NARROWS, Direction.SAME
CHANGES = [
    (S, "= title: Restart a supervised", [("title: Restart a supervised service", "title: Restart a supervised thing")]),
    (S, "= summary", [("Never touches a dependency.", "Never ever.")]),
    (S, "= version: 3 → 4", [("version: 3", "version: 4")]),
    (S, None, [("# approves changes, audits samples", "# another comment")]),
    (S, None, [("[catalog.service, supervisor.process,", "[supervisor.process, catalog.service,")]),
    (N, "- may no longer call supervisor.log_tail", [(", supervisor.log_tail, http.get]", ", http.get]")]),
    (W, "+ may now call ticket.comment", [("supervisor.log_tail, http.get]", "supervisor.log_tail, http.get, ticket.comment]")]),
    (N, "- limits.writes: 5 → 4", [("writes: 5", "writes: 4")]),
    (W, "+ limits.writes: 5 → 6", [("writes: 5", "writes: 6")]),
    (N, "- limits.deadline_ms: 15m → 10m", [("deadline: 15m", "deadline: 10m")]),
    (N, "- limits.model.calls: 6 → 5", [("model: {calls: 6", "model: {calls: 5")]),
    (W, "+ limits.model.tokens: 20000 → 20001", [("tokens: 20000", "tokens: 20001")]),
    (N, "- limits.attempts_on_resource: 10 in 1h → 10 in 2h", [("{max: 10, per: 1h}", "{max: 10, per: 2h}")]),
    (W, "+ limits.attempts_on_resource: 10 in 1h → 9 in 30m", [("{max: 10, per: 1h}", "{max: 9, per: 30m}")]),
    (W, "+ limits.attempts_on_resource: 10 in 1h → none", [("  attempts_on_resource: {max: 10, per: 1h}", "  # none")]),
    (N, "- steps.start.retry.budget: 2 → 1", [("budget: 2", "budget: 1")]),
    (W, "+ steps.start.retry.budget: 2 → 3", [("budget: 2", "budget: 3")]),
    (N, "- inputs.env: enum", [("[staging, prod]", "[staging]")]),
    (W, "+ inputs.env: enum", [("[staging, prod]", "[staging, prod, dev]")]),
    (W, "+ inputs.service: pattern", [("{1,30}$", "{1,20}$")]),
    (N, "- inputs.service", [('pattern: "^[a-z][a-z0-9-]{1,30}$"', "enum: [checkout, search]")]),
    (W, "+ inputs.service", [('pattern: "^[a-z][a-z0-9-]{1,30}$"', "enum: [checkout, Search]")]),
    (N, "- inputs.service", [('{1,30}$"}', '{1,30}$", max_length: 20}')]),
    (N, "- the start now asks for more", [ADDED_PRECONDITION]),
    (W, "+ the start may now complete without a write: more", [(ADDED_PRECONDITION[0], ADDED_PRECONDITION[1].replace("escalate", "complete"))]),
    (W, "+ the start asks otherwise for dependencies-up: otherwise: escalate → complete", [("otherwise: escalate ", "otherwise: complete ")]),
    (N, "- completion now asks for more", [(STILL, STILL + "  - {id: more, expect: health.answered}\n")]),
    (W, "+ completion no longer asks for still-running", [(STILL, "")]),
    (W, "+ completion asks otherwise for healthy-and-stays: hold_ms: 1m → 30s", [("hold: 60s", "hold: 30s")]),
    (N, "- a step now asks for more", [("      - {id: stopped,", "      - {id: more, expect: health.answered}\n      - {id: stopped,")]),
    (W, "+ steps.start.verify", [(SERVICE[SERVICE.index("    verify:\n      - {id: new-process") : SERVICE.index("    rollback: {possible")], "    verify: {none: Nothing to read.}\n")]),
    (W, "+ steps.stop.probe.absent_when", [("absent_when: 'proc.state == \"RUNNING\" && proc.start == attempt.proc.start'", "absent_when: 'proc.state == \"RUNNING\"'")]),
    (W, "+ steps.stop.timeout_ms: 30s → 20s", [("timeout: 30s", "timeout: 20s")]),
    (W, "+ on_exhausted: escalate → roll_back", [("on_exhausted: escalate", "on_exhausted: roll_back")]),
    (W, "+ escalation.grants.retry_once: 1 → 2", [("retry_once: 1", "retry_once: 2")]),
    (N, "- escalation.grants.retry_once: 1 → 0", [("retry_once: 1", "retry_once: 0")]),
    (W, "+ escalation.levels", [("to: role:oncall", "to: role:nobody")]),
    (W, "+ observe.health.arguments.url", [('url: "{svc.health_url}"}}      # {answered', 'url: "http://other/"}}      # {answered')]),
    (W, "+ bindings.svc.identity", [("identity: svc.name == inputs.service && svc.env == inputs.env", "identity: svc.name == inputs.service")]),
    (W, "+ once", [("once: {key: [inputs.env, inputs.service], while: live}", "once: {key: [inputs.env], while: live}")]),
    (W, "+ completion_passes_unchanged", [("on_exhausted:", "completion_passes_unchanged: Because.\non_exhausted:")]),
    (W, "+ preconditions stand in another order", [('  - {id: really-unhealthy, expect: "!health.answered || health.status != 200", otherwise: complete}\n', ""), ("    otherwise: escalate          # a restart would not help\n", '    otherwise: escalate\n  - {id: really-unhealthy, expect: "!health.answered || health.status != 200", otherwise: complete}\n')]),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "sentence", "edits"), CHANGES, ids=[str(c[1]) for c in CHANGES])
def test_a_change_narrows_only_by_the_closed_list(kind, sentence, edits):
    change = compare(remit(), remit(edited(SERVICE, *edits)))
    assert change.kind is kind, change.sentences
    if sentence is None:
        assert change.sentences == ()
    else:
        assert any(s.startswith(sentence) for s in change.sentences), change.sentences


ENTRY_CHANGES = [
    (N, "- is no longer delegated for prod/search", [('"prod/checkout", "prod/search"]', '"prod/checkout"]'), (', "prod/search": ["supervisor:prod-*/search"]}', "}")]),
    (W, "+ is now delegated for dev/*", [('["staging/*", "prod', '["dev/*", "staging/*", "prod'), ('{"staging/*": [', '{"dev/*": ["supervisor:dev/*"], "staging/*": [')]),
    (W, "+ may now touch, for staging/*, supervisor:*/*", [('["supervisor:staging-*/*"]', '["supervisor:staging-*/*", "supervisor:*/*"]')]),
    (N, "- may no longer touch, for staging/*, supervisor:staging-*/*", [('["supervisor:staging-*/*"]', "[]")]),
    (W, "+ may now be asked for by role oncall", [("request: [operator]", "request: [operator, oncall]")]),
    (N, "- delegation.mode: delegated → confirm", [("mode: delegated ", "mode: confirm ")]),
    (W, "+ delegation.windows", [('closed: {from: "Fri 16:00"', 'closed: {from: "Fri 17:00"')]),
    (N, "- delegation.concurrency: 4 → 3", [("concurrency: 4", "concurrency: 3")]),
    (W, "+ delegation.rate", [("{max: 20, per: 1h}", "{max: 21, per: 1h}")]),
    (N, "- delegation.rate", [("{max: 20, per: 1h}", "{max: 19, per: 1h}")]),
    (W, "+ delegation.decide", [("decide: [oncall, platform-lead]", "decide: [oncall]")]),
    (S, "= delegation.runbook", [("service-recovery@3", "service-recovery@4")]),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "sentence", "edits"), ENTRY_CHANGES, ids=[str(c[1]) for c in ENTRY_CHANGES])
def test_a_change_of_the_delegation_counts_too(kind, sentence, edits):
    change = compare(remit(), remit(entry_edits=edits))
    assert change.kind is kind, change.sentences
    assert any(s.startswith(sentence) for s in change.sentences), change.sentences


def test_a_write_without_a_yes_widens():
    asked = remit(entry_edits=[("mode: delegated ", "mode: confirm ")])
    change = compare(asked, remit())
    assert change.kind is W
    assert change.sentences == ("+ delegation.mode: confirm → delegated",)


def test_a_tool_that_promises_something_else_widens():
    stop = contracts()["supervisor.stop"]
    other = {**contracts(), "supervisor.stop": stop.model_copy(update={"longest_request_s": 1.0})}
    change = compare(remit(), remit(tools=other))
    assert change.kind is Direction.WIDENS
    assert change.sentences == ("+ uses another contract of supervisor.stop",)
    moved = {**contracts(), "supervisor.stop": stop.model_copy(update={"source": "sha256:other"})}
    assert compare(remit(), remit(tools=moved)).kind is Direction.WIDENS


def test_a_delegation_that_is_new_widens():
    bare = Remit(runbook=remit().runbook, contracts=contracts())
    assert compare(bare, remit()).kind is Direction.WIDENS


def test_one_widening_among_many_widens_and_is_told_first():
    change = compare(
        remit(),
        remit(
            edited(
                SERVICE, ("writes: 5", "writes: 4"), ("version: 3", "version: 4"), ("budget: 2", "budget: 3")
            )
        ),
    )
    assert change.kind is Direction.WIDENS
    assert [s[0] for s in change.sentences] == ["+", "-", "="]


def test_a_derived_bound_and_a_list_narrow():
    def change(*edits):
        return compare(remit(RESYNC), remit(edited(RESYNC, *edits))).kind

    assert change(("min: 0, max: 5", "min: 0, max: 4")) is N
    assert change(("min: 0, max: 5", "min: 0, max: 6")) is W
    assert change(('bound: {pattern: "^[a-z][a-z0-9:-]{1,40}$"}', "bound: {enum: [reader]}")) is N
    assert change(('bound: {pattern: "^[a-z][a-z0-9:-]{1,40}$"}', "bound: {enum: [Admin]}")) is W
    assert change((', bound: {pattern: "^[a-z][a-z0-9:-]{1,40}$"}', "")) is W


def test_checks_where_nothing_was_verified_narrow():
    checks = SERVICE[
        SERVICE.index("    verify:\n      - {id: new-process") : SERVICE.index("    rollback: {possible")
    ]
    none = edited(SERVICE, (checks, "    verify: {none: Nothing to read.}\n"))
    assert compare(remit(none), remit()).kind is N
    assert compare(remit(), remit(none)).kind is W
    assert compare(remit(), remit(edited(SERVICE, (checks, "")))).kind is W
