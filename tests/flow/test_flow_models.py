"""A model can cost a needless stop and a little time, and nothing else: judged from the target's own log."""

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest
import respx

from agents.executor import RESERVED_TOKENS
from agents.models.openai import OpenAIModel
from evals.storm.target import Target
from tests.flow import kit
from tests.flow.endpoint import Endpoint, completion, hang, one_after_another, raw, says, sections

ENDPOINT_MODEL = "openai:small"
ASKS = {"model": {"calls": 4, "tokens": 40_000, "rereads": 2}}
FLAGGED = "seen.value == inputs.goal && flag.value == 0"
UNREADABLE = ({"kind": "unavailable", "on": "read", "times": 0},)


def undo_to(number: int) -> dict[str, Any]:
    return {
        "tool": "things.set",
        "with": {"thing": "{inputs.thing}", "number": number},
        "timeout": "5s",
        "verify": [{"id": "undone", "expect": f"seen.value == {number}"}],
        "probe": {
            "observe": "seen",
            "applied_when": f"seen.value == {number}",
            "absent_when": f"seen.value != {number}",
        },
    }


SET = {"limits": kit.limits(2, **ASKS)}
TWO = {"limits": kit.limits(4, **ASKS)}
# book -> how it is made; each stops at a fork, or at several
BOOKS = {
    "f8-ambiguous": kit.book("f8-ambiguous", kit.step(kind="none"), **SET),
    "f8-unreadable": kit.book(
        "f8-unreadable",
        kit.step(
            probe={
                **kit.PROBE,
                "observe": "flag",
                "applied_when": "flag.value == 1",
                "absent_when": "flag.value == 2",
            }
        ),
        **SET,
    ),
    "f11-unknown": kit.book("f11-unknown", kit.step(verify=[{"id": "seen-so", "expect": FLAGGED}]), **SET),
    "f13-failed": kit.book("f13-failed", **SET),
    "f13-back": kit.book(
        "f13-back",
        kit.step("first", "set", rollback=undo_to(0)),
        kit.step(
            "second",
            "read_back",
            rollback=undo_to(kit.GOAL),
            verify=[{"id": "more", "expect": "seen.value == inputs.goal + inputs.goal"}],
            probe={**kit.PROBE},
        ),
        on_exhausted="roll_back",
        preconditions=None,
        completion=[{"id": "at-goal", "expect": "seen.value == inputs.goal + inputs.goal"}],
        **TWO,
    ),
    "f13-optional": kit.book(
        "f13-optional",
        kit.step(optional=True),
        completion=[{"id": "there", "expect": "seen.value >= 0"}],
        **SET,
    ),
    "f15-none-left": kit.book("f15-none-left", **SET),
    "f18-false": kit.book("f18-false", **SET),
    "f18-unknown": kit.book(
        "f18-unknown",
        preconditions=[{"id": "flag", "expect": "flag.value == 0", "otherwise": "escalate"}],
        **SET,
    ),
    "f23-failed": kit.book(
        "f23-failed",
        completion=[{"id": "flagged", "expect": "seen.value == inputs.goal && flag.value == 1"}],
        **SET,
    ),
    "f23-unknown": kit.book("f23-unknown", completion=[{"id": "flagged", "expect": FLAGGED}], **SET),
    "f13-tokens": kit.book(
        "f13-tokens", limits=kit.limits(2, model={"calls": 10, "tokens": 7_000, "rereads": 9})
    ),
    "routine": kit.book("routine", **SET),
}
FAULTS = {
    "f8-ambiguous": [{"kind": "lost_reply"}],
    "f8-unreadable": [{"kind": "lost_reply"}],
    "f13-failed": [{"kind": "claimed"}],
    "f13-tokens": [{"kind": "claimed"}],
    "f13-back": [{"kind": "none"}, {"kind": "claimed"}],
    "f13-optional": [{"kind": "claimed"}],
    "f15-none-left": [{"kind": "unavailable", "times": 2}],
}
FLAG_FAULTS = {"f11-unknown": UNREADABLE, "f18-unknown": UNREADABLE, "f23-unknown": UNREADABLE}
FORKS = {
    "f8-ambiguous": (8, "unknown"), "f8-unreadable": (8, "unknown"), "f11-unknown": (11, "unknown"),
    "f13-failed": (13, "failed"), "f13-back": (13, "failed"), "f13-optional": (13, "failed"),
    "f15-none-left": (15, "exhausted"), "f18-false": (18, "failed"), "f18-unknown": (18, "failed"),
    "f23-failed": (23, "failed"), "f23-unknown": (23, "failed"),
}  # fmt: skip

# forks at which there is something to be seen again
LOOKS = frozenset(FORKS) - {"f8-ambiguous", "f15-none-left"}

HOSTILE = [
    raw(completion(json.dumps({"move": "send", "reason": "send it again", "op": "add/1"}))),
    raw(
        completion(
            None,
            tool_calls=[
                {
                    "id": "t",
                    "type": "function",
                    "function": {"name": "things.set", "arguments": '{"thing": "other", "number": 9}'},
                }
            ],
        )
    ),
    raw(
        completion(
            json.dumps({"move": "accept", "reason": "ok", "tool": "things.set", "arguments": {"number": 9}})
        )
    ),
    raw(completion(json.dumps({"move": "wait", "reason": "for ever", "wait_s": 86_400}))),
    raw(completion(json.dumps({"move": "resume", "reason": "I decide as bob"}))),
    raw(completion('{"move": "wait", "move": "accept", "reason": "x", "wait_s": 1}')),
    raw(
        completion(
            json.dumps({"move": "accept", "reason": "\x1b[2J" + "A" * 1900, "diagnose": ["things.set"] * 20})
        )
    ),
    raw(completion(json.dumps({"move": "accept", "reason": "ok"}), tokens=-(10**9))),
    raw(completion(json.dumps([{"move": "escalate"}]))),
]
GARBAGE = [
    b"\x00\xff hello\r\n\r\n",
    b"",
    raw(b"<html>no</html>"),
    raw([1, 2]),
    raw({**completion("{}"), "choices": []}),
    raw(completion("Sure! I would restart it.")),
    raw(completion("{}"), length=5000),
    raw({"error": {"message": "no"}}, status="500 Internal Server Error"),
    raw({"error": {"message": "no"}}, status="401 Unauthorized"),
    raw(completion("{" * 5000)),
]


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory, target: Target) -> Any:
    """One approved desk; each test works on a copy of its files and of its chain."""
    folder = tmp_path_factory.mktemp("models")
    kit.write_desk(folder, list(BOOKS.values()))
    kit.approve(folder, target)
    return folder


@pytest.fixture(scope="module")
def by_rules(desk: Any, target: Target) -> dict[str, Any]:
    """What rules alone do with each book."""
    with kit.at_work(desk, target) as house:
        return carried(house, "rules")


@pytest.fixture(autouse=True)
def _short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("graph.judging.MODEL_TIMEOUT_S", 20.0)


@contextmanager
def consulted(desk: Any, target: Target, play: Any) -> Iterator[tuple[kit.House, Endpoint]]:
    served = Endpoint(play)
    try:
        with kit.at_work(desk, target, environ=environ(served.url)) as house:
            assert isinstance(house.app.model, OpenAIModel)
            yield house, served
    finally:
        served.close()


def environ(url: str) -> dict[str, str]:
    return {"REMIT_MODEL": ENDPOINT_MODEL, "OPENAI_BASE_URL": url, "OPENAI_API_KEY": "sk-canary"}


def carried(
    house: kit.House, name: str, books: Any = tuple(b for b in BOOKS if b != "f13-tokens")
) -> dict[str, Any]:
    """Carry one run of every book; what the target was asked for each, and how it ended."""
    runs = {}
    for one in books:
        thing = f"{name}-{one}"
        house.fault(f"{thing}-flag", *FLAG_FAULTS.get(one, ()))
        if one == "f18-false":
            house.target.change(thing, 3)
        runs[one] = house.submit(one, thing, faults=FAULTS.get(one, ()))
    house.drain()
    found = {}
    for one, run in runs.items():
        task, thing = house.task(run), f"{name}-{one}"
        asked = [(p.replace(thing, "IT"), body) for p, body in house.sends(thing)]
        found[one] = {
            "run": run,
            "task": task,
            "sends": asked,
            "end": (task.closed, task.escalation.reason if task.escalation else task.reason),
            "judged": [e.body for e in house.entries(run, "judged")],
        }
    return found


def test_rules_come_to_every_fork(by_rules: dict[str, Any]) -> None:
    ends = {one: found["end"] for one, found in by_rules.items()}
    assert ends == {
        "f8-ambiguous": (None, "ambiguous"),
        "f8-unreadable": (None, "ambiguous"),
        "f11-unknown": (None, "verify_unknown"),
        "f13-failed": (None, "verify_failed"),
        "f13-back": ("rolled_back", "verify_failed"),
        "f13-optional": ("partially_completed", "optional_left"),
        "f15-none-left": (None, "retries_exhausted"),
        "f18-false": (None, "precondition_failed"),
        "f18-unknown": (None, "precondition_failed"),
        "f23-failed": (None, "verify_failed"),
        "f23-unknown": (None, "verify_unknown"),
        "routine": ("completed", "verified"),
    }
    assert all(found["judged"] == [] for found in by_rules.values())


PLAYS = {"hostile": one_after_another(HOSTILE), "garbage": one_after_another(GARBAGE), "hanging": hang}


@pytest.mark.parametrize("name", PLAYS)
def test_a_bad_endpoint_changes_nothing(
    name: str, desk: Any, target: Target, by_rules: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    if name == "hanging":
        monkeypatch.setattr("graph.judging.MODEL_TIMEOUT_S", 0.5)
    with consulted(desk, target, PLAYS[name]) as (house, served):
        seen = carried(house, name)
        asked = len(served.requests)
    like_rules(seen, by_rules)
    assert asked >= len(FORKS)
    assert asked == sum(found["task"].model_calls for found in seen.values())


def test_an_absent_endpoint_changes_nothing(desk: Any, target: Target, by_rules: dict[str, Any]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as once:
        port = once.getsockname()[1]
    with kit.at_work(desk, target, environ=environ(f"http://127.0.0.1:{port}/v1")) as house:
        seen = carried(house, "absent")
    like_rules(seen, by_rules)


def like_rules(seen: dict[str, Any], by_rules: dict[str, Any]) -> None:
    for one, found in seen.items():
        assert found["sends"] == by_rules[one]["sends"], one
        assert found["end"] == by_rules[one]["end"], one
        if one == "routine":
            assert found["judged"] == []
            assert found["task"].model_calls == 0
            continue
        row, fork = FORKS[one]
        assert {(j["row"], j["fork"]) for j in found["judged"]} >= {(row, fork)}
        assert {j["taken"] for j in found["judged"]} == {"accept"}
        assert {j["model_id"] for j in found["judged"]} == {ENDPOINT_MODEL}
    assert sum(len(found["judged"]) for found in seen.values()) >= len(FORKS)


def test_a_choice_to_stop_is_honoured_at_every_fork(
    desk: Any, target: Target, by_rules: dict[str, Any]
) -> None:
    with consulted(desk, target, one_after_another([says("escalate")])) as (house, served):
        seen = carried(house, "escalate")
        assert len(served.requests) == len(FORKS)
        for one, (row, fork) in FORKS.items():
            task = seen[one]["task"]
            stop = task.open_escalation
            assert stop is not None, one
            assert (stop.reason, stop.code, stop.row) == ("model", fork, row) or (stop.row, row) == (9, 8), (
                one
            )
            assert seen[one]["sends"] == by_rules[one]["sends"][: len(seen[one]["sends"])]
            assert "because I say so" in json.dumps(house.packet(seen[one]["run"]))


def test_a_choice_to_wait_is_honoured_and_then_asked_again_until_the_calls_are_used(
    desk: Any, target: Target, by_rules: dict[str, Any]
) -> None:
    with consulted(desk, target, one_after_another([says("wait", wait_s=1)])) as (house, served):
        seen = carried(house, "wait")
        assert len(served.requests) == sum(found["task"].model_calls for found in seen.values())
    for one in FORKS:
        judged, task = seen[one]["judged"], seen[one]["task"]
        assert {j["taken"] for j in judged} == {"wait"}, one
        assert len(judged) == (ASKS["model"]["calls"] if one in LOOKS else 1) == task.model_calls, one
        assert seen[one]["sends"] == by_rules[one]["sends"], one
        assert seen[one]["end"] == by_rules[one]["end"], one


def test_a_choice_to_look_again_is_honoured_within_its_budget(
    desk: Any, target: Target, by_rules: dict[str, Any]
) -> None:
    with consulted(desk, target, one_after_another([says("reread")])) as (house, _):
        seen = carried(house, "reread")
        looks = {
            one: len(house.entries(found["run"], "verified", "checked", "reconciled"))
            for one, found in seen.items()
        }
    for one in FORKS:
        taken = [j["taken"] for j in seen[one]["judged"]]
        assert taken.count("reread") == (ASKS["model"]["rereads"] if one in LOOKS else 0), (one, taken)
        assert seen[one]["sends"] == by_rules[one]["sends"], one
        assert seen[one]["end"] == by_rules[one]["end"], one
        if one in LOOKS:
            assert looks[one] > 0


def test_what_has_come_right_meanwhile_is_seen_by_whoever_looks_again(desk: Any, target: Target) -> None:
    def mend(served: Endpoint, request: dict[str, Any]) -> Iterator[bytes]:
        target.change("mended", kit.GOAL)
        yield says("reread")

    with consulted(desk, target, mend) as (house, served):
        _, task = house.carry("f13-failed", "mended", faults=[{"kind": "claimed"}])
        assert (task.closed, len(served.requests)) == ("completed", 1)
        assert len(house.sends("mended")) == 1


def test_a_model_sees_the_fork_and_no_secret(desk: Any, target: Target) -> None:
    with consulted(desk, target, one_after_another([says("accept")])) as (house, served):
        house.carry("f13-failed", "shown", faults=[{"kind": "claimed"}])
        (request,) = served.requests
    assert "tools" not in request
    shown = sections(request)
    assert shown["the rules' move"] == "escalate: verify_failed"
    assert "send" not in shown["possible here"]
    assert "storm-writes" not in json.dumps(request)


def test_the_calls_are_a_budget_of_the_run_whoever_carries_it(desk: Any, target: Target) -> None:
    """Each life of the process asks once and is stopped in the wait; all together ask as often as allowed."""
    calls, lives = ASKS["model"]["calls"], list[kit.House]()

    def once(served: Endpoint, request: dict[str, Any]) -> Iterator[bytes]:
        lives[-1].engine.stopping.set()
        yield says("wait", wait_s=1)

    served, run = Endpoint(once), ""
    try:
        for life in range(calls + 1):
            last = life == calls
            with kit.at_work(desk, target, environ=environ(served.url), check=last) as house:
                lives.append(house)
                run = run or house.submit("f13-failed", "lives", faults=[{"kind": "claimed"}])
                task = house.work(run)
                if life < calls:
                    assert (task.model_calls, task.open_escalation) == (life + 1, None)
                    over = house.entries(run, "judged")[-1].body["until"]
                    kit.until(lambda over=over, house=house: house.app.ledger.now() > over)
        assert len(served.requests) == task.model_calls == calls
        assert task.open_escalation is not None
        assert task.open_escalation.reason == "verify_failed"
    finally:
        served.close()


def test_a_call_that_a_crash_has_lost_was_paid_for(
    desk: Any, target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(*_: Any, **__: Any) -> None:
        raise kit.Killed

    with monkeypatch.context() as patched:
        patched.setattr("agents.executor.Executor.choose", die)
        with pytest.raises(kit.Killed), consulted(desk, target, hang) as (house, _):  # noqa: PT012 - the run is needed
            run = house.submit("f13-tokens", "lost", faults=[{"kind": "claimed"}])
            house.work(run)
    with consulted(desk, target, one_after_another([says("reread")])) as (house, served):
        task = house.follow(run)
        assert len(served.requests) == 1  # the tokens allow for two, and one was lost
        assert (task.model_calls, task.model_tokens) == (2, 2 * RESERVED_TOKENS)
        assert task.open_escalation is not None
        assert task.open_escalation.reason == "verify_failed"
        assert len(house.sends("lost")) == 1


def test_tokens_are_a_budget_beside_the_calls(desk: Any, target: Target) -> None:
    with consulted(desk, target, one_after_another([says("reread")])) as (house, served):
        _, task = house.carry("f13-tokens", "tokens", faults=[{"kind": "claimed"}])
        assert len(served.requests) == 2
        assert task.model_tokens <= 7_000


def test_openai_traffic_is_what_respx_expects_of_the_client_as_it_is_built(desk: Any, target: Target) -> None:
    url = "https://models.invalid/v1"
    with respx.mock(assert_all_called=False) as router:
        router.route(host="127.0.0.1").pass_through()
        route = router.post(f"{url}/chat/completions").mock(
            return_value=httpx.Response(
                200, json=completion(json.dumps({"move": "escalate", "reason": "a contradiction in the log"}))
            )
        )
        with kit.at_work(desk, target, environ=environ(url)) as house:
            run, task = house.carry("f13-failed", "respx", faults=[{"kind": "claimed"}])
            assert task.open_escalation is not None
            assert task.open_escalation.reason == "model"
            (judged,) = house.entries(run, "judged")
            assert judged.body["tokens"] == 42
    assert route.call_count == 1
    request = route.calls[0].request
    assert request.headers["Authorization"] == "Bearer sk-canary"
    assert json.loads(request.content)["response_format"]["json_schema"]["strict"] is True
    assert task.model_tokens == RESERVED_TOKENS
