"""Each fault of a real target, in a process of its own: what the sender says, beside what the target did."""

import json
import os
import subprocess
import sys
import time
from itertools import count

import pytest

from evals.target.journal import effects_of, read_journal
from policies.contract import Answers, Dedupe, DedupeKind, Effect, IntegerSpec, StringSpec, ToolContract
from state.outcome import Outcome
from tools.adapters.http_connector import HttpTool, RequestTemplate
from tools.adapters.http_get import http_get
from tools.addresses import Address
from tools.http_client import HttpRequest, exchange
from tools.secrets import Secret

TOKENS = {"TARGET_WRITE_TOKEN": "w-token-123456", "TARGET_READ_TOKEN": "r-token-123456"}
WRITE = Secret("target_write", "Bearer w-token-123456")
READ = Secret("target_read", "Bearer r-token-123456")
HEADERS = dict.fromkeys(("target_write", "target_read", "wrong"), "Authorization")
RESULT = {"id": "string", "value": "integer", "version": "integer", "etag": "string"}


class Target:
    def __init__(self, folder):
        self.log = folder / "target.jsonl"
        self.process = subprocess.Popen(
            [sys.executable, "-m", "evals.target.server", "--log", str(self.log), "--lifeline"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=os.environ | TOKENS,
        )
        self.port = int(self.process.stdout.readline())
        self.address = Address(scheme="http", host="127.0.0.1", port=self.port)
        self.names = count()

    def thing(self):
        return f"thing-{next(self.names)}"

    def control(self, path, body):
        request = HttpRequest(
            method="POST", address=self.address, target=f"/control/{path}", body=json.dumps(body).encode()
        )
        assert exchange(request, timeout_s=5).status == 200

    def fault(self, thing, kind, delay_ms=0, **more):
        self.control("plan", {thing: [{"kind": kind, "delay_ms": delay_ms, **more}]})

    def effects(self, thing):
        return len(effects_of(self.log, thing))

    def close(self):
        self.process.stdin.close()
        self.process.wait(5)
        self.process.stdout.close()


@pytest.fixture(scope="module")
def target(tmp_path_factory):
    made = Target(tmp_path_factory.mktemp("target"))
    yield made
    made.close()


def writer(target, kind="native_key", verb="add"):
    dedupe = {
        "native_key": Dedupe(kind=DedupeKind.NATIVE_KEY, header="Idempotency-Key", window_s=86400),
        "natural_key": Dedupe(kind=DedupeKind.NATURAL_KEY, name="thing"),
        "conditional_write": Dedupe(kind=DedupeKind.CONDITIONAL_WRITE, condition="etag", header="If-Match"),
        "read_back": Dedupe(kind=DedupeKind.READ_BACK),
        "none": Dedupe(kind=DedupeKind.NONE),
    }[kind]
    arguments = {"thing": StringSpec(type="string"), "number": IntegerSpec(type="integer")}
    if kind == "conditional_write":
        arguments["etag"] = StringSpec(type="string")
    contract = ToolContract(
        name=f"target.{verb}",
        effect=Effect.WRITE,
        arguments=arguments,
        result=RESULT,
        resource="thing/{thing}",
        dedupe=dedupe,
        answers=Answers(succeeded=(200,), refused=(400, 409, 422), not_applied=(429, 503)),
    )
    template = RequestTemplate(method="POST", path=f"/{kind}/{{thing}}/{verb}", json={"number": "{number}"})
    return HttpTool(
        contract=contract,
        address=target.address,
        base_path="",
        template=template,
        credential_headers=HEADERS,
    )


def reader(target):
    contract = ToolContract(
        name="target.get",
        effect=Effect.READ,
        arguments={"thing": StringSpec(type="string")},
        result=RESULT,
        answers=Answers(succeeded=(200,), refused=(404,)),
    )
    template = RequestTemplate(method="GET", path="/things/{thing}")
    return HttpTool(
        contract=contract,
        address=target.address,
        base_path="",
        template=template,
        credential_headers=HEADERS,
    )


def add(target, thing, *, key="run/step/1", timeout_s=5.0, kind="native_key", verb="add", number=3, **more):
    tool = writer(target, kind, verb)
    arguments = {"thing": thing, "number": number, **more}
    return tool.send(arguments, key=key, secret=WRITE, timeout_s=timeout_s)


CASES = [
    # fault, delay_ms, timeout_s, outcome, code, effects
    ("none", 0, 5, Outcome.SUCCEEDED, "200", 1),
    ("lost_reply", 0, 5, Outcome.UNKNOWN, "connection_lost", 1),
    ("error_after", 0, 5, Outcome.UNKNOWN, "500", 1),
    ("late", 200, 5, Outcome.SUCCEEDED, "200", 1),
    ("claimed", 0, 5, Outcome.SUCCEEDED, "200", 0),
    ("garbage", 0, 5, Outcome.UNKNOWN, "unreadable", 1),
    ("truncated", 0, 5, Outcome.UNKNOWN, "unreadable", 1),
    ("slow", 200, 5, Outcome.SUCCEEDED, "200", 1),
    ("slow", 3000, 0.5, Outcome.UNKNOWN, "unreadable", 1),
    ("hang", 1500, 0.3, Outcome.UNKNOWN, "timeout", 0),
    ("hang", 100, 5, Outcome.UNKNOWN, "connection_lost", 0),
    ("error_before", 0, 5, Outcome.UNKNOWN, "500", 0),
    ("unavailable", 0, 5, Outcome.NOT_APPLIED, "503", 0),
    ("refused", 0, 5, Outcome.REFUSED, "422", 0),
    ("throttled", 0, 5, Outcome.NOT_APPLIED, "429", 0),
    ("redirect", 0, 5, Outcome.UNKNOWN, "307", 0),
    ("forbidden", 0, 5, Outcome.NOT_APPLIED, "403", 0),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case[0]}-{case[1]}ms")
def test_a_fault_is_classified_by_what_it_proves(target, case):
    fault, delay_ms, timeout_s, outcome, code, effects = case
    thing = target.thing()
    target.fault(thing, fault, delay_ms)
    began = time.monotonic()
    reply = add(target, thing, timeout_s=timeout_s, key=f"{thing}/1")
    assert time.monotonic() - began < timeout_s + 0.3
    assert (reply.outcome, reply.code) == (outcome, code)
    assert (reply.result is not None) == (outcome is Outcome.SUCCEEDED)
    assert reply.pauses == (fault == "forbidden")
    assert target.effects(thing) == effects


@pytest.mark.parametrize("kind", ["late", "late_dropped"])
def test_what_is_unknown_may_land_after_the_sender_has_gone(target, kind):
    thing = target.thing()
    target.fault(thing, kind, 700)
    reply = add(target, thing, timeout_s=0.3, key=f"{thing}/1")
    assert reply.outcome is Outcome.UNKNOWN
    assert target.effects(thing) == 0
    time.sleep(0.8)
    assert target.effects(thing) == 1


def test_an_honoured_key_gives_one_effect_and_the_first_answer(target):
    thing = target.thing()
    target.fault(thing, "lost_reply")
    assert add(target, thing, key=f"{thing}/1").outcome is Outcome.UNKNOWN
    again = add(target, thing, key=f"{thing}/1")
    assert (again.outcome, again.result["value"]) == (Outcome.SUCCEEDED, 3)
    assert target.effects(thing) == 1
    assert add(target, thing, key=f"{thing}/1", number=4).outcome is Outcome.REFUSED
    assert add(target, thing, key=f"{thing}/2").outcome is Outcome.SUCCEEDED
    assert target.effects(thing) == 2


def test_a_late_first_send_under_an_honoured_key_finds_itself_done(target):
    thing = target.thing()
    target.fault(thing, "late_dropped", 500)
    assert add(target, thing, key=f"{thing}/1", timeout_s=2).outcome is Outcome.UNKNOWN
    assert add(target, thing, key=f"{thing}/1").outcome is Outcome.SUCCEEDED
    time.sleep(0.7)
    assert target.effects(thing) == 1


def test_without_a_key_each_send_is_an_effect(target):
    thing = target.thing()
    target.fault(thing, "lost_reply")
    add(target, thing, kind="none")
    add(target, thing, kind="none")
    assert target.effects(thing) == 2


def test_a_condition_that_has_moved_is_said_and_nothing_is_applied(target):
    thing = target.thing()
    seen = reader(target).send({"thing": thing}, key="", secret=READ, timeout_s=5).result
    assert seen == {"id": thing, "value": 0, "version": 1, "etag": "v1"}
    first = add(target, thing, kind="conditional_write", verb="set", etag=seen["etag"])
    again = add(target, thing, kind="conditional_write", verb="set", etag=seen["etag"])
    assert (first.outcome, first.condition_failed) == (Outcome.SUCCEEDED, False)
    assert (again.outcome, again.code, again.condition_failed) == (Outcome.NOT_APPLIED, "412", True)
    assert target.effects(thing) == 1


def test_a_unique_name_is_taken_once(target):
    thing = target.thing()
    assert add(target, thing, kind="natural_key", verb="create").outcome is Outcome.SUCCEEDED
    assert add(target, thing, kind="natural_key", verb="create").outcome is Outcome.REFUSED
    assert target.effects(thing) == 1


def test_the_key_goes_only_where_the_contract_sends_it(target):
    thing = target.thing()
    add(target, thing, key=f"{thing}/1")
    add(target, thing, key=f"{thing}/2", kind="read_back", verb="set")
    requests = [e for e in read_journal(target.log) if e["event"] == "request" and thing in e["path"]]
    assert [r["key"] for r in requests] == [f"{thing}/1", None]
    assert len({r["credential"] for r in requests}) == 1


def test_a_wrong_credential_pauses_and_does_not_show_itself(target):
    thing = target.thing()
    wrong = Secret("wrong", "Bearer not-the-token-42")
    reply = writer(target).send({"thing": thing, "number": 1}, key="k", secret=wrong, timeout_s=5)
    assert (reply.outcome, reply.code, reply.pauses) == (Outcome.NOT_APPLIED, "401", True)
    assert "not-the-token-42" not in repr(reply)


def test_a_dead_target_gets_nothing(tmp_path):
    gone = Target(tmp_path)
    gone.close()
    reply = add(gone, "thing-1")
    assert (reply.outcome, reply.code) == (Outcome.NOT_SENT, "no_connection")


@pytest.mark.parametrize("thing", ["../control/plan", "a/b", "%2e%2e", "a?b=c", "a#b"])
def test_a_value_stays_one_segment_of_the_path(target, thing):
    add(target, thing)
    newest = [e for e in read_journal(target.log) if e["event"] == "request"][-1]
    assert newest["path"].count("/") == 3
    assert "?" not in newest["path"]


def test_dots_and_nothing_are_no_segment(target):
    before = len(read_journal(target.log))
    for thing in ("..", ".", ""):
        assert add(target, thing).outcome is Outcome.REFUSED
    assert len(read_journal(target.log)) == before


@pytest.mark.parametrize("etag", ["v1\r\nX-Evil: 1", "", " v1", "ünder", "v1\0"])
def test_an_argument_smuggles_no_header(target, etag):
    before = len(read_journal(target.log))
    reply = add(target, target.thing(), kind="conditional_write", verb="set", etag=etag)
    assert reply.outcome is Outcome.REFUSED
    assert len(read_journal(target.log)) == before


def test_read_faults_are_not_readable_now(target):
    for fault in ("garbage", "truncated", "error_before", "lost_reply", "hang"):
        thing = target.thing()
        target.fault(thing, fault, 400 if fault == "hang" else 0, on="read")
        reply = reader(target).send({"thing": thing}, key="", secret=READ, timeout_s=0.3)
        assert (reply.outcome, reply.result) == (Outcome.UNKNOWN, None), fault


def test_http_get_is_total(target, tmp_path):
    listed = f"127.0.0.1:{target.port}"
    get = http_get([listed, "127.0.0.1:1"])
    unsigned = get.send({"url": f"http://{listed}/things/x"}, key="", secret=None, timeout_s=2)
    assert unsigned.result == {"answered": True, "status": 401, "json": {"error": "not signed in"}}
    dead = get.send({"url": "http://127.0.0.1:1/health"}, key="", secret=None, timeout_s=2)
    assert dead.outcome is Outcome.SUCCEEDED
    assert dead.result == {"answered": False, "status": 0, "json": None}
    for url in (
        f"http://localhost:{target.port}/",
        "http://127.0.0.1/",
        f"http://u@{listed}/",
        f"https://{listed}/x#y",
    ):
        assert get.send({"url": url}, key="", secret=None, timeout_s=2).outcome is Outcome.REFUSED
