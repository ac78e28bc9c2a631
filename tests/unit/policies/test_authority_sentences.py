"""Every fact of a runbook and of its delegation has its sentence, and what is not there has none."""

# ruff: noqa: E501 - a sentence is one line
import json

import pytest

from policies.authority import sentences
from policies.authority.sentences import described
from policies.contract import BooleanSpec, IntegerSpec, StringSpec
from policies.delegation import Delegation
from policies.loader import parse_delegation, parse_runbook
from tests.runbook_kit import contracts, sets_state

BOOK = {
    "schema": "remit/runbook/v1",
    "id": "stop-it",
    "version": 1,
    "title": "Stop a program",
    "owner": "role:owner",
    "triggers": {},
    "inputs": {"program": {"type": "string", "pattern": "^[a-z]{1,20}$"}},
    "authority": {"tools": ["supervisor.stop"]},
    "limits": {"deadline": "5m", "writes": 1},
    "steps": [
        {
            "id": "stop",
            "tool": "supervisor.stop",
            "with": {"server": "one", "program": "{inputs.program}"},
            "timeout": "5s",
            "verify": {"none": "Nothing shows it."},
            "rollback": {"possible": False, "why": "It stays down."},
        }
    ],
    "completion": [{"id": "so", "expect": "true"}],
    "on_exhausted": "escalate",
    "escalation": {"levels": [{"to": "role:oncall", "within": "10m"}]},
}


def said(tools=None, entry=None, **changes):
    loaded = parse_runbook(json.dumps({**BOOK, **changes}).encode())
    assert loaded.value is not None, loaded.problems
    return sentences(loaded.value, contracts() if tools is None else tools, entry)


def step(**changes):
    return [{**BOOK["steps"][0], **changes}]


def entry(**changes):
    one = {
        "runbook": "stop-it@1", "mode": "confirm", "request": ["operator"], "decide": ["oncall"],
        "target": "one/{inputs.program}", "targets": ["one/*"],
        "resources": {"one/*": ["supervisor:one/*"]}, **changes,
    }  # fmt: skip
    text = {
        "schema": "remit/delegation/v1",
        "principals": {"ann": {"roles": ["operator", "oncall", "owner"]}},
        "delegate": [one],
        "approval": {"approvers": ["owner"]},
    }
    loaded = parse_delegation(json.dumps(text).encode())
    assert isinstance(loaded.value, Delegation), loaded.problems
    return loaded.value.delegate[0]


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        (BooleanSpec(type="boolean"), "true or false"),
        (IntegerSpec(type="integer"), "a whole number"),
        (IntegerSpec(type="integer", minimum=2), "a whole number from 2"),
        (IntegerSpec(type="integer", maximum=9), "a whole number to 9"),
        (IntegerSpec(type="integer", minimum=2, maximum=9), "a whole number from 2 to 9"),
        (StringSpec(type="string", max_length=80), "any text of at most 80 characters"),
        (StringSpec(type="string", pattern="^a$"), "text like ^a$"),
        (StringSpec(type="string", enum=("a", "b")), "one of a, b"),
    ],
)
def test_what_an_input_may_be_is_said(spec, words):
    assert described(spec) == words


def test_the_least_that_a_runbook_may_do_is_said_whole():
    assert said() == [
        "It is asked for with program: text like ^[a-z]{1,20}$.",
        "Step stop calls supervisor.stop on supervisor:one/{inputs.program}, at most once a run; it must succeed.",
        "Step stop sends program={inputs.program}, server=one.",
        "Step stop is not verified: Nothing shows it.",
        "Step stop cannot be undone: It stays down.",
        "A run sends at most 1 writes, within 5m.",
        "No model is asked.",
        "It is completed only when true (so).",
        "When its tries are used up, a human is asked.",
        "When it stops for a human it tells role:oncall (for 10m).",
    ]


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        (
            {"completion_passes_unchanged": "It is asked for daily."},
            "A run that changes nothing may complete: It is asked for daily.",
        ),
        ({"on_exhausted": "roll_back"}, "When its tries are used up, what was done is undone."),
        ({"steps": step(optional=True)}, "at most once a run; it may be left undone."),
        (
            {"limits": {"deadline": "5m", "writes": 1, "model": {"calls": 2, "tokens": 900}}},
            "A model is asked at most twice, for 900 tokens; it can only stop, look or wait.",
        ),
        (
            {"limits": {"deadline": "5m", "writes": 1, "attempts_on_resource": {"max": 3, "per": "1h"}}},
            "All runs together send at most 3 writes to one resource in any 1h.",
        ),
        (
            {"derive": {"size": {"expr": "1 + 1", "bound": {"minimum": 1, "maximum": 4}}}},
            "derive.size is 1 + 1, each value a whole number from 1 to 4.",
        ),
        ({"derive": {"size": {"expr": "1 + 1"}}}, "derive.size is 1 + 1, each value anything."),
        (
            {"completion": [{"id": "so", "expect": "true", "within": "5s", "hold": "2s", "of_step": "stop"}]},
            "It is completed only when true within 5s and for 2s (so, unless step stop was left undone).",
        ),
        (
            {"preconditions": [{"id": "due", "expect": "true", "otherwise": "reject"}]},
            "It writes only while true (due); otherwise the request is rejected.",
        ),
        (
            {"refuse": [{"phrase": ["prod"], "reason": "no_prod", "say": "Not there."}]},
            "It is refused for words such as prod: Not there.",
        ),
        (
            {"refuse": [{"when": "inputs.program == 'init'", "reason": "no_init", "say": "Never."}]},
            "It is refused for inputs.program == 'init': Never.",
        ),
        (
            {
                "escalation": {
                    "levels": [{"to": "role:oncall", "within": "10m"}, {"to": "role:lead", "within": "1h"}],
                    "grants": {"retry_once": 1},
                }
            },
            "A responder may have it try once more, once a run.",
        ),
    ],
)
def test_whatever_is_added_has_a_sentence(changes, sentence):
    found = [line for line in said(**changes) if line.endswith(sentence)]
    assert len(found) == 1
    assert not any(line.endswith(sentence) for line in said())


def test_a_tool_without_a_readable_resource_is_said_as_it_stands():
    tool = sets_state("supervisor.stop")
    unnamed = tool.model_copy(update={"resource": None})
    broken = tool.model_copy(update={"resource": "supervisor:{"})
    assert "on something its contract does not name," in said({tool.name: unnamed})[1]
    assert "on supervisor:{, at most" in said({tool.name: broken})[1]


def test_a_delegation_is_said_with_its_people_targets_windows_and_rates():
    bare = said(entry=entry())[len(said()) :]
    assert bare == [
        "role operator may ask for it, role oncall may decide; each write is confirmed by a human.",
        "For one/* it may touch supervisor:one/*.",
        "At most 1 of its runs are at work at once.",
    ]
    full = said(
        entry=entry(
            mode="delegated",
            resources={"one/*": ["supervisor:one/a", "supervisor:one/b"]},
            windows=[{"closed": {"from": "Fri 16:00", "until": "Mon 08:00"}, "zone": "UTC"}],
            rate={"max": 5, "per": "1h"},
        )
    )[len(said()) :]
    assert full == [
        "role operator may ask for it, role oncall may decide; no human confirms its writes.",
        "For one/* it may touch supervisor:one/a, supervisor:one/b.",
        "Its first write is not sent in Fri 16:00 to Mon 08:00 (UTC).",
        "At most 1 of its runs are at work at once.",
        "At most 5 runs are admitted in any 1h.",
    ]
