import pytest

from policies.contract import Effect, ToolContract
from state.entry import Role
from tools.credentials import Credentials, credential_name
from tools.errors import CredentialClashError, SecretError
from tools.secrets import Secrets


def contract(name="a.get", **credentials):
    return ToolContract(name=name, effect=Effect.READ, arguments={}, result={}, credentials=credentials)


def credentials(values, *contracts, shared=()):
    environ = {f"REMIT_SECRET_{name.upper()}": value for name, value in values.items()}
    return Credentials(Secrets(None, environ=environ), contracts, shared=shared)


TWO = contract(executor="seats_write", verifier="seats_read")


def test_each_role_has_its_own():
    held = credentials({"seats_write": "value-w", "seats_read": "value-r"}, TWO)
    assert held.resolve("seats_write").reveal() == "value-w"
    assert held.resolve("seats_read").reveal() == "value-r"
    assert held.clashes() == ()


def test_the_same_value_under_two_names_is_refused_for_both_roles():
    held = credentials({"seats_write": "same-value", "seats_read": "same-value"}, TWO)
    for name in ("seats_write", "seats_read"):
        with pytest.raises(CredentialClashError) as raised:
            held.resolve(name)
        assert "same-value" not in str(raised.value)
        assert "executor and verifier" in str(raised.value)
    assert len(held.clashes()) == 1


def test_one_name_for_two_roles_is_refused():
    held = credentials({"one": "value"}, contract(executor="one", verifier="one"))
    with pytest.raises(CredentialClashError, match="executor and verifier share secret one"):
        held.resolve("one")


def test_a_clash_across_connectors_is_a_clash():
    held = credentials(
        {"w": "same-value", "r": "same-value"}, contract(executor="w"), contract("b.get", verifier="r")
    )
    with pytest.raises(CredentialClashError):
        held.resolve("w")


@pytest.mark.parametrize(
    ("shared", "allowed"), [(["seats_write", "seats_read"], True), (["seats_write"], False)]
)
def test_sharing_is_allowed_by_name_only(shared, allowed):
    held = credentials({"seats_write": "same-value", "seats_read": "same-value"}, TWO, shared=shared)
    assert (held.clashes() == ()) is allowed
    if allowed:
        assert held.resolve("seats_write").reveal() == "same-value"


def test_one_role_may_use_one_value_for_two_connectors():
    held = credentials(
        {"a": "same-value", "b": "same-value"}, contract(executor="a"), contract("b.get", executor="b")
    )
    assert held.resolve("a").reveal() == "same-value"


def test_what_is_missing_is_said_and_is_no_clash():
    held = credentials({"seats_write": "value-w"}, TWO)
    assert held.resolve("seats_write").reveal() == "value-w"
    assert list(held.missing()) == ["seats_read"]
    with pytest.raises(SecretError):
        held.resolve("seats_read")


def test_a_socket_without_a_secret_is_none_for_every_role():
    assert credential_name(contract(), Role.EXECUTOR) == "none"
    assert credential_name(contract(), Role.VERIFIER) == "none"
    assert credential_name(TWO, Role.EXECUTOR) == "seats_write"
