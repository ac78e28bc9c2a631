"""A proof as JSON is what its schema says: proved, with a counterexample, and not exhausted."""

import jsonschema
import pytest

from evals.unsafe.cases import cases, load
from policies.loader import load_runbook
from policies.proof.prover import prove
from policies.schemas import DRAFT, proof_schema
from tests.unit.policies.test_shipped_runbooks import RUNBOOKS, of_connector

UNSAFE = {case.name: case for case in cases()}
SCHEMA = proof_schema()


@pytest.fixture(scope="module")
def proved():
    folder = RUNBOOKS / "quota-raise"
    runbook, contracts = load_runbook(folder / "runbook.yaml").value, of_connector(folder / "connector.yaml")
    return prove(runbook, contracts).as_json()


def wrong(value):
    return [error.message for error in jsonschema.Draft7Validator(SCHEMA).iter_errors(value)]


def test_the_schema_is_of_draft_7():
    jsonschema.Draft7Validator.check_schema(SCHEMA)
    assert SCHEMA["$schema"] == DRAFT


def test_a_real_proof_is_valid(proved):
    assert proved["verdict"] == "proved"
    assert wrong(proved) == []
    assert wrong({**proved, "file": "runbook.yaml", "kept": False}) == []


@pytest.mark.parametrize(("name", "states"), [("check-passes-untouched", None), ("optional-needed", 20)])
def test_one_that_found_something_or_was_stopped_is_valid(name, states, tmp_path):
    loaded, contracts = load(UNSAFE[name].copy_to(tmp_path, mended=False))
    found = prove(loaded.value, contracts, states=states).as_json()
    assert found["verdict"] != "proved"
    assert found["broken"] or found["bounds"]
    assert wrong(found) == []


@pytest.mark.parametrize(
    "change",
    [{"verdict": "fine"}, {"states": "many"}, {"depth": None}, {"rows": [{"number": 1}]}, {"more": 1}],
)
def test_anything_else_is_not(proved, change):
    assert wrong({**proved, **change})


@pytest.mark.parametrize("name", ["schema", "verdict", "broken", "bounds"])
def test_nothing_may_be_missing(proved, name):
    assert wrong({key: value for key, value in proved.items() if key != name})
