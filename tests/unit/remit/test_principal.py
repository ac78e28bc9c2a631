import pytest

from policies.approval import document, read_principals
from remit.errors import NotSignedInError, RefusedError
from remit.intake.principal import os_user, who_asks

PEOPLE = {
    "dana": {"roles": ["operator"], "os": ["dana", "d2"]},
    "omar": {"roles": ["oncall"], "os": ["omar", "d2"]},
    "queue": {"kind": "source", "roles": ["operator"]},
}


def people(*, solo=False):
    return read_principals(document({"principals": PEOPLE, "approval": {"solo": solo}}))


def ask(given=None, user="dana", environ=None, *, solo=False):
    return who_asks(people(solo=solo), given=given, environ=environ or {}, user=user)


def test_the_operating_systems_user_asks_and_the_record_says_so():
    asker = ask()
    assert (asker.name, asker.how, asker.os_user) == ("dana", "os", "dana")
    assert asker.said == {"by": "dana", "how": "os", "os_user": "dana"}


def test_a_name_is_taken_only_by_a_user_mapped_to_it():
    assert ask("dana").how == "as"
    with pytest.raises(RefusedError) as raised:
        ask("omar")
    assert raised.value.code == "not_your_name"
    with pytest.raises(RefusedError):
        ask("queue")
    assert ask("omar", user="d2").name == "omar"


def test_on_a_solo_desk_any_name_is_taken_and_the_record_says_whose():
    asker = ask("omar", solo=True)
    assert (asker.name, asker.how, asker.os_user) == ("omar", "as", "dana")


def test_the_option_stands_above_the_variable():
    environ = {"REMIT_PRINCIPAL": "omar"}
    assert ask(environ=environ, user="d2").how == "environment"
    assert ask("dana", environ=environ, user="d2").name == "dana"
    with pytest.raises(RefusedError):
        ask(environ=environ)


def test_who_is_nobody_or_several_is_asked_back():
    with pytest.raises(NotSignedInError) as raised:
        ask(user="eve")
    assert raised.value.code == "unknown_user"
    assert raised.value.exit_code == 4
    with pytest.raises(NotSignedInError) as raised:
        ask(user="d2")
    assert raised.value.code == "ambiguous_user"
    with pytest.raises(NotSignedInError) as raised:
        ask("Dana", solo=True)
    assert raised.value.code == "unknown_principal"
    with pytest.raises(NotSignedInError):
        who_asks(None, given="dana", environ={})


def test_the_user_is_the_kernels_word_and_not_a_variable(monkeypatch):
    before = os_user()
    for name in ("USER", "LOGNAME", "LNAME", "USERNAME"):
        monkeypatch.setenv(name, "eve")
    assert os_user() == before
