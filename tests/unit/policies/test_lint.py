# ruff: noqa: E501 - a case is one line of the table
import pytest

from policies.contract import DedupeKind
from policies.lint import RULES, lint, worst_case
from policies.lint.subject import Subject
from policies.loader import parse_runbook
from tests.runbook_kit import EXAMPLES, contracts

SERVICE = (EXAMPLES / "service-recovery.yaml").read_text()
RESYNC = (EXAMPLES / "entitlement-resync.yaml").read_text()
COMPLETION = SERVICE[SERVICE.index("completion:") : SERVICE.index("on_exhausted:")]
START_ARGUMENTS = '    tool: supervisor.start\n    with: {server: "{svc.supervisor}", program: "{svc.program}"}\n    timeout: 45s\n'
ADD = '    with: {app: "{inputs.app}", id: "{account.id}", value: "{item}", etag: "{attempt.has.etag}"}\n'
STOP_UNDO = SERVICE[SERVICE.index("    rollback:\n") : SERVICE.index("  - id: start")]


def problems(text, tools=None):
    loaded = parse_runbook(text.encode())
    return lint(loaded.value, contracts() if tools is None else tools, loaded.document)


def edited(text, *edits):
    for old, new in edits:
        assert old in text, old
        text = text.replace(old, new, 1)
    return text


@pytest.mark.parametrize("text", [SERVICE, RESYNC])
def test_the_examples_are_clean(text):
    assert problems(text) == []


# code, path of the problem, the file, edits: each edit makes one thing wrong, and lint says that code there.
CASES = [
    ("unknown_tool", "authority.tools.5", SERVICE, [("log_tail, http.get]", "log_tail, http.got]")]),
    ("tool_not_in_authority", "steps.0.tool", SERVICE, [("supervisor.stop, ", "")]),
    ("tool_not_in_authority", "diagnose.0.tool", SERVICE, [(", supervisor.log_tail, http.get]", ", http.get]")]),
    ("duplicate_tool", "authority.tools.6", SERVICE, [("log_tail, http.get]", "log_tail, http.get, http.get]")]),
    ("read_would_write", "observe.proc.tool", SERVICE, [("proc:   {tool: supervisor.process", "proc:   {tool: supervisor.stop")]),
    ("step_does_not_write", "steps.0.tool", SERVICE, [("    tool: supervisor.stop ", "    tool: supervisor.process ")]),
    ("missing_argument", "steps.1.with", SERVICE, [(START_ARGUMENTS, START_ARGUMENTS.replace(', program: "{svc.program}"', ""))]),
    ("unknown_argument", "diagnose.0.with.line", SERVICE, [("lines: 50", "line: 50")]),
    ("argument_misfit", "diagnose.0.with.lines", SERVICE, [("lines: 50", "lines: 5000")]),
    ("argument_misfit", "diagnose.0.with.lines", SERVICE, [("lines: 50", 'lines: "50"')]),
    ("argument_misfit", "diagnose.0.with.lines", SERVICE, [("lines: 50", 'lines: "{svc.program}"')]),
    ("argument_misfit", "diagnose.0.with.lines", SERVICE, [("lines: 50", 'lines: "x{proc.pid}"')]),
    ("argument_misfit", "diagnose.1.with.url", SERVICE, [('http.get, with: {url: "{svc.health_url}"}}\n\nescalation', 'http.get, with: {url: "{proc.pid}"}}\n\nescalation')]),
    ("reserved_name", "observe.initial", SERVICE, [("  health: {tool", "  initial: {tool")]),
    ("reserved_name", "bindings.item", SERVICE, [("  svc:\n    tool", "  item:\n    tool")]),
    ("reserved_name", "observe.svc", SERVICE, [("  health: {tool", "  svc: {tool")]),
    ("duplicate_id", "steps.1.id", SERVICE, [("  - id: start", "  - id: stop")]),
    ("duplicate_id", "completion.1.id", SERVICE, [("{id: still-running", "{id: new-process")]),
    ("duplicate_id", "preconditions.1.id", SERVICE, [("  - id: dependencies-up", "  - id: really-unhealthy")]),
    ("duplicate_id", "diagnose.1.id", SERVICE, [("{id: health-again", "{id: log")]),
    ("unknown_name", "completion.1.expect", SERVICE, [("still-running, expect: 'proc.state", "still-running, expect: 'proc.stat")]),
    ("unknown_name", "preconditions.0.expect", SERVICE, [('"!health.answered', '"!attempt.health.answered')]),
    ("unknown_name", "preconditions.1.with.url", SERVICE, [("{item.health_url}", "{item.url}")]),
    ("unknown_name", "steps.0.with.program", SERVICE, [('supervisor.start\n      with: {server: "{svc.supervisor}", program: "{svc.program}"}', 'supervisor.start\n      with: {server: "{svc.supervisor}", program: "{svc.program}"}'), ('read_back and repeatable\n    with: {server: "{svc.supervisor}", program: "{svc.program}"}', 'read_back and repeatable\n    with: {server: "{svc.supervisor}", program: "{svc.programme}"}')]),
    ("unknown_name", "once.key.0", SERVICE, [("[inputs.env, inputs.service], while", "[inputs.environment, inputs.service], while")]),
    ("unknown_name", "escalation.severity.by", SERVICE, [("by: inputs.env", "by: inputs.zone")]),
    ("unknown_name", "triggers.chat.1", SERVICE, [("recover {service} in", "recover {program} in")]),
    ("unknown_name", "triggers.alert.map.servce", SERVICE, [("map: {service:", "map: {servce:")]),
    ("unknown_name", "refuse.1.when", RESYNC, [("inputs.user.startsWith", "account.id.startsWith")]),
    ("unknown_value", "escalation.severity.production", SERVICE, [("prod: high", "production: high")]),
    ("trigger_misses_input", "triggers.alert", SERVICE, [(", env: labels.env}", "}")]),
    ("wrong_type", "completion.0.expect", SERVICE, [("expect: health.answered && health.status == 200, within", 'expect: health.answered && health.status == "200", within')]),
    ("wrong_type", "completion.1.expect", SERVICE, [("still-running, expect: 'proc.state == \"RUNNING\"'", "still-running, expect: proc.state")]),
    ("wrong_type", "preconditions.1.for_each.of", SERVICE, [("of: svc.dependencies", "of: svc.name")]),
    ("wrong_type", "diagnose.1.with.url", SERVICE, [('http.get, with: {url: "{svc.health_url}"}}\n\nescalation', 'http.get, with: {url: "{svc.dependencies}"}}\n\nescalation')]),
    ("no_timeout", "steps.0", SERVICE, [("    timeout: 30s\n", "")]),
    ("no_verify", "steps.0", SERVICE, [("    verify:\n      - {id: stopped, expect: 'proc.state in [\"STOPPED\", \"EXITED\", \"FATAL\"]', within: 20s, every: 1s}\n", "")]),
    ("no_rollback", "steps.0", SERVICE, [(STOP_UNDO, "\n")]),
    ("no_timeout", "steps.0.rollback", RESYNC, [("      timeout: 10s\n", ""), ("    timeout: 10s\n    on_refused", "    on_refused")]),
    ("no_probe", "steps.0.rollback", SERVICE, [("      probe: {observe: proc, applied_when: 'proc.state == \"RUNNING\"', absent_when: 'proc.state in [\"STOPPED\", \"EXITED\", \"FATAL\"]'}\n", "")]),
    ("condition_not_fresh", "steps.0.with.etag", RESYNC, [('etag: "{attempt.has.etag}"', "etag: fixed")]),
    ("condition_not_fresh", "steps.0.with.etag", RESYNC, [('etag: "{attempt.has.etag}"', 'etag: "{has.etag}"')]),
    ("key_window_short", "steps.1.retry", SERVICE, [("[catalog.service,", "[seats.grant, catalog.service,"), ("    tool: supervisor.start\n    with", "    tool: seats.grant\n    with"), ("retry: {budget: 2, after: [not_applied, unverified]", "retry: {budget: 5, after: [not_applied]"), ("writes: 5", "writes: 8")]),
    ("unverified_not_repeatable", "steps.0.retry.after", RESYNC, [("after: [not_applied]", "after: [not_applied, unverified]")]),
    ("leave_not_optional", "steps.0.on_refused", SERVICE, [("    timeout: 30s\n", "    timeout: 30s\n    on_refused: leave\n")]),
    ("of_step_not_optional", "completion.1.of_step", RESYNC, [("of_step: remove", "of_step: add")]),
    ("no_resource", "steps.1.tool", SERVICE, [("[catalog.service,", "[page.send, catalog.service,"), ("    tool: supervisor.start\n    with", "    tool: page.send\n    with")]),
    ("wrong_type", "steps.1.tool", SERVICE, [("[catalog.service,", "[page.turn, catalog.service,"), ("    tool: supervisor.start\n    with", "    tool: page.turn\n    with")]),
    ("undo_elsewhere", "steps.0.rollback", SERVICE, [('      tool: supervisor.start\n      with: {server: "{svc.supervisor}"', '      tool: supervisor.start\n      with: {server: "{inputs.env}"')]),
    ("argument_provenance", "steps.0.with.value", RESYNC, [('value: "{item}", etag', 'value: "{has.etag}", etag')]),
    ("argument_provenance", "steps.0.with.value", RESYNC, [('value: "{item}", etag', 'value: "{attempt.has.etag}", etag')]),
    ("argument_provenance", "steps.0.with.value", RESYNC, [('value: "{item}", etag', 'value: "{initial.has.etag}", etag')]),
    ("argument_provenance", "steps.0.with.value", RESYNC, [("of: derive.add", "of: should.values")]),
    ("argument_provenance", "steps.0.with.value", RESYNC, [("v in has.values))', bound: {pattern: \"^[a-z][a-z0-9:-]{1,40}$\"}}", "v in has.values))'}")]),
    ("verify_could_be_read", "steps.1.verify", SERVICE, [(SERVICE[SERVICE.index("    verify:\n      - {id: new-process") : SERVICE.index("    rollback: {possible")], "    verify: {none: Nothing to read.}\n")]),
    ("check_observes_nothing", "completion.1.expect", SERVICE, [("still-running, expect: 'proc.state == \"RUNNING\"'", "still-running, expect: 'true'")]),
    ("check_observes_nothing", "steps.0.verify.0.expect", SERVICE, [("{id: stopped, expect: 'proc.state in", "{id: stopped, expect: 'svc.name in")]),
    ("identity_compares_nothing", "bindings.svc.identity", SERVICE, [("identity: svc.name == inputs.service && svc.env == inputs.env", 'identity: svc.name != ""')]),
    ("identity_compares_nothing", "bindings.svc.identity", SERVICE, [("identity: svc.name == inputs.service && svc.env == inputs.env", "identity: inputs.env == inputs.env")]),
    ("unknown_observation", "steps.0.probe.observe", SERVICE, [("observe: proc\n      applied_when: 'proc.state in", "observe: process\n      applied_when: 'proc.state in")]),
    ("probe_looks_elsewhere", "steps.0.probe.absent_when", SERVICE, [("absent_when: 'proc.state == \"RUNNING\" && proc.start == attempt.proc.start'", "absent_when: 'true'")]),
    ("result_not_asked", "preconditions.1.expect", SERVICE, [("expect: result.answered && result.status == 200", "expect: health.answered")]),
    ("arguments_without_tool", "preconditions.1.with", SERVICE, [("    tool: http.get\n    with", "    with")]),
    ("completion_passes_unchanged", "completion", SERVICE, [('expect: "!health.answered || health.status != 200"', 'expect: svc.name != ""')]),
    ("writes_below_worst_case", "limits.writes", SERVICE, [("writes: 5", "writes: 4")]),
    ("attempts_below_worst_case", "limits.attempts_on_resource.max", SERVICE, [("{max: 10, per: 1h}", "{max: 6, per: 1h}")]),
    ("deadline_short", "limits.deadline", SERVICE, [("deadline: 15m", "deadline: 7m")]),
    ("bad_for_each", "preconditions.1.for_each.min", SERVICE, [("min: 0, max: 20", "min: 21, max: 20")]),
    ("nothing_to_roll_back", "on_exhausted", SERVICE, [(STOP_UNDO, "    rollback: {possible: false, why: No.}\n\n"), ("on_exhausted: escalate", "on_exhausted: roll_back")]),
    ("nothing_to_roll_back", "steps.1.on_refused", SERVICE, [(STOP_UNDO, "    rollback: {possible: false, why: No.}\n\n"), ("    conflict_if", "    on_refused: roll_back\n    conflict_if")]),
    ("hold_beyond_within", "completion.0.hold", SERVICE, [("within: 3m, every: 5s, hold: 60s", "within: 30s, every: 5s, hold: 60s")]),
    ("hold_not_watched", "completion.0.every", SERVICE, [("every: 5s, hold: 60s", "every: 90s, hold: 60s")]),
    ("open_input", "inputs.service", SERVICE, [(', pattern: "^[a-z][a-z0-9-]{1,30}$"', "")]),
]  # fmt: skip


@pytest.mark.parametrize(("code", "path", "text", "edits"), CASES, ids=[f"{c[0]}-{c[1]}" for c in CASES])
def test_what_cannot_be_run_safely_is_refused(code, path, text, edits):
    found = problems(edited(text, *edits))
    assert (code, path) in [(p.code, p.path) for p in found]


def test_a_native_key_needs_a_window():
    tools = contracts()
    grant = tools["seats.grant"]
    tools["seats.grant"] = grant.model_copy(
        update={"dedupe": grant.dedupe.model_copy(update={"window_s": None})}
    )
    edits = next(c[3] for c in CASES if c[0] == "key_window_short")
    assert "key_without_window" in [p.code for p in problems(edited(SERVICE, *edits), tools)]


def test_a_child_that_may_outlive_its_worker_is_warned_of_where_no_target_settles_doubles():
    def warned(name, kind):
        tools = contracts()
        dedupe = tools[name].dedupe.model_copy(update={"kind": kind})
        tools[name] = tools[name].model_copy(update={"child_process": True, "dedupe": dedupe})
        return [(p.path, p.warning) for p in problems(SERVICE, tools) if p.code == "child_outlives_worker"]

    assert ("steps.0.tool", True) in warned("supervisor.stop", DedupeKind.READ_BACK)
    assert warned("supervisor.stop", DedupeKind.NATURAL_KEY) == []


def test_a_conditional_write_names_its_condition():
    tools = contracts()
    add = tools["scim.add_entitlement"]
    tools[add.name] = add.model_copy(update={"dedupe": add.dedupe.model_copy(update={"condition": None})})
    assert ("condition_unnamed", "steps.0.tool") in [(p.code, p.path) for p in problems(RESYNC, tools)]


def test_every_rule_has_a_case_that_no_other_rule_finds():
    finds = {rule.__name__: set() for rule in RULES}
    for number, (_, _, text, edits) in enumerate(CASES):
        loaded = parse_runbook(edited(text, *edits).encode())
        subject = Subject(loaded.value, contracts(), loaded.document)
        for rule in RULES:
            finds[rule.__name__] |= {(number, problem) for problem in rule(subject)}
    for name, own in finds.items():
        assert own - set().union(*(found for other, found in finds.items() if other != name)), name


def test_a_warning_refuses_nothing_and_says_so():
    (problem,) = problems(edited(SERVICE, ("deadline: 15m", "deadline: 7m")))
    assert problem.warning
    assert str(problem).endswith("timeouts, backoffs and checks can take 445s [deadline_short] (warning)")


def test_a_problem_points_into_the_expression():
    (problem,) = problems(
        edited(SERVICE, ("&& health.status == 200, within", "&& health.stat == 200, within"))
    )
    assert str(problem) == (
        "runbook.yaml:86:63 completion.0.expect: there is no stat; known are answered, status, json [unknown_name]"
    )


def test_a_completion_that_may_pass_unchanged_says_why_or_looks_at_the_start():
    empty = ('expect: "!health.answered || health.status != 200"', 'expect: svc.name != ""')
    said = (
        "on_exhausted:",
        "completion_passes_unchanged: A restart is wanted for its own sake.\non_exhausted:",
    )
    compared = (
        "{id: still-running, expect: '",
        "{id: still-running, expect: 'proc.pid != initial.proc.pid && ",
    )
    assert [p.code for p in problems(edited(SERVICE, empty))] == ["completion_passes_unchanged"]
    assert problems(edited(SERVICE, empty, said)) == []
    assert problems(edited(SERVICE, empty, compared)) == []


def test_what_an_undo_takes_from_its_steps_answer_is_what_is_recorded():
    base = edited(
        RESYNC,
        ('      tool: scim.remove_entitlement\n      with: {app: "{inputs.app}", id: "{account.id}", value: "{item}"', '      tool: scim.remove_entitlement\n      with: {app: "{inputs.app}", id: "{account.id}", value: "{result.etag}"'),
    )  # fmt: skip
    assert problems(base) == []
    forward = edited(RESYNC, ('value: "{item}", etag', 'value: "{result.etag}", etag'))
    assert {p.code for p in problems(forward)} >= {"unknown_name"}
    unrecorded = {
        **contracts(),
        "scim.add_entitlement": contracts()["scim.add_entitlement"].model_copy(update={"recorded": ()}),
    }
    assert {p.code for p in problems(base, unrecorded)} == {"unknown_name"}


def test_a_tool_that_is_not_known_is_one_problem_and_not_many():
    tools = {name: c for name, c in contracts().items() if name != "supervisor.process"}
    assert [(p.code, p.path) for p in problems(SERVICE, tools)] == [("unknown_tool", "authority.tools.1")]


def test_lint_works_without_the_file():
    loaded = parse_runbook(edited(SERVICE, ("writes: 5", "writes: 4")).encode())
    (problem,) = lint(loaded.value, contracts())
    assert str(problem).startswith("service-recovery.yaml:1:1 limits.writes: the worst case is 5 writes")


def test_the_worst_case_is_the_sum_over_operations_of_one_and_the_budget():
    worst = worst_case(parse_runbook(SERVICE.encode()).value)
    assert [(s.step, s.forward, s.undo) for s in worst.steps] == [("stop", 2, 2), ("start", 3, 0)]
    assert (worst.writes, worst.reserve) == (5, 2)
    worst = worst_case(parse_runbook(RESYNC.encode()).value)
    assert [(s.operations, s.forward, s.undo) for s in worst.steps] == [(5, 10, 10), (5, 10, 10)]
    assert (worst.writes, worst.reserve) == (20, 20)
