"""What changed around a runbook is said field by field, old and new, and who may do what is said by name."""

# ruff: noqa: E501 - a case is one line of the table
import json

import pytest

from policies.approval import Principals
from policies.authority import (
    addresses_changed,
    catalog_changed,
    connectors_changed,
    people_changed,
    sentences,
    tools_changed,
)
from policies.catalog import Catalog
from policies.connector import Connector
from policies.delegation import Approval, Principal
from policies.loader import parse_runbook
from tests.unit.policies.test_authority_sentences import BOOK

SEATS = {
    "schema": "remit/connector/v1",
    "connector": "seats",
    "kind": "http",
    "base_url": "http://one:8080",
    "tools": [
        {
            "name": "seats.set",
            "effect": "write",
            "arguments": {"account": {"type": "string"}, "seats": {"type": "integer"}},
            "resource": "seats/{account}",
            "request": {
                "method": "PUT", "path": "/accounts/{account}", "query": {"by": "remit"},
                "headers": {"X-Seats": "{seats}"}, "json": {"seats": "{seats}", "notes": ["{account}", 3]},
            },
            "timeout": "10s",
            "longest_request": "5s",
            "dedupe": {"kind": "native_key", "header": "Idempotency-Key", "window": "24h", "on_mismatch": "error"},
            "answers": {"succeeded": [200], "refused": [400]},
        }
    ],
}  # fmt: skip


def connector(**changes):
    tool = {**SEATS["tools"][0], **changes.pop("tool", {})}
    return Connector.model_validate_json(json.dumps({**SEATS, **changes, "tools": [tool]}))


def request(**changes):
    return {"tool": {"request": {**SEATS["tools"][0]["request"], **changes}}}


CONNECTORS = [
    (request(method="POST"), "connector seats, tool seats.set request.method: PUT → POST"),
    (request(path="/users/{account}"), "connector seats, tool seats.set request.path: /accounts/{account} → /users/{account}"),
    ({"base_url": "http://two:8080"}, "connector seats, base_url: http://one:8080 → http://two:8080"),
    ({"tool": {"timeout": "90s"}}, "connector seats, tool seats.set timeout: 10s → 90s"),
    ({"tool": {"longest_request": "1s"}}, "connector seats, tool seats.set longest_request: 5s → 1s"),
    ({"tool": {"answers": {"succeeded": [200, 202], "refused": [400]}}}, "connector seats, tool seats.set answers.succeeded: 200 → 200, 202"),
    ({"tool": {"dedupe": {"kind": "read_back"}}}, "connector seats, tool seats.set dedupe.kind: native_key → read_back"),
    (request(json={"seats": 9}), "connector seats, tool seats.set request.json.seats: {seats} → 9"),
]  # fmt: skip


@pytest.mark.parametrize(("changes", "said"), CONNECTORS, ids=[c[1][17:60] for c in CONNECTORS])
def test_every_field_of_a_connector_is_said_old_and_new(changes, said):
    assert said in list(connectors_changed({"seats": connector()}, {"seats": connector(**changes)}))
    assert list(connectors_changed({"seats": connector()}, {"seats": connector()})) == []


def test_connectors_that_come_and_go_are_said():
    one = {"seats": connector()}
    assert list(connectors_changed({}, one)) == ["connector seats is new: it sends to http://one:8080"]
    assert list(connectors_changed(one, {})) == ["connector seats is not used any more"]


def test_addresses_are_said_old_and_new():
    old = {"supervisors": {"a": "unix:///a", "b": "unix:///b"}, "hosts": ["h:1"], "connectors": {}}
    new = {"supervisors": {"a": "unix:///c", "d": "unix:///d"}, "hosts": ["i:1"], "connectors": {}}
    assert list(addresses_changed(old, new)) == [
        "address of supervisor a: unix:///a → unix:///c",
        "address of supervisor b: unix:///b is gone",
        "address of supervisor d: unix:///d is new",
        "http.get may not reach h:1 any more",
        "http.get may now reach i:1",
    ]


def service(**changes):
    made = {
        "name": "shop",
        "env": "prod",
        "supervisor": "one",
        "program": "shop",
        "health_url": "http://h:1/",
        "system_owner": "me",
    }
    return Catalog.model_validate_json(
        json.dumps({"schema": "remit/catalog/v1", "services": [{**made, **changes}]})
    )


def test_services_are_said():
    assert list(catalog_changed(service(), service(supervisor="two"))) == [
        "catalog: prod/shop, supervisor: one → two"
    ]
    assert list(catalog_changed(None, service())) == ["catalog: prod/shop is new, run as one/shop"]
    assert list(catalog_changed(service(), None)) == ["catalog: prod/shop is gone"]


def test_tools_of_code_are_said_with_their_file_and_others_field_by_field():
    known = (
        connector()
        .contracts()["seats.set"]
        .model_copy(update={"connector": "my.tools", "source": "sha256:1"})
    )
    slower, edited = (known.model_copy(update=u) for u in ({"timeout_s": 60.0}, {"source": "sha256:2"}))
    approved, coded = (
        {"seats.set": known.digest},
        "the code of my/tools.py changed: seats.set may do other than was approved; read the file",
    )

    def said(was, now, connectors=()):
        return list(tools_changed(approved, {"seats.set": was}, {"seats.set": now}, connectors))

    assert said(known, known) == []
    assert said(known, slower) == ["tool seats.set, timeout: 10.0 → 60.0"]
    assert said(known, edited) == [coded]
    assert said(slower, edited) == [coded]  # what was approved is not known
    assert said(known, slower, {"my.tools"}) == []  # said of the connector
    assert list(tools_changed(approved, {}, {}, ())) == ["tool seats.set is not there any more"]


def people(approval=None, **who):
    return Principals(
        principals={n: Principal.model_validate_json(json.dumps(p)) for n, p in who.items()},
        approval=Approval.model_validate_json(json.dumps(approval or {"approvers": ["owner"]})),
    )


ANN = {"roles": ["operator"], "os": ["ann"]}
PEOPLE = [
    (people(ann=ANN, bob={"roles": ["owner"], "os": ["bo"]}), [(True, "bob is added: a human with roles owner, for operating-system user bo")]),
    (people(), [(False, "ann is removed (was operator)")]),
    (people(ann={**ANN, "roles": ["operator", "owner"]}), [(True, "ann gets role owner")]),
    (people(ann={**ANN, "roles": ["auditor"]}), [(True, "ann gets role auditor"), (False, "ann loses role operator")]),
    (people(ann={**ANN, "os": ["root"]}), [(True, "ann is now also os root"), (False, "ann is no longer os ann")]),
    (people(ann={**ANN, "kind": "source"}), [(True, "ann is a source, was a human")]),
    (people({"approvers": ["operator"]}, ann=ANN), [(True, "approval, approvers: owner → operator")]),
    (people(ann=ANN), []),
]  # fmt: skip


@pytest.mark.parametrize(("new", "said"), PEOPLE)
def test_who_was_added_removed_or_given_another_role_is_said(new, said):
    assert list(people_changed(people(ann=ANN), new)) == said


def test_authority_names_the_request_of_each_write_and_the_values_in_it():
    step = {
        "id": "set", "tool": "seats.set", "with": {"account": "{inputs.program}", "seats": 3}, "timeout": "5s",
        "verify": {"none": "Nothing shows it."}, "rollback": {"possible": False, "why": "No."},
    }  # fmt: skip
    loaded = parse_runbook(
        json.dumps({**BOOK, "authority": {"tools": ["seats.set"]}, "steps": [step]}).encode()
    )
    one = {"seats": connector()}
    said = sentences(loaded.value, connector().contracts(), connectors=one)
    wanted = 'Step set sends PUT http://one:8080/accounts/{inputs.program}?by=remit with X-Seats: 3 and {"seats": 3, "notes": ["{inputs.program}", 3]}.'
    assert wanted in said
    assert "Step set sends account={inputs.program}, seats=3." in sentences(
        loaded.value, connector().contracts()
    )
