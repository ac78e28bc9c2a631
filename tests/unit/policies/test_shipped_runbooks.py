"""Every runbook that is shipped loads, and is clean under lint with the contracts that it would use."""

import re
from pathlib import Path

import pytest

from policies.catalog import Catalog
from policies.lint import lint
from policies.loader import load_connector, load_runbook
from tests.runbook_kit import contracts
from tools.adapters.catalog import catalog_tool
from tools.adapters.http_get import http_get
from tools.adapters.supervisor import supervisor_tools

RUNBOOKS = Path(__file__).parents[3] / "runbooks"
FOLDERS = sorted(path.parent.name for path in RUNBOOKS.glob("*/runbook.yaml"))


def built_in():
    catalog = Catalog.model_validate_json('{"schema": "remit/catalog/v1", "services": []}')
    tools = [catalog_tool(catalog), http_get(["127.0.0.1:1"]), *supervisor_tools({"prod-1": "unix:///none"})]
    return {tool.contract.name: tool.contract for tool in tools}


def of_connector(path):
    names = re.findall(r"\$\{(\w+)\}", path.read_text())
    return load_connector(path, dict.fromkeys(names, "http://127.0.0.1:1")).value.contracts()


def test_there_are_some():
    assert {"service-recovery", "entitlement-resync"} <= {*FOLDERS}


@pytest.mark.parametrize("folder", FOLDERS)
def test_a_shipped_runbook_is_clean(folder):
    loaded = load_runbook(RUNBOOKS / folder / "runbook.yaml")
    known = {
        **contracts(),
        **built_in(),
    }  # scim and directory have no adapter of their own: small local contracts
    for connector in (RUNBOOKS / folder).glob("connector*.yaml"):
        known.update(of_connector(connector))
    assert loaded.value.id == folder
    assert lint(loaded.value, known, loaded.document) == []
