"""What an expression sees of a run: what was read, and nothing that was not."""

from dataclasses import replace
from types import MappingProxyType

import pytest

from policies.expressions import Truth, compile_expression
from policies.scope import Scope
from state.outcome import Outcome
from state.task import Attempt, Operation, Task

PROC = {"state": "RUNNING", "pid": 12, "tags": ("a",)}


def attempt(number, facts, result=None, outcome=Outcome.SUCCEEDED):
    return Attempt(
        number=number,
        seq=number,
        at="",
        epoch=1,
        send_by="",
        span_ms=1,
        tool="t.t",
        resource="r",
        arguments={},
        key="k",
        digest="d",
        facts=facts,
        outcome=outcome,
        result=result,
    )


ADDED = Operation(
    id="add[1]/1",
    step="add",
    item=1,
    ordinal=1,
    attempts=(
        attempt(1, {"proc": {"pid": 1}}, outcome=Outcome.NOT_APPLIED),
        attempt(2, {"proc": {"pid": 2}}, {"grant": "g-1"}),
    ),
)
TASK = Task(
    run="r",
    inputs=MappingProxyType({"service": "checkout"}),
    bindings=MappingProxyType({"svc": {"program": "p"}}),
    initial={"proc": {"pid": 0}},
    derived={"add": ("x", "y")},
    items={"add": ("x", "y")},
    facts={
        "proc": {"value": PROC, "at": "", "seq": 1, "source": "s"},
        "big": {"excerpt": "…", "source": "s"},
    },
    operations=(ADDED,),
)


def truth(text, scope):
    return compile_expression(text).truth(scope.values()).truth


def test_every_name_has_its_value():
    scope = Scope.of(TASK, history={"runs": 3})
    holds = (
        'inputs.service == "checkout" && svc.program == "p" && proc.pid == 12 && initial.proc.pid == 0 '
        '&& derive.add == ["x", "y"] && proc.tags == ["a"] && history.runs == 3'
    )
    assert truth(holds, scope) is Truth.TRUE


@pytest.mark.parametrize(
    "text", ["item == 1", "result.x == 1", "attempt.proc.pid == 1", "big == 1", "derive.no == 1"]
)
def test_what_was_not_read_is_unknown(text):
    assert truth(text, Scope.of(TASK)) is Truth.UNKNOWN
    assert truth(f"!({text})", Scope.of(TASK)) is Truth.UNKNOWN


def test_an_operation_sees_its_item_the_reads_of_its_first_send_and_its_answer():
    scope = Scope.of_operation(TASK, ADDED)
    assert truth('item == "y" && attempt.proc.pid == 1 && result.grant == "g-1"', scope) is Truth.TRUE


def test_a_compensation_sees_the_answer_of_what_it_undoes():
    scope = Scope.due(TASK, "add", 1, undoes="add[1]/1")
    assert truth('item == "y" && result.grant == "g-1"', scope) is Truth.TRUE
    undo = Operation(
        id="undo:add[1]/1/1",
        step="add",
        item=1,
        ordinal=1,
        undoes="add[1]/1",
        attempts=(attempt(1, {}, {"grant": "g-2"}),),
    )
    task = replace(TASK, operations=(ADDED, undo))
    assert truth('result.grant == "g-1"', Scope.of_operation(task, undo)) is Truth.TRUE


def test_an_item_that_was_never_listed_is_an_error():
    with pytest.raises(KeyError):
        Scope.due(TASK, "add", 2)


def test_only_what_is_given_counts_as_observed():
    scope = Scope.of(TASK).with_observed({"health": {"status": 200}})
    assert truth("health.status == 200", scope) is Truth.TRUE
    assert truth("proc.pid == 12", scope) is Truth.UNKNOWN
    assert truth("attempt.proc.pid == 7", scope.with_attempt({"proc": {"pid": 7}})) is Truth.TRUE
