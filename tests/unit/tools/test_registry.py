import pytest

from policies.call import Reply
from policies.contract import Effect, ToolContract
from state.outcome import Outcome
from tools.errors import DuplicateToolError, UnknownToolError
from tools.port import Tool
from tools.registry import Registry, source_digest


class Echo:
    def __init__(self, name, **more):
        self.contract = ToolContract(name=name, effect=Effect.READ, arguments={}, result={}, **more)

    def send(self, arguments, *, key, secret, timeout_s):
        return Reply(outcome=Outcome.SUCCEEDED, result={})


def test_a_tool_is_found_by_its_exact_name_only():
    registry = Registry([Echo("a.get"), Echo("b.get")])
    assert isinstance(registry.tool("a.get"), Tool)
    for alias in ("A.get", "a.get ", "a_get", ""):
        with pytest.raises(UnknownToolError):
            registry.tool(alias)
    assert list(registry.contracts()) == ["a.get", "b.get"]


def test_two_tools_of_one_name_are_refused():
    with pytest.raises(DuplicateToolError, match=r"a\.get"):
        Registry([Echo("a.get"), Echo("a.get", timeout_s=1.0)])


def test_the_digest_moves_with_every_contract_and_not_with_the_order():
    one = Registry([Echo("a.get"), Echo("b.get")])
    other = Registry([Echo("b.get"), Echo("a.get", source="sha256:00")])
    assert one.contracts_digest(["a.get", "b.get"]) == one.contracts_digest(["b.get", "a.get", "a.get"])
    assert one.contracts_digest(["b.get"]) == other.contracts_digest(["b.get"])
    assert one.contracts_digest(["a.get"]) != other.contracts_digest(["a.get"])
    with pytest.raises(UnknownToolError):
        one.contracts_digest(["c.get"])


def test_the_source_digest_is_of_the_bytes(tmp_path):
    file = tmp_path / "tool.py"
    file.write_bytes(b"x = 1\n")
    before = source_digest(file)
    file.write_bytes(b"x = 2\n")
    assert before.startswith("sha256:")
    assert source_digest(file) != before
