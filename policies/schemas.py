"""Which JSON Schema an editor checks a file against (draft 7, which yaml-language-server reads).

The schema is a help while writing. What is taken is decided by the loader, which knows more.
"""

import re
from typing import Any, Final

from pydantic import BaseModel, TypeAdapter

from policies.catalog import Catalog
from policies.connector import Connector
from policies.delegation import Delegation
from policies.proof.proof import FORMAT, Proof
from policies.runbook import Runbook

DRAFT: Final = "http://json-schema.org/draft-07/schema#"
MODELS: Final[dict[str, type[BaseModel]]] = {
    "runbook": Runbook,
    "delegation": Delegation,
    "connector": Connector,
    "catalog": Catalog,
}


def json_schema(kind: str) -> dict[str, Any]:
    """Build the schema of a kind of file (``MODELS``); KeyError for another kind."""
    return schema_of(MODELS[kind], f"remit/{kind}/v1")


def schema_of(model: type[BaseModel], title: str) -> dict[str, Any]:
    """Build the schema of a model of a file."""
    return _written(model.model_json_schema(by_alias=True, mode="validation"), title)


def proof_schema() -> dict[str, Any]:
    """Build the schema of a proof as JSON, as a desk keeps it.

    What ``remit runbook prove --json`` prints of each says its ``file`` besides, and whether it was ``kept``.
    """
    schema = TypeAdapter(Proof).json_schema(mode="serialization")
    for part in (schema, *schema["$defs"].values()):
        if part["type"] == "object":
            part["additionalProperties"] = False
    printed = {"file": {"type": "string"}, "kept": {"type": "boolean"}}
    schema["properties"] = {"schema": {"const": FORMAT}, **printed, **schema["properties"]}
    schema["required"] = ["schema", *schema["required"]]
    return _written(schema, FORMAT)


def _written(schema: dict[str, Any], title: str) -> dict[str, Any]:
    definitions = {name: _draft_7(part) for name, part in schema.pop("$defs", {}).items()}
    return {
        "$schema": DRAFT,
        "title": title,
        **_draft_7(schema),
        "definitions": definitions,
    }


def _draft_7(schema: dict[str, Any]) -> dict[str, Any]:
    found = {
        key: _below(key, value) for key, value in schema.items() if key not in ("title", "discriminator")
    }
    if "patternProperties" in found:
        found.setdefault("additionalProperties", False)
    if "$ref" in found and len(found) > 1:  # draft 7 ignores what stands beside a reference
        found["allOf"] = [{"$ref": found.pop("$ref")}]
    return found


def _below(key: str, value: Any) -> Any:
    if key == "$ref":
        return value.replace("#/$defs/", "#/definitions/")
    if key == "description":  # the models name their fields with the unit that they hold, files do not
        return re.sub(r"([a-z])_ms\b", r"\1", value)
    if key in ("default", "enum", "const", "examples"):
        return value
    if key in ("properties", "patternProperties", "definitions"):
        return {name: _draft_7(part) for name, part in value.items()}
    if isinstance(value, dict):
        return _draft_7(value)
    if isinstance(value, list):
        return [_draft_7(part) if isinstance(part, dict) else part for part in value]
    return value
