"""Neither asking again nor a takeover refills a budget: as many attempts at the target as in the ledger."""

import json

import pytest

from evals.storm.cases import BUDGET, FAULTS, KINDS, Case
from evals.storm.desk import ATTEMPTS_ON_THING, inputs, runbook_id
from evals.storm.processes import KILL_AT, KILLED, remit
from evals.storm.singles import command, place

pytestmark = [pytest.mark.crash, pytest.mark.timeout(300)]
REJECTED, ESCALATED = 5, 3


@pytest.fixture(scope="module")
def where(tmp_path_factory):
    with place(tmp_path_factory.mktemp("budgets")) as where:
        yield where


def ask(where, kind, thing):
    done = remit("run", runbook_id(kind), *inputs(thing), "--json", env=where.env)
    return done.exit, json.loads(done.out)


@pytest.mark.parametrize("kind", ["native_key", "read_back"])
def test_asking_again_refills_nothing(where, kind):
    case = Case(number=KINDS.index(kind), kind=kind, fault=FAULTS["down"])
    where.target.plan([case])
    code, first = ask(where, kind, case.thing)
    assert (code, first["reason"]) == (ESCALATED, "retries_exhausted")
    assert where.requests(case.thing) == len(first["writes"]) == 1 + BUDGET

    code, second = ask(where, kind, case.thing)
    assert (code, second["state"]) == (REJECTED, "rejected")  # beside an open escalation nothing is begun
    assert where.requests(case.thing) == 1 + BUDGET

    packet = json.loads(remit("esc", "show", first["run"], "--json", env=where.env).out)
    remit("esc", "abort", first["run"], "--basis", packet["basis"], "--why", "asked again", env=where.env)
    assert where.records()[case.thing]["state"] == "closed_by_human"
    code, third = ask(where, kind, case.thing)
    assert (code, third["reason"]) == (ESCALATED, "resource_exhausted")
    assert where.requests(case.thing) == ATTEMPTS_ON_THING
    assert len(first["writes"]) + len(third["writes"]) == ATTEMPTS_ON_THING
    assert where.effects(case.thing) == []


def test_a_takeover_after_each_attempt_refills_nothing(where):
    case = Case(number=90, kind="native_key", fault=FAULTS["broken"])
    where.target.plan([case])
    kill = {KILL_AT: "reply:1"}
    child = where.children.start(case.thing, command(runbook_id(case.kind), case.thing), env=kill)
    assert child.wait(60) == KILLED
    for attempt in range(1, 1 + BUDGET):
        drain = where.children.start(f"drain-{attempt}", ["worker", "--drain"], env=kill)
        assert drain.wait(60) == KILLED, drain.said()
        assert where.requests(case.thing) == 1 + attempt
    where.drain()
    record = where.records()[case.thing]
    assert (record["state"], record["reason"]) == ("escalated", "retries_exhausted")
    assert where.requests(case.thing) == len(record["writes"]) == 1 + BUDGET
