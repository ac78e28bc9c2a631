"""A name of a resource is one that a call can have; patterns and other spellings are none."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.contract import BooleanSpec, DedupeKind, Effect, IntegerSpec, StringSpec, ToolContract
from policies.resource_names import can_make
from policies.templates import render_resource
from tools.adapters.supervisor import supervisor_tools

TEXT = StringSpec(type="string")


def contract(resource, **arguments):
    return ToolContract(
        name="things.set",
        effect=Effect.WRITE,
        arguments=arguments,
        result={},
        resource=resource,
        dedupe={"kind": DedupeKind.READ_BACK},
    )


THING = contract("thing/{thing}", thing=StringSpec(type="string", pattern="[a-z0-9-]{1,64}"))
FREE = contract("thing/{thing}", thing=TEXT)
NUMBERED = contract("disk-{n}:{on}", n=IntegerSpec(type="integer", minimum=1), on=BooleanSpec(type="boolean"))


@pytest.mark.parametrize(
    ("tool", "name", "made"),
    [
        (THING, "thing/one", True),
        (THING, "thing/*", False),
        (THING, "thing/One", False),
        (THING, "thing/", False),
        (THING, "thing/a/b", False),
        (THING, "thing/o%6Ee", False),
        (FREE, "thing/*", False),
        (FREE, "thing/%2A", True),
        (FREE, "thing/%2a", False),
        (FREE, "thing/..", False),
        (FREE, "thing/a%2Fb", True),
        (NUMBERED, "disk-7:true", True),
        (NUMBERED, "disk-07:true", False),
        (NUMBERED, "disk-0:true", False),
        (NUMBERED, "disk-7:yes", False),
        (contract("all"), "all", True),
        (contract("all"), "*", False),
        (contract("{a}:{b}", a=TEXT, b=StringSpec(type="string", enum=("x",))), "p:q:x", True),
        (contract(None), "thing/one", False),
    ],
)
def test_which_names_a_contract_makes(tool, name, made):
    assert can_make(tool, name) is made


@given(st.text(min_size=1, max_size=20).filter(lambda t: t not in (".", "..") and t.isprintable()))
def test_whatever_a_call_touches_can_be_named(thing):
    assert can_make(FREE, render_resource("thing/{thing}", {"thing": thing}))


def test_a_program_of_supervisord_has_one_name():
    stop = next(
        t.contract for t in supervisor_tools({"s": "unix:///x"}) if t.contract.name == "supervisor.stop"
    )
    assert can_make(stop, "supervisor:s/web")
    assert can_make(stop, "supervisor:s/web:web1")
    assert can_make(stop, "supervisor:s/web1:web")
    assert not can_make(stop, "supervisor:s/web:web")
