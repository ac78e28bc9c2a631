"""The fake made of a connector's ``model`` keeps what the handwritten one keeps, and its contracts."""

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from policies.connector import Connector
from policies.contract import Effect
from state.outcome import Outcome
from tools.errors import SetupError
from tools.registry import Registry
from tools.secrets import Secret
from tools.sim.clock import ManualClock
from tools.sim.faults import KINDS
from tools.sim.modelled import ModelledTarget
from tools.sim.world import World

ROOT = Path(__file__).resolve().parents[2]
URL = "http://127.0.0.1:8002"
DAY_MS = 86_400_000


def connector(path, **changed):
    value = YAML(typ="safe").load(ROOT / path)
    return Connector.model_validate_json(json.dumps(value | {"base_url": URL} | changed))


TARGET = connector("evals/target/connector.yaml")
SEATS = connector("tests/fixtures/examples/connector-http.yaml")


class Rig:
    def __init__(self, made_of, connect):
        self.world = World()
        self.target = connect(self.world)
        self.registry = Registry(self.world.tools(connectors=[made_of]))

    def call(self, name, *, timeout_s=5.0, key="r/s/1", **arguments):
        tool = self.registry.tool(name)
        role = "executor" if tool.contract.effect is Effect.WRITE else "verifier"
        secret = Secret(tool.contract.credentials[role], "Bearer x")
        return tool.send(arguments, key=key, secret=secret, timeout_s=timeout_s)


def modelled(made_of=TARGET, **more):
    return Rig(made_of, lambda world: world.add_modelled(made_of, **more))


def handwritten():
    return Rig(TARGET, lambda world: world.add_target(URL))


WRITES = [
    "target.add_keyed",
    "target.create",
    "target.set_if",
    "target.set",
    "target.add_read_back",
    "target.add",
]
CALL = st.fixed_dictionaries(
    {
        "tool": st.sampled_from([*WRITES, "target.get"]),
        "thing": st.sampled_from(["a", "b"]),
        "number": st.integers(1, 3),
        "key": st.sampled_from(["k1", "k2"]),
        "stale": st.booleans(),
        "fault": st.none() | st.sampled_from(sorted(KINDS - {"no_return"})),  # that one never answers
        "delay_ms": st.sampled_from([0, 100, 9000]),
        "then_ms": st.sampled_from([0, 10_000, DAY_MS]),
    }
)


def carry_out(rig, call, etags):
    """Make one call as it is described, and tell all that a caller learns and all that was done."""
    arguments = {"thing": call["thing"]}
    if call["tool"] != "target.get":
        arguments["number"] = call["number"]
    if call["tool"] == "target.set_if":
        shown = rig.call("target.get", thing=call["thing"]).result["etag"]
        arguments["etag"] = etags.setdefault(call["thing"], shown) if call["stale"] else shown
        etags[call["thing"]] = shown
    if call["fault"]:
        rig.world.add_fault(call["tool"], call["fault"], delay_ms=call["delay_ms"])
    reply = rig.call(call["tool"], key=call["key"], **arguments)
    rig.world.clock.advance(call["then_ms"])
    shown = rig.call("target.get", thing=call["thing"]).result
    learnt = {k: v for k, v in (reply.result or {}).items() if k not in ("etag", "exists")}
    effects = [
        (e["at_ms"], e["thing"].removeprefix("target/"), e["key"])
        for e in rig.world.journal
        if e["event"] == "effect"
    ]
    return (
        reply.outcome,
        reply.code,
        reply.condition_failed,
        learnt,
        shown["value"],
        shown["version"],
        effects,
    )


@settings(max_examples=60, deadline=None)
@given(st.lists(CALL, min_size=1, max_size=6))
def test_it_does_what_the_handwritten_one_does(calls):
    ours, theirs = modelled(), handwritten()
    for name in ("a", "b", "new-a", "new-b"):  # the handwritten one counts versions from 1
        ours.target.put("target.get", {"thing": name}, id=name, version=1)
    seen = ({}, {})
    for call in calls:
        # What a model does not say: there, other writes make a thing exist too.
        thing = f"new-{call['thing']}" if call["tool"] == "target.create" else call["thing"]
        told = [
            carry_out(rig, call | {"thing": thing}, own)
            for rig, own in zip((ours, theirs), seen, strict=True)
        ]
        assert told[0] == told[1]


def test_a_read_begins_at_zero_and_echoes_what_it_was_asked_for():
    rig = modelled(SEATS)
    reply = rig.call("seats.get", account="acc-7")
    assert reply.result == {"account": "acc-7", "plan": "", "seats": 0, "version": 0}


def test_or_nothing_is_there_but_what_was_put():
    rig = modelled(SEATS, only_what_was_put=True)
    assert rig.call("seats.get", account="acc-7").outcome is Outcome.REFUSED
    rig.target.put("seats.get", {"account": "acc-7"}, seats=4)
    assert rig.call("seats.get", account="acc-7").result["seats"] == 4


def test_a_write_does_what_its_model_says_to_what_it_speaks_of():
    rig = modelled(SEATS)
    rig.target.put("seats.get", {"account": "acc-1"}, seats=5, plan="team")
    granted = rig.call("seats.grant", account="acc-1", count=3)
    assert granted.result == {"grant_id": "g-0", "seats": 8}
    assert rig.call("seats.get", account="acc-1").result == {
        "account": "acc-1", "plan": "team", "seats": 8, "version": 1
    }  # fmt: skip
    assert rig.call("seats.get", account="acc-2").result["seats"] == 0
    assert rig.world.effects("seats/acc-1") == 1


def test_a_key_is_honoured_until_its_window_is_over():
    rig = modelled(SEATS)
    for _ in range(2):
        assert rig.call("seats.grant", account="acc-1", count=3).result["seats"] == 3
    other = rig.call("seats.grant", account="acc-1", count=4)
    assert (other.outcome, other.code) == (Outcome.REFUSED, "422")
    rig.world.clock.advance(DAY_MS)
    assert rig.call("seats.grant", account="acc-1", count=4).result["seats"] == 7


def test_a_target_that_ignores_the_body_gives_the_first_answer():
    tools = json.loads(SEATS.model_dump_json(by_alias=True))["tools"]
    tools[1]["dedupe"] |= {"on_mismatch": "ignored", "window": "24h"}
    for one in tools:
        one |= {"timeout": "5s", "longest_request": "10s", "read_lag": "1s"}
        one["dedupe"].setdefault("window", None)
    rig = modelled(connector("tests/fixtures/examples/connector-http.yaml", tools=tools))
    rig.call("seats.grant", account="acc-1", count=3)
    assert rig.call("seats.grant", account="acc-1", count=9).result == {"grant_id": "g-0", "seats": 3}


def test_a_write_without_a_model_takes_effect_and_shows_nowhere():
    rig = modelled(SEATS)
    before = rig.call("seats.get", account="acc-1").result
    assert rig.call("seats.revoke", account="acc-1", grant_id="g-0").outcome is Outcome.SUCCEEDED
    assert rig.call("seats.get", account="acc-1").result == before
    assert (rig.world.effects("seats/acc-1"), rig.target.unmodelled) == (1, ("seats.revoke",))


def test_what_no_schema_takes_is_told_400():
    rig = modelled(SEATS)
    reply = rig.call("seats.grant", account="acc-1", count=21)
    assert (reply.outcome, reply.code) == (Outcome.REFUSED, "400")
    assert rig.world.effects("seats/acc-1") == 0


def test_somebody_else_moves_a_condition():
    rig = modelled()
    etag = rig.call("target.get", thing="x").result["etag"]
    rig.target.change("target.get", {"thing": "x"}, etag="other")
    reply = rig.call("target.set_if", thing="x", number=1, etag=etag)
    assert reply.condition_failed
    assert rig.world.effects("target/x") == 0


def test_a_condition_that_no_read_shows_cannot_be_kept():
    tools = [t.model_copy(update={"model": None}) for t in TARGET.tools]
    with pytest.raises(SetupError, match=r"target\.set_if"):
        ModelledTarget(TARGET.model_copy(update={"tools": tuple(tools)}), ManualClock(), [])


def test_a_model_without_a_value_is_an_error_of_the_one_who_wrote_it():
    tools = [
        t.model_copy(update={"model": {"target.get": {"value": "before.value / 0"}}})
        if t.name == "target.set"
        else t
        for t in TARGET.tools
    ]
    rig = modelled(TARGET.model_copy(update={"tools": tuple(tools)}))
    with pytest.raises(SetupError, match=r"target\.set says nothing of target\.get value: division by zero"):
        rig.call("target.set", thing="x", number=1)
