"""The verifier says what it saw, and what cannot be read is unknown."""

from pathlib import Path

import pytest

from agents.models.scripted import ScriptedModel
from agents.verdicts import Effect, Standing
from agents.verifier import Verifier
from agents.veto import second_look
from policies.call import Reply
from policies.contract import Effect as ToolEffect
from policies.contract import ToolContract
from policies.loader import load_runbook
from policies.runbook import Check
from policies.scope import Scope
from state import canonical
from state.entry import Role
from state.outcome import Outcome

EXAMPLES = Path(__file__).resolve().parents[2] / "fixtures" / "examples"
RECOVERY = load_runbook(EXAMPLES / "service-recovery.yaml").value
RESYNC = load_runbook(EXAMPLES / "entitlement-resync.yaml").value
AT = "2026-11-23T21:08:40.000000Z"
SVC = {
    "name": "checkout",
    "env": "prod",
    "supervisor": "prod-1",
    "program": "checkout",
    "health_url": "http://c/health",
    "dependencies": [
        {"name": "payments", "health_url": "http://p/"},
        {"name": "catalog", "health_url": "http://k/"},
    ],
}
PROC = {"state": "RUNNING", "pid": 12, "start": 170}


class World:
    """Answers reads from a table; an Outcome in the table is that outcome without a result."""

    def __init__(self, table):
        self.table = table
        self.calls = []

    def __call__(self, call):
        self.calls.append(call)
        answer = self.table.get((call.tool, call.arguments.get("url")), self.table.get(call.tool))
        if isinstance(answer, dict):
            return Reply(outcome=Outcome.SUCCEEDED, result=answer)
        return Reply(outcome=answer or Outcome.UNKNOWN, code="timeout")


def contracts(runbook):
    return {
        name: ToolContract(name=name, effect=ToolEffect.READ, arguments={}, result={}, timeout_s=3)
        for name in runbook.authority.tools
    }


def verifier(table, runbook=RECOVERY):
    world = World(table)
    return Verifier(runbook=runbook, contracts=contracts(runbook), read=world, now=lambda: AT), world


def scope(**more):
    return Scope(inputs={"service": "checkout", "env": "prod"}, bindings={"svc": SVC}, **more)


def health(status):
    return {"answered": True, "status": status, "json": None}


def test_a_check_passes_on_what_it_expects_and_records_only_what_it_read():
    looks, world = verifier({"http.get": health(200), "catalog.service": SVC})
    verdict = looks.check(RECOVERY.completion[0], scope())
    assert verdict.verdict is Standing.PASS
    assert verdict.observed == "health.answered true; health.status 200"
    assert verdict.facts == {"health": {"value": {"answered": True, "status": 200}, "source": "http.get"}}
    assert verdict.at == AT
    assert [c.role for c in world.calls] == [Role.VERIFIER]
    assert world.calls[0].arguments == {"url": "http://c/health"}
    assert world.calls[0].timeout_s == 3
    canonical.dumps(dict(verdict.facts))


@pytest.mark.parametrize(
    ("answer", "standing"),
    [(health(503), Standing.FAIL), (Outcome.UNKNOWN, Standing.UNKNOWN), ({"status": 200}, Standing.UNKNOWN)],
)
def test_what_is_not_so_fails_and_what_cannot_be_read_is_unknown(answer, standing):
    looks, _ = verifier({"http.get": answer})
    assert looks.check(RECOVERY.completion[0], scope()).verdict is standing


def test_what_is_observed_of_what_cannot_be_read_says_why_first():
    looks, _ = verifier({"http.get": Outcome.NOT_SENT})
    verdict = looks.check(RECOVERY.completion[0], scope())
    assert verdict.observed.startswith("health could not be read: not_sent timeout")
    probe = looks.probe(RECOVERY.steps[0].probe, scope())
    assert probe.verdict is Effect.UNKNOWN
    assert "could not be read" in probe.observed


def test_an_old_observation_never_stands_in_for_a_failed_read():
    looks, _ = verifier({})
    old = scope(observed={"health": health(200)})
    verdict = looks.check(RECOVERY.completion[0], old)
    assert verdict.verdict is Standing.UNKNOWN
    assert "health could not be read" in verdict.reason


def test_one_round_reads_once_and_the_next_reads_again():
    looks, world = verifier({"http.get": health(200), "supervisor.process": PROC})
    one = looks.round()
    one.check(RECOVERY.completion[0], scope())
    one.check(RECOVERY.completion[0], scope())
    assert len(world.calls) == 1
    looks.check(RECOVERY.completion[0], scope())
    assert len(world.calls) == 2


def test_a_precondition_over_items_names_the_one_that_fails_first():
    looks, _ = verifier(
        {
            "catalog.service": SVC,
            ("http.get", "http://p/"): health(200),
            ("http.get", "http://k/"): health(503),
        }
    )
    verdict = looks.precondition(RECOVERY.preconditions[1], scope())
    assert verdict.verdict is Standing.FAIL
    assert verdict.observed.startswith("catalog: result.answered true; result.status 503")
    assert verdict.facts["dependencies-up[1].result"]["value"] == health(503)


def test_a_precondition_whose_items_cannot_be_listed_is_unknown():
    looks, _ = verifier({"catalog.service": Outcome.UNKNOWN})
    verdict = looks.precondition(RECOVERY.preconditions[1], scope())
    assert verdict.verdict is Standing.UNKNOWN
    assert "items are not known" in verdict.reason


def test_more_items_than_meant_are_unknown():
    many = SVC | {"dependencies": SVC["dependencies"] * 11}
    looks, _ = verifier({"catalog.service": many, "http.get": health(200)})
    assert looks.precondition(RECOVERY.preconditions[1], scope()).verdict is Standing.UNKNOWN


STOP = RECOVERY.steps[0]


@pytest.mark.parametrize(
    ("now", "effect"),
    [
        ({"state": "STOPPED", "pid": 0, "start": 170}, Effect.APPLIED),
        (PROC, Effect.ABSENT),
        ({"state": "RUNNING", "pid": 13, "start": 171}, Effect.UNKNOWN),
        (Outcome.UNKNOWN, Effect.UNKNOWN),
        ({"state": "STOPPED"}, Effect.UNKNOWN),
    ],
)
def test_a_probe_tells_applied_from_absent_and_guesses_nothing(now, effect):
    looks, _ = verifier({"supervisor.process": now})
    assert looks.probe(STOP.probe, scope(attempt={"proc": PROC})).verdict is effect


def test_a_probe_without_the_facts_of_the_attempt_is_unknown():
    looks, _ = verifier({"supervisor.process": PROC})
    found = looks.probe(STOP.probe, scope())
    assert found.verdict is Effect.UNKNOWN
    assert found.reason


def test_both_expressions_true_at_once_are_unknown():
    both = STOP.probe.model_copy(update={"absent_when": STOP.probe.applied_when})
    looks, _ = verifier({"supervisor.process": {"state": "STOPPED", "pid": 0, "start": 1}})
    found = looks.probe(both, scope(attempt={"proc": PROC}))
    assert (found.verdict, found.reason) == (Effect.UNKNOWN, "both expressions of the probe are true")


def test_binding_checks_identity():
    looks, _ = verifier({"catalog.service": SVC})
    unbound = Scope(inputs={"service": "checkout", "env": "prod"})
    assert looks.bind(unbound).bindings == {"svc": SVC}
    looks, _ = verifier({"catalog.service": SVC | {"name": "search"}})
    assert "is not what was asked for" in looks.bind(unbound).refusal
    looks, _ = verifier({"catalog.service": Outcome.REFUSED})
    assert "no such svc" in looks.bind(unbound).refusal
    looks, _ = verifier({"catalog.service": Outcome.NOT_APPLIED})
    assert "could not be read" in looks.bind(unbound).problem
    looks, _ = verifier({"catalog.service": {"env": "prod"}})
    assert "identity of svc is not known" in looks.bind(unbound).problem


def test_a_pinned_field_that_moved_is_a_conflict_and_another_is_not():
    looks, _ = verifier({"catalog.service": SVC | {"program": "checkout-2", "dependencies": []}})
    found = looks.bind(scope())
    assert found.ok
    assert [(c.what, c.expected, c.observed) for c in found.conflicts] == [
        ("svc.program", "checkout", "checkout-2")
    ]
    looks, _ = verifier({"catalog.service": Outcome.REFUSED})
    assert [c.what for c in looks.bind(scope()).conflicts] == ["svc"]


def test_a_precondition_on_a_binding_that_moved_is_unknown():
    looks, _ = verifier({"catalog.service": SVC | {"program": "other"}, "http.get": health(200)})
    verdict = looks.precondition(RECOVERY.preconditions[1], scope())
    assert verdict.verdict is Standing.UNKNOWN
    assert "svc.program is no longer" in verdict.reason


def test_attempt_facts_are_the_reads_that_a_write_names():
    looks, world = verifier({"supervisor.process": PROC})
    assert looks.attempt_facts(STOP, scope()).values == {"proc": PROC}
    assert [c.tool for c in world.calls] == ["supervisor.process"]
    looks, _ = verifier({})
    assert "proc could not be read" in looks.attempt_facts(STOP, scope()).problem


def test_conflict_if_fails_where_somebody_was_there_first():
    start = RECOVERY.steps[1]
    looks, _ = verifier({})
    assert looks.conflict_if(STOP, scope()) is None
    assert looks.conflict_if(start, scope(attempt={"proc": PROC})).verdict is Standing.FAIL
    stopped = scope(attempt={"proc": PROC | {"state": "STOPPED"}})
    assert looks.conflict_if(start, stopped).verdict is Standing.PASS
    assert looks.conflict_if(start, scope()).verdict is Standing.UNKNOWN


def resync(should, has):
    table = {"directory.entitlements": {"values": should}, "scim.entitlements": {"values": has, "etag": "e1"}}
    looks, _ = verifier(table, RESYNC)
    bound = {
        "person": {"uid": "ann", "active": True},
        "account": {"id": "7", "user_name": "ann", "active": True},
    }
    return looks.survey(Scope(inputs={"user": "ann", "app": "crm"}, bindings=bound))


def test_a_survey_derives_values_and_lists_items():
    found = resync(["aa", "bb"], ["bb", "cc"])
    assert found.derived == {"add": ["aa"], "remove": ["cc"]}
    assert found.items == {"add": ("aa",), "remove": ("cc",)}
    assert resync(["AA"], []).refusal.startswith("derive.add is outside its bound")
    assert "more than the 5" in resync([f"a{n}" for n in range(6)], []).refusal


def test_a_survey_reads_what_initial_names():
    looks, _ = verifier({"supervisor.process": PROC})
    assert looks.survey(scope()).initial == {"proc": PROC}
    looks, _ = verifier({})
    assert "proc could not be read" in looks.survey(scope()).problem


def test_a_large_value_is_recorded_as_an_excerpt():
    looks, _ = verifier({"supervisor.process": PROC | {"state": "X" * 2000}})
    verdict = looks.check(RECOVERY.completion[1], scope())
    assert len(verdict.observed) <= 600
    assert set(verdict.facts["proc"]) == {"excerpt", "sha256", "source"}
    assert len(verdict.facts["proc"]["excerpt"]) <= 600


def test_a_model_may_veto_a_pass_and_grant_nothing():
    looks, _ = verifier({"http.get": health(200)})
    passed = looks.check(RECOVERY.completion[0], scope())
    veto = ScriptedModel([{"veto": True, "reason": "the log\ncontradicts it"}])
    found = second_look(passed, "Is it so?", veto, timeout_s=1)
    assert found.verdict.verdict is Standing.UNKNOWN
    assert found.verdict.reason == "held up by a model: the log contradicts it"
    for line in ({"veto": False, "reason": ""}, "garbage", TimeoutError("late")):
        assert second_look(passed, "Is it so?", ScriptedModel([line]), timeout_s=1).verdict == passed
    failing = looks.check(Check(id="never", expect="health.status == 1"), scope())
    never_asked = ScriptedModel([{"veto": False, "reason": "it is fine"}])
    assert second_look(failing, "Is it so?", never_asked, timeout_s=1).verdict.verdict is Standing.FAIL
    assert never_asked.asked == []
