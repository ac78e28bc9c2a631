"""What reads show in an exploration follows the models, and the runbook's own expressions are asked of it."""

from dataclasses import dataclass, field

import pytest

from policies.loader import parse_runbook
from policies.plan import compile_plan
from policies.proof.case import Case
from policies.proof.domain import ModelledSight, sight_of
from policies.proof.drills import drills
from policies.proof.sight import Question, Trust
from tests.unit.policies.test_expressions_proved import QUOTA, RESYNC, SERVICE, known, text_of


@dataclass
class Shows:
    """A world of which only what reads show matters; ``effects`` by place, ``times`` by operation."""

    shown: str
    effects: dict = field(default_factory=dict)
    operations: dict = field(default_factory=dict)

    @property
    def cells(self):
        return tuple(self.effects.items())

    def value(self, place):
        return self.effects.get(place, 0)

    def times(self, op):
        return self.operations.get(op, 0)


def sight(folder, *edits, items=None, tools=None):
    book = parse_runbook(text_of(folder, *edits).encode()).value
    plan = compile_plan(book, known(folder))
    places = [
        (step.id, item)
        for step in book.steps
        for item in (range((items or {}).get(step.id, 1)) if step.for_each else (None,))
    ]
    return sight_of(book, tools or known(folder), Trust(plan=plan, peers=dict.fromkeys(places, frozenset())))


def answer(made, shown, **asked):
    return made.answers(Question(**asked), Shows(shown))


def test_a_write_is_seen_by_probe_check_and_completion():
    made = sight(QUOTA)
    words, first = next(iter(made.beginnings()))
    assert "asked for with account = acc-0, count = 1" in words
    assert "quota shows" in words
    place = ("raise", None)
    probe = {"kind": "probe", "place": place, "seen": first, "scope": "raise/1"}
    check = {"kind": "check", "place": place, "check": "raised", "seen": first, "scope": "raise/1"}
    completion = {"kind": "check", "check": "raised-once", "scope": "completion"}
    assert answer(made, first, **probe) == ("absent",)
    assert answer(made, first, **check) == answer(made, first, **completion) == ("fail",)
    once = made.landed(first, place, undo=False, seen=first)
    assert answer(made, once, **probe) == ("applied",)
    assert answer(made, once, **check) == answer(made, once, **completion) == ("pass",)
    twice = made.landed(once, place, undo=False, seen=first)
    assert answer(made, twice, **probe) == ("unknown",)
    assert answer(made, twice, **completion) == ("fail",)


def test_a_beginning_is_refused_by_a_precondition():
    made = sight(QUOTA)
    shown = [state for _, state in made.beginnings()]
    asked = {"kind": "precondition", "check": "account-exists"}
    assert [answer(made, state, **asked) for state in shown] == [("pass",)] * (len(shown) - 1) + [("fail",)]


def test_somebody_else_may_always_have_been_there():
    made = sight(QUOTA)
    _, first = next(iter(made.beginnings()))
    conflict = {"kind": "conflict", "place": ("raise", None), "seen": first}
    assert answer(made, first, **conflict) == ("no", "yes")
    moved = made.landed(first, ("raise", None), undo=False, seen=first)
    assert answer(made, moved, **conflict | {"seen": moved}) == ("yes",)


def test_what_no_model_tells_is_answered_on_trust():
    made = sight(SERVICE)
    _, first = next(iter(made.beginnings()))
    asked = {"kind": "precondition", "check": "really-unhealthy"}
    assert answer(made, first, **asked) == ("pass", "fail")
    healthy = {"kind": "check", "check": "healthy-and-stays", "scope": "completion"}
    both = {("stop", None): 1, ("start", None): 1}
    assert made.answers(Question(**healthy), Shows(first, effects=dict.fromkeys(both, 0))) == ("fail",)
    assert made.answers(Question(**healthy), Shows(first, effects=both)) == ("pass",)
    assert any("http.get" in one for one in made.trusted)


def test_an_undo_brings_back_what_its_model_says():
    made = sight(SERVICE)
    running = next(s for _, s in made.beginnings() if "RUNNING" in s)
    stop = ("stop", None)
    stopped = made.landed(running, stop, undo=False, seen=running)
    undone = made.landed(stopped, stop, undo=True, seen=stopped)
    undo = {"kind": "probe", "place": stop, "undo": True, "seen": stopped, "scope": "stop/1/undo"}
    assert answer(made, stopped, **undo) == ("absent",)
    assert answer(made, undone, **undo) == ("applied",)
    assert answer(made, undone, kind="check", place=stop, undo=True, check="back-up") == ("pass",)
    assert answer(made, stopped, kind="check", place=stop, undo=True, check="back-up") == ("fail",)


def test_what_a_tool_sets_stands_once_it_is_so():
    made = sight(SERVICE)
    running = next(s for _, s in made.beginnings() if "RUNNING" in s)
    stop, start = ("stop", None), ("start", None)
    stopped = made.landed(running, stop, undo=False, seen=running)
    assert [made.stands(Shows(s), stop) for s in (running, stopped)] == [False, True]
    assert [made.stands(Shows(s), start) for s in (running, stopped)] == [True, False]
    assert made.stands(Shows(running, effects={stop: 1}), stop)


def test_items_are_those_of_the_beginning():
    made = sight(RESYNC, items={"add": 2, "remove": 1})
    assert isinstance(made, ModelledSight)
    _, first = next(iter(made.beginnings()))
    second = ("add", 1)
    asked = {"kind": "check", "check": "added", "seen": first}
    added = made.landed(first, ("add", 0), undo=False, seen=first)
    assert answer(made, added, place=("add", 0), **asked) == ("pass",)
    assert answer(made, added, place=second, **asked) == ("fail",)


def test_more_items_than_any_beginning_has_are_trusted():
    made = sight(RESYNC, items={"add": 4, "remove": 4})
    assert isinstance(made, Trust)
    assert any("as many items" in one for one in made.trusted)


def test_without_a_model_there_is_only_trust():
    tools = {name: c.model_copy(update={"model": None}) for name, c in known(QUOTA).items()}
    made = sight(QUOTA, tools=tools)
    assert isinstance(made, Trust)
    assert any("quota.raise has no model" in one for one in made.trusted)


@pytest.mark.parametrize("folder", [QUOTA, SERVICE, RESYNC])
def test_beginnings_are_few_and_states_are_text(folder):
    states = [state for _, state in sight(folder).beginnings()]
    assert 1 <= len(states) <= 4
    assert len(set(states)) == len(states)
    assert all(isinstance(state, str) for state in states)


@pytest.mark.parametrize("folder", [QUOTA, SERVICE, RESYNC])
def test_a_shipped_runbook_keeps_what_it_promises(folder):
    book = parse_runbook(text_of(folder).encode()).value
    plan = compile_plan(book, known(folder))
    given = {
        "name": folder,
        "plan": plan,
        "items": {step.id: 2 for step in book.steps if step.for_each},
        "conflicts": frozenset(step.id for step in book.steps if step.conflict_if),
    }
    resources = dict.fromkeys(Case(**given).places, "one")
    case = Case(**given, resources=resources)
    seen = sight_of(book, known(folder), Trust(plan=plan, peers=case.peers))
    assert isinstance(seen, ModelledSight)
    assert list(drills(Case(**given, resources=resources, given=seen), book)) == []
