import pytest

from policies.contract import Answers, Dedupe, DedupeKind, Effect, ToolContract
from state.outcome import Outcome
from tools.answers import classify
from tools.http_client import HttpAnswer, HttpFailure
from tools.secrets import Secret


def contract(kind=DedupeKind.NONE, **answers):
    listed = {"succeeded": (200, 201), "refused": (400, 422), "not_applied": (429,)} | answers
    return ToolContract(
        name="a.b",
        effect=Effect.WRITE,
        arguments={},
        result={"n": "integer"},
        resource="r",
        dedupe=Dedupe(kind=kind),
        answers=Answers(**listed),
    )


def came(status, body=b'{"n": 1, "more": 2}', trouble=""):
    return HttpAnswer(status=status, headers={}, body=body, trouble=trouble)


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (HttpFailure(bytes_left=False, code="no_connection", detail=""), Outcome.NOT_SENT),
        (HttpFailure(bytes_left=True, code="timeout", detail=""), Outcome.UNKNOWN),
        (came(200), Outcome.SUCCEEDED),
        (came(201), Outcome.SUCCEEDED),
        (came(200, b""), Outcome.UNKNOWN),
        (came(200, b"{}"), Outcome.UNKNOWN),
        (came(200, b'{"n": "1"}'), Outcome.UNKNOWN),
        (came(200, None, "cut"), Outcome.UNKNOWN),
        (came(202), Outcome.UNKNOWN),
        (came(204, b""), Outcome.UNKNOWN),
        (came(422), Outcome.REFUSED),
        (came(422, None, "cut"), Outcome.REFUSED),
        (came(429), Outcome.NOT_APPLIED),
        (came(409), Outcome.UNKNOWN),
        (came(404), Outcome.UNKNOWN),
        (came(412), Outcome.UNKNOWN),
        (came(500), Outcome.UNKNOWN),
        (came(503), Outcome.UNKNOWN),
        (came(302), Outcome.UNKNOWN),
        (came(401), Outcome.NOT_APPLIED),
        (came(403), Outcome.NOT_APPLIED),
    ],
)
def test_each_row_of_the_table(answer, outcome):
    reply = classify(contract(), answer)
    assert reply.outcome is outcome
    assert reply.result == ({"n": 1} if outcome is Outcome.SUCCEEDED else None)
    assert reply.pauses == (getattr(answer, "status", 0) in (401, 403))


@pytest.mark.parametrize("lists", [{}, {"refused": (412,)}, {"not_applied": (412,)}])
def test_412_on_a_condition_is_definite_however_it_is_listed(lists):
    reply = classify(contract(DedupeKind.CONDITIONAL_WRITE, **lists), came(412))
    assert (reply.outcome, reply.condition_failed) == (Outcome.NOT_APPLIED, True)


def test_a_listed_403_does_not_pause():
    reply = classify(contract(refused=(403,)), came(403))
    assert (reply.outcome, reply.pauses) == (Outcome.REFUSED, False)


def test_a_listed_5xx_is_definite():
    assert classify(contract(not_applied=(503,)), came(503)).outcome is Outcome.NOT_APPLIED


def test_a_tool_without_a_result_needs_no_body():
    empty = contract().model_copy(update={"result": {}})
    assert classify(empty, came(200, b"not json")).result == {}


@pytest.mark.parametrize("filler", [b"\x00", b"\xe2\x80\x8b", b" ", b"_"])
@pytest.mark.parametrize("before", [150, 195, 290, 590, 595, 1190])
def test_a_secret_that_a_cut_would_split_leaves_no_part_of_itself(filler, before):
    body = filler * before + b"zQ9-Kx7-Wv3-Ju5-Pt1" + b"_" * 2_000
    detail = classify(contract(), came(422, b"!" + body), Secret("one", "zQ9-Kx7-Wv3-Ju5-Pt1")).detail
    assert "zQ9" not in detail


def test_what_the_target_says_is_one_scrubbed_line():
    secret = Secret("one", "Bearer abc-secret-77")
    body = b"no:\nabc-secret-77 \x1b[31m is\x00 wrong " + b"x" * 5000
    detail = classify(contract(), came(422, body), secret).detail
    assert detail.startswith("422: no: [redacted] is wrong xxx")
    assert len(detail) <= 300
    assert "\n" not in detail
