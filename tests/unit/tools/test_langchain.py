from pathlib import Path

import pytest
from langchain_core.tools import ToolException, tool
from langsmith.utils import get_env_var, tracing_is_enabled

from policies.call import Reply
from policies.contract import Dedupe, DedupeKind, Effect, IntegerSpec, StringSpec, ToolContract
from state.outcome import Outcome
from tools.errors import PermanentError, SetupError, TransientError
from tools.langchain import argument_schema, from_langchain, to_langchain

HERE = Path(__file__)
CONTRACT = ToolContract(
    name="seats.grant",
    effect=Effect.WRITE,
    resource="seats/{account}",
    arguments={
        "account": StringSpec(type="string", pattern="acc-[0-9]+"),
        "count": IntegerSpec(type="integer", minimum=1, maximum=20),
    },
    result={"seats": "integer"},
)


@tool
def grant(account: str, count: int) -> dict:
    """Grant seats."""
    if account == "acc-1":
        raise TransientError("busy")
    if account == "acc-2":
        raise PermanentError("closed")
    if account == "acc-3":
        raise RuntimeError("who knows")
    return {"seats": count, "more": 1} if account != "acc-4" else {"other": count}


def test_a_tool_handed_out_calls_through_the_caller():
    calls = []

    def call(arguments):
        calls.append(arguments)
        return Reply(outcome=Outcome.SUCCEEDED, result={"seats": 5})

    handed = to_langchain(CONTRACT, call, "Grant seats.")
    assert handed.invoke({"account": "acc-9", "count": 2}) == {"seats": 5}
    assert calls == [{"account": "acc-9", "count": 2}]
    assert handed.name == "seats__grant"


def test_what_is_no_success_raises():
    denied = Reply(outcome=Outcome.REFUSED, code="422", detail="closed")
    handed = to_langchain(CONTRACT, lambda arguments: denied, "Grant seats.")
    with pytest.raises(ToolException, match="refused: 422 closed"):
        handed.invoke({"account": "acc-9", "count": 2})


def test_the_schema_is_closed():
    schema = argument_schema(CONTRACT)
    assert schema["required"] == ["account", "count"]
    assert schema["additionalProperties"] is False
    assert schema["properties"]["count"] == {"type": "integer", "minimum": 1, "maximum": 20}
    assert schema["properties"]["account"]["pattern"] == "^(?:acc-[0-9]+)$"


@pytest.mark.parametrize(
    ("account", "outcome", "code"),
    [
        ("acc-9", Outcome.SUCCEEDED, "ok"),
        ("acc-1", Outcome.NOT_APPLIED, "transient"),
        ("acc-2", Outcome.REFUSED, "permanent"),
        ("acc-3", Outcome.UNKNOWN, "raised"),
        ("acc-4", Outcome.UNKNOWN, "unreadable"),
    ],
)
def test_a_tool_taken_in_is_classified(account, outcome, code):
    taken = from_langchain(grant, CONTRACT, HERE)
    reply = taken.send({"account": account, "count": 2}, key="k", secret=None, timeout_s=1)
    assert (reply.outcome, reply.code) == (outcome, code)
    assert reply.result == ({"seats": 2} if account == "acc-9" else None)
    assert taken.contract.source.startswith("sha256:")


def test_an_environment_variable_sends_no_arguments_elsewhere(monkeypatch):
    monkeypatch.setenv("LANGSMITH_TRACING", "true")
    monkeypatch.setenv("LANGCHAIN_TRACING_V2", "true")
    get_env_var.cache_clear()
    seen = []

    @tool
    def look(account: str, count: int) -> dict:
        """Look."""
        seen.append(tracing_is_enabled())
        return {"seats": 1}

    try:
        assert tracing_is_enabled()
        taken = from_langchain(look, CONTRACT, HERE)
        reply = taken.send({"account": "acc-9", "count": 2}, key="k", secret=None, timeout_s=1)
    finally:
        get_env_var.cache_clear()
    assert (reply.outcome, seen) == (Outcome.SUCCEEDED, [False])


def test_its_own_schema_refuses_before_it_runs():
    taken = from_langchain(grant, CONTRACT, HERE)
    reply = taken.send({"account": "acc-9", "count": "many"}, key="k", secret=None, timeout_s=1)
    assert (reply.outcome, reply.code) == (Outcome.REFUSED, "arguments")


def test_a_contract_that_it_cannot_keep_is_refused():
    with pytest.raises(SetupError, match="count"):
        from_langchain(
            grant, CONTRACT.model_copy(update={"arguments": {"account": StringSpec(type="string")}}), HERE
        )
    keyed = Dedupe(kind=DedupeKind.NATIVE_KEY, header="Idempotency-Key", window_s=60)
    with pytest.raises(SetupError, match="key"):
        from_langchain(grant, CONTRACT.model_copy(update={"dedupe": keyed}), HERE)
