"""What a read may use and wait for, what of its answer goes on, and that there is no door without guards."""

from dataclasses import replace
from typing import Any

import pytest

from policies.call import Reply
from state.entry import Role
from state.outcome import Outcome
from tests import guard_kit as kit
from tests.gateway_kit import CANARY, Desk, make_desk
from tools.gateway import Gateway
from tools.registry import Registry
from tools.reply_bounds import bounded
from tools.scrub import MAX_TEXT, Scrubber
from tools.secrets import Secrets


@pytest.fixture
def desk() -> Desk:
    return make_desk()


def test_a_read_uses_the_readers_credential_whoever_asks(desk: Desk) -> None:
    desk.get.answer = Reply(outcome=Outcome.SUCCEEDED, result={"account": "acc-1", "seats": 7, "extra": 1})
    for role in (Role.VERIFIER, Role.EXECUTOR):
        reply = desk.gateway.read(kit.read_call(role=role), kit.read_context())
        assert reply.result == {"account": "acc-1", "seats": 7}
    assert [sent["secret"] for sent in desk.get.log] == ["reader-" + CANARY] * 2
    assert desk.kinds() == []


def test_a_denied_read_is_not_sent_and_says_so(desk: Desk) -> None:
    reply = desk.gateway.read(kit.read_call(arguments={"account": "../x"}), kit.read_context())
    assert (reply.outcome, reply.code, reply.notes) == (
        Outcome.NOT_SENT,
        "argument_pattern",
        ("denied", "schema"),
    )
    assert desk.get.log == []


def test_a_write_tool_cannot_be_read(desk: Desk) -> None:
    context = replace(kit.read_context(), contract=kit.GET)  # what the caller says of the tool does not count
    reply = desk.gateway.read(kit.call(), context)
    assert reply.code == "wrong_effect"
    assert desk.grant.log == []


def test_a_read_waits_no_longer_than_its_contract_says(desk: Desk) -> None:
    desk.gateway.read(kit.read_call(timeout_s=600.0), kit.read_context())
    assert desk.get.log[0]["timeout_s"] == 3.0


def test_a_read_without_its_credential_is_not_sent(desk: Desk) -> None:
    del desk.secrets["REMIT_SECRET_SEATS_READ"]
    reply = desk.gateway.read(kit.read_call(), kit.read_context())
    assert (reply.outcome, reply.pauses) == (Outcome.NOT_SENT, True)


@pytest.mark.parametrize("length", [MAX_TEXT, MAX_TEXT + 1])
@pytest.mark.parametrize("where", ["id", "list"])
def test_a_recorded_text_of_a_write_is_kept_whole_or_its_answer_is_unknown(length: int, where: str) -> None:
    text = "x" * length
    shape: dict[str, Any] = {"id": "string"} if where == "id" else {"list": [{"of": "string"}]}
    result = {"id": text} if where == "id" else {"list": [{"of": text}]}
    contract = kit.GRANT.model_copy(update={"result": shape, "recorded": tuple(shape)})
    reply = bounded(Reply(outcome=Outcome.SUCCEEDED, result=result), contract, Scrubber(tuple))
    if length > MAX_TEXT:
        assert (reply.outcome, reply.code, reply.result) == (Outcome.UNKNOWN, "too_large", None)
    else:
        assert (reply.outcome, reply.result) == (Outcome.SUCCEEDED, result)


def test_a_text_that_is_not_recorded_and_one_that_is_read_may_be_longer() -> None:
    long = {"id": "x" * (MAX_TEXT + 1)}
    unrecorded = kit.GRANT.model_copy(update={"result": {"id": "string"}, "recorded": ()})
    assert bounded(Reply(outcome=Outcome.SUCCEEDED, result=long), unrecorded, Scrubber(tuple)).result == {}
    read = kit.GET.model_copy(update={"result": {"id": "string"}})
    seen = bounded(Reply(outcome=Outcome.SUCCEEDED, result=long), read, Scrubber(tuple))
    assert seen.outcome is Outcome.SUCCEEDED


def test_a_giant_read_is_unknown() -> None:
    contract = kit.GET.model_copy(update={"result": {"lines": ["string"]}})
    lines = {"lines": ["x" * 1000] * 70}
    reply = bounded(Reply(outcome=Outcome.SUCCEEDED, result=lines), contract, Scrubber(tuple))
    assert (reply.outcome, reply.code, reply.result) == (Outcome.UNKNOWN, "too_large", None)


def test_a_refusal_keeps_no_result() -> None:
    reply = Reply(outcome=Outcome.REFUSED, code="4" * 200, detail="d" * 900, result={"grant_id": "g"})
    kept = bounded(reply, kit.GRANT, Scrubber(tuple))
    assert kept.result is None
    assert (len(kept.code), len(kept.detail)) == (80, 300)


@pytest.mark.parametrize("guards", [None, (), [], {}, object()])
def test_there_is_no_gateway_without_guards(guards: Any) -> None:
    with pytest.raises(TypeError, match="table of guards"):
        Gateway(
            guards=guards, registry=Registry(), credentials=Secrets(None), scrubber=Scrubber(tuple),
            clock_ms=lambda: 0, boot_id="b", still_mine=lambda: True,
        )  # fmt: skip
