from pathlib import Path

import pytest

from policies.catalog import Catalog
from policies.connector import Connector
from policies.contract import DedupeKind, Effect
from policies.delegation import Delegation
from policies.errors import LoadError
from policies.loader import (
    load_catalog,
    load_connector,
    load_delegation,
    load_runbook,
    parse_delegation,
    parse_runbook,
    revive,
)
from policies.runbook import NoRollback, Rollback, Runbook
from tests.runbook_kit import EXAMPLES

SERVICE = (EXAMPLES / "service-recovery.yaml").read_text()
CONNECTOR = (EXAMPLES / "connector-http.yaml").read_text()
DELEGATION = (EXAMPLES / "delegation.yaml").read_text()
URL = {"SEATS_URL": "http://127.0.0.1:8080/"}
ROOT = Path(__file__).parents[3]


def changed(text, old, new):
    assert old in text, old
    return text.replace(old, new, 1)


def refused(parse, content):
    with pytest.raises(LoadError) as caught:
        parse(content.encode())
    return caught.value.problems


def connector_at(tmp_path, text, env=None):
    path = tmp_path / "c.yaml"
    path.write_text(text)
    return load_connector(path, URL if env is None else env)


@pytest.mark.parametrize("name", ["service-recovery", "entitlement-resync"])
def test_the_example_runbooks_load_as_they_stand(name):
    loaded = load_runbook(EXAMPLES / f"{name}.yaml")
    assert loaded.value.id == name
    assert loaded.digest.startswith("sha256:")
    assert revive(Runbook, loaded.content) == loaded.value


def test_the_first_example_is_shipped_as_it_stands():
    shipped = ROOT / "runbooks" / "service-recovery" / "runbook.yaml"
    assert shipped.read_bytes() == (EXAMPLES / "service-recovery.yaml").read_bytes()


def test_what_a_runbook_says_is_kept():
    book = load_runbook(EXAMPLES / "service-recovery.yaml").value
    stop, start = book.steps
    assert (stop.timeout_ms, stop.retry.budget, stop.retry.backoff.max_ms) == (30_000, 1, 20_000)
    assert [stop.retry.backoff.ceiling_ms(n) for n in (1, 2, 3, 4)] == [5_000, 10_000, 20_000, 20_000]
    assert isinstance(start.rollback, NoRollback)
    assert book.rollback("start") is None
    assert book.ref == "service-recovery@3"
    assert book.completion[0].hold_ms == 60_000
    assert book.escalation.severity_for({"env": "staging"}) == "low"
    assert book.escalation.severity_for({"env": "other"}) == "high"
    assert book.audit.sample["completed"] == 5
    assert book.limits.attempts_on_resource.per_ms == 3_600_000


def test_an_undo_inherits_timeout_and_verify_of_the_step_that_uses_its_tool():
    undo = "      timeout: 45s\n      probe: {observe: proc, applied_when: 'proc.state == \"RUNNING\"'"
    text = changed(SERVICE, undo, undo.replace("      timeout: 45s\n", ""))
    text = changed(
        text,
        "      verify: [{id: back-up, expect: 'proc.state == \"RUNNING\"', within: 30s, every: 2s}]\n",
        "",
    )
    book = parse_runbook(text.encode()).value
    written = book.step("stop").rollback
    assert isinstance(written, Rollback)
    assert written.timeout_ms is None
    inherited = book.rollback("stop")
    assert inherited.timeout_ms == 45_000
    assert [c.id for c in inherited.verify] == ["new-process"]
    assert inherited.retry.budget == 1


def test_the_digest_is_of_what_the_file_says_and_not_of_how_it_is_laid_out():
    digest = parse_runbook(SERVICE.encode()).digest
    assert parse_runbook(SERVICE.replace("# approves changes, audits samples", "").encode()).digest == digest
    assert parse_runbook(changed(SERVICE, "writes: 5", "writes: 6").encode()).digest != digest


def test_bindings_and_derived_values_stand_in_the_order_of_need_whatever_the_file_says():
    text = changed(
        SERVICE,
        "  svc:\n    tool: catalog.service\n",
        "  a:\n    tool: catalog.service\n"
        '    with: {service: "{svc.name}", env: "{svc.env}"}\n    identity: a.name == svc.name\n'
        "  svc:\n    tool: catalog.service\n",
    )
    text = changed(
        text, "authority: ", "derive:\n  a: {expr: 'derive.b + 1'}\n  b: {expr: proc.pid}\n\nauthority: "
    )
    loaded = parse_runbook(text.encode())
    assert list(loaded.value.bindings) == ["svc", "a"]
    assert list(loaded.value.derive) == ["b", "a"]
    assert list(revive(Runbook, loaded.content).bindings) == ["svc", "a"]


@pytest.mark.parametrize(
    ("old", "new", "place", "code"),
    [
        ("timeout: 30s", "timeuot: 30s", "56:5 steps.0.timeuot", "unknown_field"),
        ("budget: 1", 'budget: "1"', "61:21 steps.0.retry.budget", "wrong_type"),
        ("version: 3", "version: true", "4:10 version", "wrong_type"),
        ("version: 3", "version: 0", "4:10 version", "out_of_range"),
        ("version: 3", "version: 3.0", "4:10 version", "bad_number"),
        ("id: service-recovery", "id: Service", "3:5 id", "bad_form"),
        ("title: Restart", "titel: Restart", "5:1 titel", "unknown_field"),
        ("title: Restart", "title: [x] #", "5:8 title", "wrong_type"),
        ("within: 20s", "within: 20", "63:87 steps.0.verify.0.within", "bad_duration"),
        ("deadline: 15m", "deadline: 0m", "37:13 limits.deadline", "bad_duration"),
        ("deadline: 15m", "deadline: 15 m", "37:13 limits.deadline", "bad_duration"),
        ("jitter: full", "jitter: ful", "61:98 steps.0.retry.backoff.jitter", "not_allowed"),
        ("factor: 2", "factor: 2.5", "61:77 steps.0.retry.backoff.factor", "bad_number"),
        ("after: [not_applied]", "after: [unknown]", "61:32 steps.0.retry.after.0", "not_allowed"),
        ("otherwise: complete", "otherwise: on", "43:91 preconditions.0.otherwise", "not_allowed"),
        ("while: live", "while: live, per: 1h", "20:1 once", "one_of"),
        ("possible: false", "possible: true", "83:26 steps.1.rollback.possible", "not_allowed"),
        ("prod: high", "prod: hihg", "100:36 escalation.severity.prod", "not_allowed"),
        ("completed: 5%", "completed: 5", "104:29 audit.sample.completed", "bad_percent"),
        ("completed: 5%", "completed: 101%", "104:29 audit.sample.completed", "out_of_range"),
        ("proc.state in [", "proc.state inn [", "59:47 steps.0.probe.applied_when", "bad_expression"),
        ('"{svc.program}"', '"{svc.program"', "30:83 observe.proc.with.program", "bad_template"),
        ('"^[a-z][a-z0-9-]{1,30}$"', '"^([a-z]+)+$"', "17:36 inputs.service.pattern", "bad_pattern"),
        ('"^[a-z][a-z0-9-]{1,30}$"', '"("', "17:36 inputs.service.pattern", "bad_pattern"),
        ("type: string, pattern", "type: strng, pattern", "17:12 inputs.service", "not_allowed"),
        ("schema: remit/runbook/v1", "schema: remit/runbook/v2", "2:9 schema", "wrong_schema"),
        ("when_held: wait", "when_held: off", "21:12 when_held", "not_allowed"),
        ("writes: 5", "writes: 99999999999999999999", "38:11 limits.writes", "bad_number"),
        ("to: role:oncall", "to: oncall", "97:12 escalation.levels.0.to", "bad_form"),
    ],
)
def test_an_error_says_file_line_column_path_and_code(old, new, place, code):
    told = [str(p) for p in refused(parse_runbook, changed(SERVICE, old, new))]
    assert any(line.startswith(f"runbook.yaml:{place}: ") and line.endswith(f" [{code}]") for line in told), (
        told
    )


def test_an_error_says_what_was_probably_meant():
    def told(old, new):
        return [str(p) for p in refused(parse_runbook, changed(SERVICE, old, new))]

    assert told("timeout: 30s", "timeuot: 30s") == [
        "runbook.yaml:56:5 steps.0.timeuot: unknown field (did you mean timeout?) [unknown_field]"
    ]
    assert told("jitter: full", "jitter: ful") == [
        (
            "runbook.yaml:61:98 steps.0.retry.backoff.jitter: "
            "must be 'full' or 'none' (did you mean full?) [not_allowed]"
        )
    ]
    assert told("type: string, pattern", "type: strng, pattern") == [
        (
            "runbook.yaml:17:12 inputs.service: "
            "must be one of 'string', 'integer', 'boolean' (did you mean string?) [not_allowed]"
        )
    ]
    assert told("{id: still-running, expect", "{id: still-running, expct") == [
        "runbook.yaml:87:5 completion.1.expect: is missing [missing_field]",
        "runbook.yaml:87:25 completion.1.expct: unknown field (did you mean expect?) [unknown_field]",
    ]


@pytest.mark.parametrize(
    "field",
    [
        "id",
        "version",
        "title",
        "owner",
        "triggers",
        "inputs",
        "authority",
        "limits",
        "steps",
        "completion",
        "on_exhausted",
        "escalation",
    ],
)
def test_what_is_required_is_missed_by_name(field):
    lines, out, skipping = SERVICE.splitlines(keepends=True), [], False
    for line in lines:
        if line[0] not in " \n#":
            skipping = line.startswith(field + ":")
        if not skipping:
            out.append(line)
    assert [(p.path, p.code) for p in refused(parse_runbook, "".join(out))] == [(field, "missing_field")]


@pytest.mark.parametrize(
    "field", ["summary", "once", "when_held", "bindings", "observe", "preconditions", "diagnose", "audit"]
)
def test_the_rest_may_be_left_out(field):
    out, skipping = [], False
    for line in SERVICE.splitlines(keepends=True):
        if line[0] not in " \n#":
            skipping = line.startswith(field + ":")
        if not skipping:
            out.append(line)
    parse_runbook("".join(out).encode())


def test_every_problem_is_told_in_the_order_of_the_file():
    text = changed(
        changed(changed(SERVICE, "writes: 5", "writes: five"), "version: 3", "version: x"),
        "hold: 60s",
        "hold: 1",
    )
    assert [p.path for p in refused(parse_runbook, text)] == ["version", "limits.writes", "completion.0.hold"]


@pytest.mark.parametrize("content", ["", "[]", "just text", "a: 1", "schema: [remit/runbook/v1]"])
def test_something_else_is_not_a_runbook(content):
    assert refused(parse_runbook, content)[0].code in ("wrong_type", "wrong_schema")


def test_the_delegation_loads_as_it_stands():
    loaded = load_delegation(EXAMPLES / "delegation.yaml")
    entry = loaded.value.entry("service-recovery@3")
    assert entry.covers_target("staging/any")
    assert entry.covers_target("prod/checkout")
    assert not entry.covers_target("prod/other")
    assert entry.covers_resource("prod/checkout", "supervisor:prod-1/checkout")
    assert not entry.covers_resource("prod/checkout", "supervisor:prod-1/search")
    assert not entry.covers_resource("prod/other", "supervisor:prod-1/other")
    assert loaded.value.entry("service-recovery@4") is None
    assert revive(Delegation, loaded.content) == loaded.value


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        ('targets: ["crm/*"', 'targets: ["crmm/*"', "target_without_resources"),
        ('{"crm/*": ["scim', '{"crmm/*": ["scim', "unknown_target"),
        ("runbook: entitlement-resync@1", "runbook: service-recovery@3", "duplicate_runbook"),
        ("runbook: entitlement-resync@1", "runbook: entitlement-resync", "bad_form"),
        ("Fri 16:00", "Fri 24:00", "bad_time_of_week"),
        ("Fri 16:00", "Friday 16:00", "bad_time_of_week"),
        ("Europe/Berlin", "Europe/Nowhere", "unknown_zone"),
        ('"{inputs.env}/{inputs.service}"', '"{env}/{inputs.service}"', "unknown_name"),
        ("inputs.env == ", "now == ", "unknown_name"),
        ("slack: U2", "slack: U1", "shared_account"),
        ("mode: confirm", "mode: shadow", "not_allowed"),
        ("roles: [operator], os: [dana]", "roles: [], os: [dana]", "out_of_range"),
        ("max: 20", "max: 0", "out_of_range"),
    ],
)
def test_a_delegation_that_does_not_agree_is_refused(old, new, code):
    assert code in [p.code for p in refused(parse_delegation, changed(DELEGATION, old, new))]


def test_the_connector_loads_as_it_stands_and_makes_contracts():
    loaded = load_connector(EXAMPLES / "connector-http.yaml", URL)
    assert loaded.value.base_url == "http://127.0.0.1:8080"
    contracts = loaded.value.contracts()
    grant = contracts["seats.grant"]
    assert grant.effect is Effect.WRITE
    assert (grant.dedupe.kind, grant.dedupe.header, grant.dedupe.window_s) == (
        DedupeKind.NATIVE_KEY,
        "Idempotency-Key",
        86_400.0,
    )
    assert (grant.timeout_s, grant.longest_request_s, grant.read_lag_s) == (5.0, 10.0, 1.0)
    assert grant.recorded == ("grant_id", "seats")
    assert grant.credentials == {"executor": "seats_write", "verifier": "seats_read"}
    assert contracts["seats.get"].hosts == ("127.0.0.1:8080",)
    assert revive(Connector, loaded.content) == loaded.value


def test_the_address_and_the_request_are_part_of_what_is_approved(tmp_path):
    one = connector_at(tmp_path, CONNECTOR)
    other = connector_at(tmp_path, CONNECTOR, {"SEATS_URL": "http://127.0.0.1:9090"})
    moved = connector_at(
        tmp_path, changed(CONNECTOR, '/accounts/{account}/grants", json', '/account/{account}/grants", json')
    )
    digests = {loaded.value.contracts()["seats.grant"].digest for loaded in (one, other, moved)}
    assert len(digests) == 3
    assert len({loaded.digest for loaded in (one, other, moved)}) == 3


@pytest.mark.parametrize(
    ("value", "code"),
    [
        (None, "missing_variable"),
        ("", "missing_variable"),
        ("ftp://x", "bad_address"),
        ("http://user@host", "bad_address"),
        ("http://good.com\\@evil", "bad_address"),
        ("http://host.", "bad_address"),
        ("http://host:99999", "bad_address"),
        ("http://host/?q", "bad_address"),
        ("http://host/#f", "bad_address"),
        ("http://host/a/../b", "bad_address"),
        ("http://h%6fst", "bad_address"),
        ("http://h\u043est", "bad_address"),
        ("http://", "bad_address"),
        ("host:80", "bad_address"),
        ("${OTHER}", "bad_address"),
    ],
)
def test_an_address_that_is_none_is_refused(tmp_path, value, code):
    with pytest.raises(LoadError) as caught:
        connector_at(tmp_path, CONNECTOR, {} if value is None else {"SEATS_URL": value})
    assert [(p.path, p.code) for p in caught.value.problems] == [("base_url", code)]


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        ("{method: GET, path", "{method: DELETE, path", "read_that_writes"),
        (
            '    resource: "seats/{account}"                                  # what',
            "    # what",
            "no_resource",
        ),
        ('resource: "seats/{account}" ', 'resource: "seats/{acount}" ', "unknown_name"),
        ('"/accounts/{account}/grants"', '"/accounts/{acount}/grants"', "unknown_name"),
        ('json: {count: "{count}"}', 'json: {count: "{coun}"}', "unknown_name"),
        ('json: {count: "{count}"}', "json: {count: 1}", "unused_argument"),
        (", window: 24h", "", "missing_field"),
        ("{kind: read_back}", "{kind: conditional_write}", "missing_field"),
        ("{kind: read_back}", "{kind: conditional_write, condition: etag}", "unknown_name"),
        ("{kind: read_back}", "{kind: natural_key}", "missing_field"),
        (
            "    longest_request: 10s                                         # how",
            "    # how",
            "no_longest_request",
        ),
        ("refused: [400, 409, 422]", "refused: [400, 409, 429]", "answer_twice"),
        ("answers: {succeeded: [200], ", "answers: {succeeded: [], ", "out_of_range"),
        ("succeeded: [200], ", "succeeded: [99], ", "out_of_range"),
        ("- name: seats.revoke", "- name: seats.grant", "duplicate_tool"),
        ("json: {count", 'headers: {authorization: "x"}, json: {count', "own_header"),
        ("json: {count", 'headers: {Idempotency-Key: "x"}, json: {count', "own_header"),
        ("result: {grant_id: string, seats: integer}", "result: {grant_id: text}", "bad_shape"),
        (
            "result: {grant_id: string, seats: integer}",
            "result: {grant_id: string}\n    recorded: [seats]",
            "unknown_name",
        ),
        ("kind: http", "kind: grpc", "not_allowed"),
        ("schema: remit/connector/v1", "schema: remit/runbook/v1", "wrong_schema"),
    ],
)
def test_a_connector_that_does_not_agree_is_refused(tmp_path, old, new, code):
    with pytest.raises(LoadError) as caught:
        connector_at(tmp_path, changed(CONNECTOR, old, new))
    assert code in [p.code for p in caught.value.problems]


CATALOG = """schema: remit/catalog/v1
services:
  - {name: checkout, env: prod, supervisor: prod-1, program: checkout, health_url: "http://127.0.0.1:1/h",
     dependencies: [payments, {name: search, env: shared}], system_owner: team checkout}
  - {name: payments, env: prod, supervisor: prod-1, program: pay, health_url: "http://127.0.0.1:2/h",
     system_owner: t}
  - {name: search, env: shared, supervisor: s, program: search, health_url: "http://127.0.0.1:3/h",
     system_owner: t}
"""


def catalog_at(tmp_path, text):
    path = tmp_path / "catalog.yaml"
    path.write_text(text)
    return load_catalog(path)


def test_a_catalog_resolves_its_dependencies(tmp_path):
    loaded = catalog_at(tmp_path, CATALOG)
    first = loaded.value.entries()[0]
    assert first["dependencies"] == [
        {"name": "payments", "env": "prod", "health_url": "http://127.0.0.1:2/h"},
        {"name": "search", "env": "shared", "health_url": "http://127.0.0.1:3/h"},
    ]
    assert loaded.value.service("payments", "prod").program == "pay"
    assert loaded.value.service("payments", "shared") is None
    assert revive(Catalog, loaded.content) == loaded.value


@pytest.mark.parametrize(
    ("old", "new", "code", "path"),
    [
        ("[payments,", "[paymnts,", "unknown_service", "services.0.dependencies.0"),
        ("env: shared}]", "env: prod}]", "unknown_service", "services.0.dependencies.1"),
        (
            "{name: search, env: shared, sup",
            "{name: payments, env: prod, sup",
            "duplicate_service",
            "services.1.name",
        ),
        ("http://127.0.0.1:3/h", "ftp://127.0.0.1:3/h", "bad_form", "services.2.health_url"),
        ("http://127.0.0.1:3/h", "http://a@b/h", "bad_form", "services.2.health_url"),
    ],
)
def test_a_catalog_that_does_not_agree_is_refused(tmp_path, old, new, code, path):
    with pytest.raises(LoadError) as caught:
        catalog_at(tmp_path, changed(CATALOG, old, new))
    assert (path, code) in [(p.path, p.code) for p in caught.value.problems]


def test_a_file_that_grows_while_it_is_read_is_not_read_whole(tmp_path):
    path = tmp_path / "runbook.yaml"
    path.write_bytes(b"#" * (2 << 20))
    with pytest.raises(LoadError) as caught:
        load_runbook(path)
    assert caught.value.problems[0].code == "too_large"


def test_content_that_is_no_runbook_is_not_revived():
    with pytest.raises(LoadError):
        revive(Runbook, '{"schema":"remit/runbook/v1"}')
