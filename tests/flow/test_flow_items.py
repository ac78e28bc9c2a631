"""Items, optional steps, roll back, preconditions, and a target that somebody else has changed meanwhile."""

from collections.abc import Iterator
from typing import Any

import pytest

from evals.storm.target import Target
from tests.flow import kit

# A directory of record and an application with the same shape as the shipped entitlement-resync.
TOOLS = '''"""A directory and an application, in a file each."""

import json
from pathlib import Path
from typing import Annotated

from remit import Pattern, PermanentError, tool

HERE = Path(__file__).parent / "users"
User = Annotated[str, Pattern("[a-z][a-z0-9-]{1,40}")]
Value = Annotated[str, Pattern("[a-z][a-z0-9:-]{1,40}")]


def load(user):
    return json.loads((HERE / f"{user}.json").read_text())


@tool(name="directory.person", effect="read", result={"uid": "string", "active": "boolean", "home": "string"})
def person(uid: User) -> dict:
    """Read a person."""
    return {"uid": uid, "active": load(uid)["active"], "home": load(uid)["home"]}


@tool(name="directory.entitlements", effect="read", result={"values": ["string"]})
def should(uid: User) -> dict:
    """What the person should have."""
    return {"values": load(uid)["should"]}


@tool(name="app.entitlements", effect="read", result={"values": ["string"]})
def has(home: User) -> dict:
    """What the person has."""
    return {"values": load(home)["has"]}


def change(home, value, add):
    state = load(home)
    with (HERE / "log").open("a") as log:
        log.write(f"{home} {'+' if add else '-'}{value}\\n")
    if value in state["refuses"]:
        raise PermanentError("not this one")
    kept = [v for v in state["has"] if v != value]
    state["has"] = [*kept, value] if add else kept
    (HERE / f"{home}.json").write_text(json.dumps(state))
    return {"value": value}


@tool(name="app.add", effect="write", result={"value": "string"}, resource="user:{home}", dedupe="read_back",
      repeatable=True, longest_request_s=0.2)
def add(home: User, value: Value) -> dict:
    """Give an entitlement."""
    return change(home, value, True)


@tool(name="app.remove", effect="write", result={"value": "string"}, resource="user:{home}",
      dedupe="read_back", repeatable=True, longest_request_s=0.2)
def remove(home: User, value: Value) -> dict:
    """Take an entitlement away."""
    return change(home, value, False)
'''


def one(name: str, tool: str, back: str, **changes: Any) -> dict[str, Any]:
    there, gone = "item in has.values", "!(item in has.values)"
    if tool == "app.remove":
        there, gone = gone, there
    given = {"home": "{person.home}", "value": "{item}"}
    return {
        "id": name,
        "for_each": {"of": f"derive.{name}", "min": 0, "max": 5},
        "tool": tool,
        "with": given,
        "timeout": "5s",
        "probe": {"observe": "has", "applied_when": there, "absent_when": gone},
        "retry": {"budget": 1, "after": ["not_applied"], "backoff": kit.QUICK},
        "verify": [{"id": f"{name}-done", "expect": there}],
        "rollback": {
            "tool": back, "with": given, "timeout": "5s",
            "probe": {"observe": "has", "applied_when": gone, "absent_when": there},
            "verify": [{"id": f"{name}-undone", "expect": gone}],
        },
        **changes,
    }  # fmt: skip


BOUND = {"pattern": "^[a-z][a-z0-9:-]{1,40}$"}
RESYNC = {
    **kit.book(
        "resync",
        one("add", "app.add", "app.remove"),
        one("remove", "app.remove", "app.add", optional=True, on_refused="leave"),
    ),
    "inputs": {"user": {"type": "string", "pattern": "^[a-z][a-z0-9-]{1,40}$"}},
    "bindings": {
        "person": {
            "tool": "directory.person",
            "with": {"uid": "{inputs.user}"},
            "identity": "person.uid == inputs.user",
        }
    },
    "observe": {
        "should": {"tool": "directory.entitlements", "with": {"uid": "{inputs.user}"}},
        "has": {"tool": "app.entitlements", "with": {"home": "{person.home}"}},
    },
    "derive": {
        "add": {"expr": "should.values.filter(v, !(v in has.values))", "bound": BOUND},
        "remove": {"expr": "has.values.filter(v, !(v in should.values))", "bound": BOUND},
    },
    "authority": {
        "tools": ["directory.person", "directory.entitlements", "app.entitlements", "app.add", "app.remove"]
    },
    "preconditions": [
        {"id": "active", "expect": "person.active", "otherwise": "escalate"},
        {"id": "no-privilege", "expect": '!("admin" in has.values)', "otherwise": "reject"},
        {"id": "drifted", "expect": "size(derive.add) + size(derive.remove) > 0", "otherwise": "complete"},
    ],
    "completion": [
        {"id": "nothing-missing", "expect": "should.values.all(v, v in has.values)"},
        {"id": "nothing-too-much", "expect": "has.values.all(v, v in should.values)", "of_step": "remove"},
    ],
    "on_exhausted": "roll_back",
}
REFUSES = {
    **RESYNC,
    "id": "resync-refused",
    "steps": [{**s, "on_refused": "roll_back", "optional": False} for s in RESYNC["steps"]],
}
COMPLETES = kit.book(
    "completes",
    preconditions=[{"id": "needed", "expect": "seen.value != inputs.goal", "otherwise": "complete"}],
)
CONDITIONAL = kit.book("conditional", kit.step(kind="conditional_write"))
BOOKS = [RESYNC, REFUSES, COMPLETES, CONDITIONAL]
ENTRY = {"target": "users/{inputs.user}", "targets": ["users/*"], "resources": {"users/*": ["user:*"]}}


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory, target: Target) -> Iterator[kit.House]:
    folder = tmp_path_factory.mktemp("items")
    (folder / "users").mkdir()
    (folder / "users" / "log").touch()
    kit.write_desk(
        folder, BOOKS, entries={"resync": ENTRY, "resync-refused": ENTRY}, modules={"user_tools": TOOLS}
    )
    kit.approve(folder, target)
    with kit.at_work(folder, target) as house:
        yield house


class Users:
    """The files that the tools read and write."""

    def __init__(self, house: kit.House) -> None:
        self.house, self.folder = house, house.app.settings.desk / "users"

    def put(self, user: str, **state: Any) -> None:
        import json

        made = {"active": True, "home": user, "should": [], "has": [], "refuses": [], **state}
        (self.folder / f"{user}.json").write_text(json.dumps(made))

    def has(self, user: str) -> list[str]:
        import json

        return sorted(json.loads((self.folder / f"{user}.json").read_text())["has"])

    def log(self, user: str) -> list[str]:
        lines = (self.folder / "log").read_text().splitlines()
        return [line.partition(" ")[2] for line in lines if line.startswith(f"{user} ")]

    def submit(self, user: str, book: str = "resync") -> str:
        from remit.intake.principal import Asker
        from remit.intake.requests import Request

        asker = Asker(name="ann", how="as", os_user="ann")
        intake = self.house.intake()
        done = intake.submit(
            intake.read(
                Request(asker=asker, source="cli", runbook=book, inputs={"user": user}, text_door=False)
            )
        )
        assert done.rejected is None, done.rejected
        return done.run


@pytest.fixture
def users(house: kit.House) -> Users:
    return Users(house)


def test_every_item_is_an_operation_of_its_own(house: kit.House, users: Users) -> None:
    users.put("ada", should=["a1", "a2", "a3"], has=["a3", "b1", "b2"])
    run = users.submit("ada")
    assert house.follow(run).closed == "completed"
    assert users.has("ada") == ["a1", "a2", "a3"]
    assert users.log("ada") == ["+a1", "+a2", "-b1", "-b2"]
    ops = [o.id for o in house.task(run).operations]
    assert ops == ["add[0]/1", "add[1]/1", "remove[0]/1", "remove[1]/1"]


def test_nothing_to_do_completes_without_a_write(house: kit.House, users: Users) -> None:
    users.put("bea", should=["a1"], has=["a1"])
    run = users.submit("bea")
    assert house.follow(run).closed == "completed"
    assert users.log("bea") == []
    assert house.record(run)["changed"] is False


def test_what_is_optional_and_refused_is_left_and_said_so(house: kit.House, users: Users) -> None:
    users.put("cat", should=["a1"], has=["b1", "b2"], refuses=["b1"])
    run = users.submit("cat")
    task = house.follow(run)
    assert (task.closed, task.reason) == ("partially_completed", "optional_left")
    assert users.has("cat") == ["a1", "b1"]
    packet = house.packet(run)
    assert [(r["step"], r["item"]) for r in packet["remaining"]] == [("remove", 0)]
    assert packet["top"]["decision"] == "None: the run has ended as partially_completed"
    assert {o["why"] for o in packet["options"]} == {"the run has ended as partially_completed"}
    assert "nothing-missing" in {s["check"] for s in packet["state"]}
    assert house.record(run)["remaining"]
    assert house.app.ledger.holder("user:cat") is None


def test_what_was_done_is_undone_newest_first_when_the_rest_is_refused(
    house: kit.House, users: Users
) -> None:
    users.put("dan", should=["a1", "a2", "a3"], has=["b1"], refuses=["a3"])
    run = users.submit("dan", "resync-refused")
    task = house.follow(run)
    assert (task.closed, task.reason) == ("rolled_back", "refused")
    assert users.log("dan") == ["+a1", "+a2", "+a3", "-a2", "-a1"]
    assert users.has("dan") == ["b1"]
    packet = house.packet(run)
    assert [c["op"] for c in packet["changed"]].count("undo:add[0]/1/1") == 1
    assert {s["verdict"] for s in packet["state"] if "undone" in s["check"]} == {"pass"}


def test_a_precondition_rejects_before_anything_is_written(house: kit.House, users: Users) -> None:
    users.put("eli", should=["a1"], has=["admin"])
    task = house.follow(users.submit("eli"))
    assert (task.closed, task.reason, users.log("eli")) == ("rejected", "precondition_failed", [])


def test_a_precondition_escalates_before_anything_is_written(house: kit.House, users: Users) -> None:
    users.put("fay", active=False, should=["a1"])
    run = users.submit("fay")
    task = house.follow(run)
    assert task.open_escalation is not None
    assert (task.open_escalation.reason, users.log("fay")) == ("precondition_failed", [])
    users.put("fay", should=["a1"])
    house.decide(run, "resume")
    assert house.follow(run).closed == "completed"


def test_what_is_so_already_completes_without_a_write(house: kit.House, target: Target) -> None:
    target.change("so-already", kit.GOAL)
    run, task = house.carry("completes", "so-already")
    assert (task.closed, house.sends("so-already")) == ("completed", [])
    assert house.record(run)["changed"] is False


def test_a_condition_that_has_moved_is_a_conflict_and_no_second_effect(
    house: kit.House, target: Target
) -> None:
    run = house.submit("conditional", "moved-on")
    house.at[run, "intent_durable"] = lambda: target.change("moved-on", 2)
    task = house.follow(run)
    assert task.open_escalation is not None
    assert (task.open_escalation.reason, house.effects("moved-on")) == ("conflict", [])


# the target is changed between the end of one process and the takeover by the next


def killed(house: kit.House, run: str, point: str) -> None:
    house.at[run, point] = kit.die
    with pytest.raises(kit.Killed):
        house.work(run)


def test_a_binding_that_has_changed_is_a_conflict_before_any_write(house: kit.House, users: Users) -> None:
    users.put("gus", should=["a1"])
    users.put("gus-elsewhere", has=[])
    run = users.submit("gus")
    killed(house, run, "before_intent")
    users.put("gus", should=["a1"], home="gus-elsewhere")
    task = house.follow(run)
    assert task.open_escalation is not None
    assert task.open_escalation.reason == "conflict"
    assert users.log("gus") == users.log("gus-elsewhere") == []
    # a human accepts what they saw: the new value is the ground, for exactly that value
    house.decide(run, "resume")
    killed(house, run, "before_intent")
    users.put("gus", should=["a1"], home="gus")
    task = house.follow(run)
    assert task.open_escalation is not None, "another change is another conflict"
    assert task.open_escalation.reason == "conflict"
    assert users.log("gus") == users.log("gus-elsewhere") == []
    house.decide(run, "resume")
    assert house.follow(run).closed == "completed"
    assert (users.log("gus"), users.log("gus-elsewhere")) == (["+a1"], [])


def test_a_change_behind_the_first_of_two_writes_keeps_the_second_from_being_sent(
    house: kit.House, users: Users
) -> None:
    users.put("hal", should=["a1", "a2"])
    users.put("hal-elsewhere")
    run = users.submit("hal")
    killed(house, run, "outcome_durable")
    assert users.log("hal") == ["+a1"]
    users.put("hal", should=["a1", "a2"], has=["a1"], home="hal-elsewhere")
    task = house.follow(run)
    assert task.open_escalation is not None
    assert task.open_escalation.reason == "conflict"
    assert (users.log("hal"), users.log("hal-elsewhere")) == (["+a1"], [])


def test_a_value_that_has_changed_is_judged_as_it_is_now(house: kit.House, users: Users) -> None:
    users.put("ida", should=["a1"])
    run = users.submit("ida")
    killed(house, run, "intent_durable")  # never sent
    users.put("ida", should=["a1"], has=["a1"])  # and done by somebody else
    task = house.follow(run)
    assert users.log("ida") == []
    assert task.closed == "completed"
    assert [o.attempts[0].outcome for o in task.operations] == [None]  # nobody ever said how it went


def test_an_effect_that_somebody_has_taken_back_is_no_completion(house: kit.House, users: Users) -> None:
    users.put("jon", should=["a1"])
    run = users.submit("jon")
    killed(house, run, "outcome_durable")
    users.put("jon", should=["a1"], has=[])
    task = house.follow(run)
    assert task.closed != "completed"
    assert users.log("jon").count("+a1") == 1
