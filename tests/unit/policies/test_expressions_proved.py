# ruff: noqa: E501 - a case is one line of the table
"""Each law on expressions is broken by one edit of a shipped runbook, with a counterexample that says how."""

import functools
import re

import pytest

from policies.lint import lint
from policies.loader import load_connector, parse_runbook
from policies.proof.expressions import judge
from policies.proof.findings import EXPRESSION_LAWS
from tests.runbook_kit import contracts
from tests.unit.policies.test_shipped_runbooks import FOLDERS, RUNBOOKS, built_in


@functools.cache
def known(folder):
    found = {**contracts(), **built_in()}
    for path in (RUNBOOKS / folder).glob("connector*.yaml"):
        names = re.findall(r"\$\{(\w+)\}", path.read_text())
        found.update(load_connector(path, dict.fromkeys(names, "http://127.0.0.1:1")).value.contracts())
    return found


def text_of(folder, *edits):
    text = (RUNBOOKS / folder / "runbook.yaml").read_text()
    for old, new in edits:
        assert old in text, old
        text = text.replace(old, new, 1)
    return text


@functools.cache
def judged(folder, *edits):
    return judge(parse_runbook(text_of(folder, *edits).encode()).value, known(folder))


@pytest.mark.parametrize("folder", FOLDERS)
def test_nothing_is_found_in_what_is_shipped(folder):
    found = judged(folder)
    assert found.findings == ()
    assert len(found.starts.kept) >= 10


SERVICE, QUOTA, RESYNC = "service-recovery", "quota-raise", "entitlement-resync"
ABSENT = (
    "absent_when: quota.value == attempt.quota.value",
    "absent_when: quota.value >= attempt.quota.value",
)
NOT_ABSENT = (
    "applied_when: quota.value == attempt.quota.value + inputs.count",
    "applied_when: quota.value == attempt.quota.value + inputs.count + 1",
)
EAGER = (
    "applied_when: quota.value == attempt.quota.value + inputs.count",
    "applied_when: quota.value >= attempt.quota.value",
)
RAISED = "{id: raised, expect: quota.value == attempt.quota.value + inputs.count"
AT_THE_END = "{id: raised-once, expect: quota.value == initial.quota.value + inputs.count"
STOPPED = """{id: stopped, expect: 'proc.state in ["STOPPED", "EXITED", "FATAL"]'"""
BACK_UP = """{id: back-up, expect: 'proc.state == "RUNNING"'"""
RUNNING = """{id: still-running, expect: 'proc.state == "RUNNING"'"""
STOP_APPLIED = """applied_when: 'proc.state in ["STOPPED", "EXITED", "FATAL"]'\n"""
UNDO_OF_ADD = "      tool: scim.remove_entitlement"

# law, path of the expression, the runbook, edits, words of the counterexample in their order
CASES = [
    ("probe_absent_after_applying", "steps.0.probe.absent_when", QUOTA, [ABSENT], ["at first quota shows", "raise sends quota.raise (account acc-0, count 1)", "then quota shows", "absent_when is true"]),
    ("probe_applied_before", "steps.0.probe.applied_when", QUOTA, [EAGER], ["at first quota shows", "was not applied", "applied_when is true"]),
    ("probe_contradicts", "steps.0.probe.applied_when", QUOTA, [EAGER], ["applied_when is true", "absent_when is true"]),
    ("probe_blind", "steps.0.probe.applied_when", QUOTA, [NOT_ABSENT], ["then quota shows", "applied_when is false"]),
    ("check_passes_untouched", "steps.0.verify", QUOTA, [(RAISED, "{id: raised, expect: quota.exists")], ["was not applied", "raised is true: quota.exists"]),
    ("check_passes_untouched", "steps.0.verify", QUOTA, [(RAISED, "{id: raised, expect: quota.value >= inputs.count")], ["was not applied", "raised is true"]),
    ("check_fails_after_applying", "steps.0.verify.0.expect", QUOTA, [(RAISED, "{id: raised, expect: quota.value == attempt.quota.value")], ["raise sends", "raised is false"]),
    ("expression_unknown", "steps.0.verify.0.expect", QUOTA, [(RAISED, "{id: raised, expect: quota.value / 0 == 1")], ["raised is unknown"]),
    ("completion_passes_untouched", "completion", QUOTA, [(AT_THE_END, "{id: raised-once, expect: quota.value >= initial.quota.value")], ["at first quota shows", "raised-once is true"]),
    ("completion_fails", "completion.0.expect", QUOTA, [(AT_THE_END, "{id: raised-once, expect: quota.value > initial.quota.value + inputs.count")], ["raise sends", "raised-once is false"]),
    ("check_passes_untouched", "steps.0.verify", SERVICE, [(STOPPED, "{id: stopped, expect: 'proc.state != \"STARTING\"'")], ["was not applied", "stopped is true"]),
    ("check_passes_untouched", "steps.1.verify", SERVICE, [("expect: 'proc.state == \"RUNNING\" && (proc.start != initial", "expect: 'proc.pid != initial.proc.pid && (proc.start == initial.proc.start || proc.start != initial")], ["start was not applied", "new-process is true"]),
    ("probe_applied_before", "steps.0.probe.applied_when", SERVICE, [(STOP_APPLIED, "applied_when: 'proc.state != \"x\" || proc.pid >= 0'\n")], ["was not applied"]),
    ("check_fails_after_applying", "steps.0.rollback.verify.0.expect", SERVICE, [(BACK_UP, "{id: back-up, expect: 'proc.state == \"STOPPED\"'")], ["stop sends supervisor.stop", "the undo of stop sends supervisor.start", "back-up is false"]),
    ("steps_fight", "completion.1.expect", SERVICE, [(RUNNING, "{id: still-running, expect: 'proc.state == \"STOPPED\"'")], ["stop sends", "start sends", "still-running is false"]),
    ("optional_needed", "steps.1.conflict_if", SERVICE, [("    timeout: 30s\n", "    timeout: 30s\n    optional: true\n")], ["stop is optional and is left undone", "conflict_if of start is true"]),
    ("precondition_undone", "preconditions.3.expect", RESYNC, [("expect: size(derive.add) + size(derive.remove) > 0", "expect: has.values == initial.has.values")], ["add of aa sends", "drifted is false"]),
    ("undo_keeps_effect", "steps.0.rollback.tool", RESYNC, [(UNDO_OF_ADD, "      tool: scim.add_entitlement")], ["the undo of add of aa sends scim.add_entitlement", "added is true"]),
]  # fmt: skip


@pytest.mark.parametrize(
    ("law", "site", "folder", "edits", "words"),
    CASES,
    ids=[f"{c[0]}-{c[2]}-{n}" for n, c in enumerate(CASES)],
)
def test_an_edit_has_its_counterexample(law, site, folder, edits, words):
    found = {(one.law, one.site): one for one in judged(folder, *edits).findings}
    assert (law, site) in found, sorted(found)
    text, at = found[law, site].text, 0
    assert found[law, site].blocks is EXPRESSION_LAWS[law][1]
    for word in words:
        assert word in text[at:], text
        at = text.index(word, at) + len(word)


def test_every_law_has_a_case():
    assert {case[0] for case in CASES} == set(EXPRESSION_LAWS)


def test_a_model_that_is_not_there_is_said_and_nothing_is_made_up():
    tools = {name: c.model_copy(update={"model": None}) for name, c in known(QUOTA).items()}
    found = judge(
        parse_runbook(text_of(QUOTA, ABSENT, (RAISED, "{id: raised, expect: quota.exists")).encode()).value,
        tools,
    )
    assert found.findings == ()
    assert "raise: quota.raise has no model, so what reads show after it is taken on trust" in found.trusted


def test_what_no_model_speaks_of_is_named():
    assert (
        "completion healthy-and-stays reads health: no write's model says what http.get shows"
        in judged(SERVICE).trusted
    )


def test_a_runbook_that_never_writes_is_said_to_be_unseen():
    found = judged(QUOTA, ("quota.exists && quota.id == inputs.account", "quota.value == quota.value + 1"))
    assert found.findings == ()
    assert "no beginning was found from which the run writes: no expression was evaluated" in found.trusted


def test_a_list_is_walked_item_by_item():
    walked = [start.items["add"] for start in judged(RESYNC).starts.kept]
    assert max(map(len, walked)) == 2


def test_the_edits_are_of_runbooks_that_lint_takes():
    for law, _, folder, edits, _ in CASES:
        loaded = parse_runbook(text_of(folder, *edits).encode())
        codes = {p.code for p in lint(loaded.value, known(folder), loaded.document) if not p.warning}
        assert codes <= {"completion_passes_unchanged", "argument_provenance", "undo_elsewhere"}, (law, codes)
