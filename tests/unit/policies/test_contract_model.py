"""A model is typed against the result of the read and the arguments of the write, each flaw in its place."""

import pytest

from policies.contract import Dedupe, DedupeKind, Effect, IntegerSpec, StringSpec, ToolContract
from policies.contract_model import model_flaws
from policies.errors import LoadError
from policies.lint import lint
from policies.loader import load_connector, load_runbook
from tests.runbook_kit import EXAMPLES, contracts

TEXT = StringSpec(type="string")
NUMBER = IntegerSpec(type="integer")
FILE = (EXAMPLES / "connector-http.yaml").read_text()
MODEL = "{seats.get: {seats: before.seats + count, version: before.version + 1}}"
READ = ToolContract(
    name="seats.get",
    effect=Effect.READ,
    arguments={"account": TEXT},
    result={"account": "string", "seats": "integer", "tags": ["string"], "extra?": "any", "etag": "string"},
    connector="seats",
)
ELSEWHERE = ToolContract(
    name="other.get", effect=Effect.READ, arguments={}, result={"x": "string"}, connector="other"
)


def write(model, **given):
    return ToolContract(
        **{
            "name": "seats.grant",
            "effect": Effect.WRITE,
            "arguments": {"account": TEXT, "count": NUMBER, "etag": TEXT},
            "result": {},
            "resource": "seats/{account}",
            "connector": "seats",
            "model": model,
        }
        | given
    )


def flaws(model, **given):
    contract = write(model, **given)
    known = {c.name: c for c in (READ, ELSEWHERE, contract)}
    return [(f.code, f.path, f.column) for f in model_flaws(contract, known)]


@pytest.mark.parametrize(
    "assigned",
    [
        {},
        {"seats": "before.seats + count"},
        {"account": "account"},
        {"account": '"x"'},
        {"tags": "before.tags + [account]"},
        {"tags": "before.tags.filter(t, t != account)"},
        {"tags": "[]"},
        {"extra": "count"},
        {"seats": "before.extra"},
    ],
)
def test_what_fits_has_no_flaw(assigned):
    assert flaws({"seats.get": assigned}) == []


@pytest.mark.parametrize(
    ("model", "flaw"),
    [
        ({"seats.got": {}}, ("unknown_tool", ("model", "seats.got"), None)),
        ({"other.get": {"x": '"y"'}}, ("model_of_another_connector", ("model", "other.get"), None)),
        ({"seats.grant": {}}, ("model_not_of_a_read", ("model", "seats.grant"), None)),
        ({"seats.get": {"seat": "count"}}, ("unknown_name", ("model", "seats.get", "seat"), None)),
        ({"seats.get": {"seats": "count +"}}, ("bad_expression", ("model", "seats.get", "seats"), 7)),
        ({"seats.get": {"seats": "before.seat + 1"}}, ("unknown_name", ("model", "seats.get", "seats"), 8)),
        ({"seats.get": {"seats": "number"}}, ("unknown_name", ("model", "seats.get", "seats"), 1)),
        ({"seats.get": {"seats": "account"}}, ("wrong_type", ("model", "seats.get", "seats"), 1)),
        ({"seats.get": {"seats": "null"}}, ("wrong_type", ("model", "seats.get", "seats"), 1)),
        (
            {"seats.get": {"seats": "before.seats + account"}},
            ("wrong_type", ("model", "seats.get", "seats"), 1),
        ),
        ({"seats.get": {"tags": "[count]"}}, ("wrong_type", ("model", "seats.get", "tags"), 1)),
    ],
)
def test_each_flaw_is_told_in_its_place(model, flaw):
    assert flaws(model) == [flaw]


def test_a_read_carries_no_model():
    assert flaws({"seats.get": {}}, effect=Effect.READ) == [("model_of_a_read", ("model",), None)]


def test_no_argument_is_called_before():
    assert flaws({"seats.get": {}}, arguments={"before": TEXT}) == [("reserved_name", ("model",), None)]


def test_a_conditional_write_moves_its_condition():
    dedupe = Dedupe(kind=DedupeKind.CONDITIONAL_WRITE, condition="etag")
    stays = flaws({"seats.get": {"seats": "count"}}, dedupe=dedupe)
    assert stays == [("model_keeps_condition", ("model", "seats.get"), None)]
    assert flaws({"seats.get": {"etag": 'before.etag + "1"'}}, dedupe=dedupe) == []


def problems(tmp_path, model):
    file = tmp_path / "connector.yaml"
    file.write_text(FILE.replace(MODEL, model))
    with pytest.raises(LoadError) as raised:
        load_connector(file, {"SEATS_URL": "http://127.0.0.1:1"})
    return [(p.code, p.line, p.column) for p in raised.value.problems]


LINE = 1 + FILE[: FILE.index(MODEL)].count("\n")
COLUMN = FILE.splitlines()[LINE - 1].index(MODEL) + 1


@pytest.mark.parametrize(
    ("model", "code", "into"),
    [
        ("{seats.gets: {seats: count}}", "unknown_tool", "seats.gets"),
        ("{seats.get: {places: count}}", "unknown_name", "places"),
        ("{seats.get: {seats: before.places + 1}}", "unknown_name", "places"),
        ("{seats.get: {plan: count}}", "wrong_type", "count"),
        ("{seats.get: {plan: 'before.plan + count'}}", "wrong_type", "before"),
        ("{catalog.service: {name: account}}", "unknown_tool", "catalog.service"),
    ],
)
def test_a_connector_file_says_where(tmp_path, model, code, into):
    assert problems(tmp_path, model) == [(code, LINE, COLUMN + model.index(into))]


def test_an_assignment_names_a_field(tmp_path):
    found = problems(tmp_path, '{seats.get: {"seats?": count}}')
    assert [code for code, *_ in found] != []


def test_the_model_is_part_of_the_digest_that_approval_binds(tmp_path):
    digests = set()
    for text in (
        FILE,
        FILE.replace(MODEL, MODEL.replace("count", "1")),
        FILE.replace(f"    model: {MODEL}", ""),
    ):
        file = tmp_path / "connector.yaml"
        file.write_text(text)
        loaded = load_connector(file, {"SEATS_URL": "http://127.0.0.1:1"})
        contract = loaded.value.contracts()["seats.grant"]
        digests.add(contract.digest)
        assert ToolContract.from_document(contract.document) == contract
    assert len(digests) == 3


def test_lint_says_it_of_a_tool_without_a_file_of_its_own():
    loaded = load_runbook(EXAMPLES / "service-recovery.yaml")
    known = contracts()
    known["supervisor.stop"] = known["supervisor.stop"].model_copy(
        update={"model": {"supervisor.process": {"state": "7"}}}
    )
    found = lint(loaded.value, known, loaded.document)
    assert [(p.code, p.path) for p in found] == [("wrong_type", "steps.0.tool")]
    assert "supervisor.stop.model.supervisor.process.state" in found[0].message
    assert found[0].line > 1
