import json

import jsonschema
import pytest
from ruamel.yaml import YAML

from policies.schemas import DRAFT, MODELS, json_schema
from tests.runbook_kit import EXAMPLES

FILES = [
    ("runbook", "service-recovery"),
    ("runbook", "entitlement-resync"),
    ("delegation", "delegation"),
    ("connector", "connector-http"),
]


def document(name):
    return YAML(typ="safe").load((EXAMPLES / f"{name}.yaml").read_text())


@pytest.mark.parametrize("kind", sorted(MODELS))
def test_a_schema_is_of_draft_7(kind):
    schema = json_schema(kind)
    jsonschema.Draft7Validator.check_schema(schema)
    assert schema["$schema"] == DRAFT
    text = json.dumps(schema)
    assert "$defs" not in text
    assert "prefixItems" not in text
    assert "_ms" not in text, "a field's name in the file is its alias"


@pytest.mark.parametrize(("kind", "name"), FILES)
def test_the_examples_are_valid(kind, name):
    assert list(jsonschema.Draft7Validator(json_schema(kind)).iter_errors(document(name))) == []


def edited(name, change):
    value = document(name)
    change(value)
    return value


@pytest.mark.parametrize(
    "change",
    [
        lambda d: d["steps"][0].update(timeuot="3s"),
        lambda d: d["steps"][0].update(timeout="30"),
        lambda d: d["steps"][0].update(timeout=30),
        lambda d: d.update(version="3"),
        lambda d: d.pop("limits"),
        lambda d: d["inputs"]["env"].update(type="number"),
        lambda d: d["bindings"].update({"Not-A-Name": d["bindings"]["svc"]}),
        lambda d: d["escalation"]["severity"].update(prod="urgent"),
        lambda d: d["steps"][1]["rollback"].update(possible=True),
        lambda d: d["completion"].clear(),
    ],
)
def test_an_editor_is_told_what_is_wrong(change):
    errors = jsonschema.Draft7Validator(json_schema("runbook")).iter_errors(
        edited("service-recovery", change)
    )
    assert next(errors, None) is not None


def test_another_kind_has_no_schema():
    with pytest.raises(KeyError):
        json_schema("packet")
