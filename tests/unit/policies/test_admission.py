import re
from pathlib import Path

import pytest

from policies import admission, yaml_tree
from policies.admission import Admitted, Asked, Facts, Rejected, admit, open_throughout
from policies.approval import Bundle, document, read_principals
from policies.delegation import Entry, Window
from policies.in_force import Policy
from policies.runbook import Runbook

EXAMPLES = Path(__file__).parents[2] / "fixtures" / "examples"
MONDAY_NOON = "2026-11-23T11:00:00.000000Z"  # 12:00 in Berlin
FRIDAY = "2026-11-27T14:50:00.000000Z"  # 15:50 in Berlin, ten minutes before the window closes
DELEGATION = yaml_tree.read((EXAMPLES / "delegation.yaml").read_bytes(), "delegation.yaml").value
PEOPLE = read_principals(document({k: DELEGATION[k] for k in ("principals", "approval")}))


def policy_of(name, *, entry=None, **book):
    value = yaml_tree.read((EXAMPLES / f"{name}.yaml").read_bytes(), name).value
    delegated = next(e for e in DELEGATION["delegate"] if e["runbook"].startswith(name))
    return Policy(
        bundle=Bundle(scope=delegated["runbook"], parts={"runbook": "sha256:r", "catalog": "sha256:c"}),
        runbook=Runbook.model_validate_json(document({**value, **book})),
        delegation=Entry.model_validate_json(document({**delegated, **(entry or {})})),
        contracts={},
        connectors={},
        catalog={},
        addresses={},
    )


RECOVERY = policy_of("service-recovery")
RESYNC = policy_of("entitlement-resync")


def ask(policy=RECOVERY, *, at=MONDAY_NOON, facts=None, **asked):
    given = {"requester": "dana", "source": "cli", "inputs": {"service": "checkout", "env": "prod"}, **asked}
    return admit(Asked(**given), policy=policy, people=PEOPLE, facts=Facts(at=at, **(facts or {})))


def code_of(verdict):
    assert isinstance(verdict, Rejected), verdict
    return verdict.code


def test_an_admitted_request_carries_all_that_the_run_is_pinned_to():
    verdict = ask()
    assert isinstance(verdict, Admitted), verdict
    terms = verdict.terms
    assert terms["target"] == "prod/checkout"
    assert terms["severity"] == "high"
    assert terms["deadline_ms"] == 900_000
    assert terms["once_key"] == 'service-recovery:["prod","checkout"]'
    assert terms["once_span_ms"] is None
    assert terms["mode"] == "delegated"
    assert terms["solo"] is False
    assert terms["requester"] == "dana"
    assert terms["pins"]["runbook"] == "sha256:r"
    assert terms["pins"]["bundle"] == RECOVERY.bundle.digest


def test_the_same_need_asked_through_two_doors_has_one_key():
    assert ask().terms["once_key"] == ask(source="alert", text_door=False, requester="omar").terms["once_key"]
    other = ask(inputs={"service": "search", "env": "prod"})
    assert other.terms["once_key"] != ask().terms["once_key"]


@pytest.mark.parametrize(
    ("inputs", "code", "says"),
    [
        ({"service": "checkout"}, "missing_input", "env"),
        ({"service": "checkout", "env": "prod", "admin": "true"}, "unknown_input", "admin"),
        ({"service": "checkout", "env": "production"}, "bad_input", "staging, prod"),
        ({"service": "Checkout", "env": "prod"}, "bad_input", "service"),
        ({"service": "checkout\n", "env": "prod"}, "bad_input", "service"),
        ({"service": "сheckout", "env": "prod"}, "bad_input", "service"),  # a Cyrillic letter # noqa: RUF001
        ({"service": "--flag", "env": "prod"}, "bad_input", "service"),
        ({"service": "../../etc", "env": "prod"}, "bad_input", "service"),
        ({"service": "x" * 3000, "env": "prod"}, "bad_input", "longer than 2000"),
        ({"service": ["checkout"], "env": "prod"}, "bad_input", "not text"),
        ({"service": True, "env": "prod"}, "bad_input", "not text"),
        ({"service": 5, "env": "prod"}, "bad_input", "not text"),
    ],
)
def test_inputs_that_the_runbook_does_not_take(inputs, code, says):
    verdict = ask(inputs=inputs)
    assert code_of(verdict) == code
    assert says in verdict.message
    assert len(verdict.message) < 400


NUMBERS = {"count": {"type": "integer", "minimum": 1, "maximum": 500}, "force": {"type": "boolean"}}
COUNTED = policy_of(
    "service-recovery", inputs=NUMBERS, once={"key": ["inputs.count"], "while": "live"},
    refuse=[{"when": "inputs.force && inputs.count > 100", "reason": "too_many", "say": "Not by force."}],
    escalation={"levels": [{"to": "role:oncall", "within": "1m"}]},
    entry={"target": "{inputs.count}/x", "targets": ["*/x"], "resources": {}, "windows": []},
)  # fmt: skip


@pytest.mark.parametrize(("count", "force"), [("1", "true"), ("500", "false"), ("42", "false")])
def test_a_text_door_reads_whole_numbers_and_booleans_in_one_way(count, force):
    verdict = ask(COUNTED, inputs={"count": count, "force": force if count != "500" else "false"})
    assert isinstance(verdict, Admitted), verdict
    assert type(verdict.terms["inputs"]["count"]) is int
    assert type(verdict.terms["inputs"]["force"]) is bool


@pytest.mark.parametrize(
    ("count", "force"),
    [
        *(
            (count, "true")
            for count in ("0500", "+5", " 5", "5.0", "1e3", "\u0665", "-0", "0x5", "5_0", "9" * 5000, "")
        ),
        *((count, "true") for count in ("0", "501", 5.0, True, None)),
        *(("5", force) for force in ("True", "yes", "1", " true", "")),
    ],
)
def test_a_text_door_reads_nothing_else_as_a_number_or_boolean(count, force):
    assert code_of(ask(COUNTED, inputs={"count": count, "force": force})) == "bad_input"


@pytest.mark.parametrize("count", ["5", 5.0, True, None, 2**53])
def test_a_json_door_takes_json_types_only(count):
    assert code_of(ask(COUNTED, inputs={"count": count, "force": False}, text_door=False)) == "bad_input"
    assert isinstance(ask(COUNTED, inputs={"count": 5, "force": False}, text_door=False), Admitted)


@pytest.mark.parametrize(
    ("text", "refused"),
    [
        ("please change the price of crm for ann", True),
        ("Resync ann, her CONTRACT ended", True),
        ("resync ann in crm", False),
        ("resync contractor ann in crm", False),  # a whole word, not a part of one
    ],
)
def test_words_of_the_request_name_a_branch_that_is_never_taken(text, refused):
    verdict = ask(RESYNC, inputs={"user": "ann", "app": "crm"}, text=text)
    assert (isinstance(verdict, Rejected) and verdict.code == "refused_branch") is refused
    if refused:
        assert "commercial_change: Commercial changes are made by" in verdict.message


def test_refuse_when_reads_the_inputs_and_an_error_in_it_refuses():
    assert code_of(ask(RESYNC, inputs={"user": "svc-backup", "app": "crm"})) == "refused_branch"
    broken = policy_of(
        "service-recovery", refuse=[{"when": "inputs.nothing == 1", "reason": "x_y", "say": "No."}]
    )
    assert code_of(ask(broken)) == "refused_branch"
    assert code_of(ask(COUNTED, inputs={"count": "101", "force": "true"})) == "refused_branch"


def test_who_may_ask():
    assert code_of(ask(requester="nobody")) == "unknown_requester"
    assert code_of(ask(requester="lee")) == "requester_not_allowed"
    assert code_of(ask(requester="Dana")) == "unknown_requester"
    assert isinstance(ask(requester="alertmanager"), Admitted)


def test_targets_that_are_not_delegated():
    assert code_of(ask(inputs={"service": "payments", "env": "prod"})) == "target_not_delegated"
    assert isinstance(ask(inputs={"service": "payments", "env": "staging"}), Admitted)


def test_a_window_must_be_open_for_the_whole_deadline():
    assert code_of(ask(at=FRIDAY)) == "window_closed"
    assert code_of(ask(at="2026-11-28T12:00:00.000000Z")) == "window_closed"
    assert isinstance(ask(at="2026-11-27T14:40:00.000000Z"), Admitted)  # 15:40, done by 15:55
    assert isinstance(ask(at=FRIDAY, inputs={"service": "search", "env": "staging"}), Admitted)


def test_a_window_whose_condition_cannot_be_read_counts():
    broken = {"windows": [{"when": "inputs.nothing", "closed": {"from": "Mon 00:00", "until": "Sun 23:59"}}]}
    assert code_of(ask(policy_of("service-recovery", entry=broken))) == "window_closed"


@pytest.mark.parametrize(
    ("at", "span_ms", "is_open"),
    [
        (
            "2026-11-23T09:00:00Z",
            3_600_000,
            True,
        ),  # until 10:00, when it closes: not covered yet at 10:00 sharp?
        ("2026-11-23T08:00:00Z", 3_599_000, True),
        ("2026-11-23T09:00:30Z", 3_600_000, False),
        ("2026-11-23T11:00:00Z", 1000, True),  # open again at 11:00
        ("2026-11-23T10:59:59Z", 1000, False),
        ("2026-11-24T00:00:00Z", 8 * 86_400_000, False),  # no span of a week is without it
    ],
)
def test_edges_of_a_window(at, span_ms, is_open):
    window = Window.model_validate_json('{"closed": {"from": "Mon 10:00", "until": "Mon 11:00"}}')
    if at == "2026-11-23T09:00:00Z":
        span_ms -= 1
    assert open_throughout(window, at, span_ms) is is_open


@pytest.mark.parametrize(
    ("facts", "code"),
    [
        ({"stops": ["desk"]}, "stopped"),
        ({"stops": ["runbook:service-recovery"]}, "stopped"),
        ({"live": 4}, "concurrency_exceeded"),
        ({"recent": 20}, "rate_exceeded"),
        ({"escalated": {"prod/checkout": "01J"}}, "escalation_open"),
    ],
)
def test_what_the_ledger_says_now(facts, code):
    assert code_of(ask(facts=facts)) == code


def test_who_joins_a_run_is_not_asked_about_this_moment():
    facts = Facts(at=FRIDAY, stops=["desk"], live=99, recent=99, escalated={"prod/checkout": "01J"})
    asked = Asked(requester="dana", source="cli", inputs={"service": "checkout", "env": "prod"})
    assert isinstance(admit(asked, policy=RECOVERY, people=PEOPLE, facts=facts, moment=False), Admitted)
    assert isinstance(admit(asked, policy=RECOVERY, people=PEOPLE, facts=facts), Rejected)


def test_counts_below_their_limits_and_stops_of_others_do_not_matter():
    facts = {
        "live": 3,
        "recent": 19,
        "stops": ["runbook:other", "resource:x"],
        "escalated": {"prod/x": "01J"},
    }
    assert isinstance(ask(facts=facts), Admitted)


def test_criteria_are_met_by_checks_of_the_runbook_or_the_request_is_rejected():
    assert isinstance(ask(criteria=("healthy-and-stays", "new-process")), Admitted)
    verdict = ask(criteria=("healthy-and-stays", "customers are happy"))
    assert code_of(verdict) == "criteria_not_covered"
    assert "customers are happy" in verdict.message
    assert "still-running" in verdict.message


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ({"text": "x" * 4001}, "oversized"),
        ({"criteria": tuple(map(str, range(21)))}, "oversized"),
        ({"text": "restart \u202echeckout"}, "not_canonical"),
        ({"text": "restart chec\u200bkout"}, "not_canonical"),
        ({"text": "restart \x1b[2Jcheckout"}, "not_canonical"),
        ({"text": "restart сheckout"}, "not_canonical"),  # noqa: RUF001 - a Cyrillic letter
    ],
)
def test_texts_that_are_not_what_they_look_like(asked, code):
    assert code_of(ask(**asked)) == code


def test_every_code_is_one_word_and_listed():
    source = Path(admission.__file__).read_text()
    codes = set(re.findall(r'code="([a-z_]+)"', source))
    assert codes >= {"refused_branch", "target_not_delegated"}
    assert all(re.fullmatch(r"[a-z]+(_[a-z]+)*", code) for code in codes)
