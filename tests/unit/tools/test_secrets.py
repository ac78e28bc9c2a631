import copy
import json
import os
import pickle

import pytest
from pydantic import BaseModel

from tools.errors import SecretError
from tools.secrets import Secret, SecretRef, Secrets

VALUE = "s3cret-value-17"


def test_everything_but_reveal_gives_the_handle():
    secret = Secret("seats_write", VALUE)

    class Holder(BaseModel):
        s: str

    shown = [
        repr(secret),
        str(secret),
        f"{secret}",
        secret + "",
        json.dumps({"s": secret}),
        str(pickle.dumps(secret)),
        repr(copy.deepcopy([secret])),
        repr(vars_of(secret)),
        Holder(s=secret).model_dump_json(),
    ]
    assert all(VALUE not in text for text in shown)
    assert json.loads(json.dumps(secret)) == "secret:seats_write"
    again = pickle.loads(pickle.dumps(secret))  # noqa: S301
    assert type(again) is SecretRef
    assert again.name == "seats_write"
    assert secret.reveal() == VALUE
    assert copy.deepcopy(secret).reveal() == VALUE


def vars_of(thing):
    return [getattr(thing, "__dict__", {}), [repr(getattr(thing, slot)) for slot in type(thing).__slots__]]


@pytest.mark.parametrize("name", ["", "../x", "A", "a b", "a\n", "x" * 64, "a/b"])
def test_a_name_is_not_a_path(name, tmp_path):
    with pytest.raises(SecretError):
        Secrets(tmp_path, environ={}).resolve(name)


def test_the_environment_comes_before_the_file(tmp_path):
    write(tmp_path / "one", "from-file\n", 0o600)
    assert Secrets(tmp_path, environ={}).resolve("one").reveal() == "from-file"
    assert (
        Secrets(tmp_path, environ={"REMIT_SECRET_ONE": "from-env"}).resolve("secret:one").reveal()
        == "from-env"
    )


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o666, 0o700, 0o610])
def test_a_file_that_others_may_read_is_refused(mode, tmp_path):
    write(tmp_path / "one", "x-value", mode)
    with pytest.raises(SecretError, match="mode") as raised:
        Secrets(tmp_path, environ={}).resolve("one")
    assert "x-value" not in str(raised.value)


def test_a_link_a_folder_and_nothing_are_refused(tmp_path):
    write(tmp_path / "real", "x-value", 0o600)
    (tmp_path / "link").symlink_to(tmp_path / "real")
    (tmp_path / "folder").mkdir(mode=0o600)
    os.mkfifo(tmp_path / "pipe", mode=0o600)
    secrets = Secrets(tmp_path, environ={})
    for name in ("link", "folder", "pipe", "absent"):
        with pytest.raises(SecretError):
            secrets.resolve(name)
    assert secrets.live() == {"x-value"}


@pytest.mark.parametrize("value", ["", "\n", "two\nlines", "naïve", "nul\0"])
def test_what_no_header_can_carry_is_no_secret(value, tmp_path):
    write(tmp_path / "one", value, 0o600)
    with pytest.raises(SecretError):
        Secrets(tmp_path, environ={}).resolve("one")


def test_whatever_the_desk_holds_is_known_to_the_scrubber_before_anything_is_resolved(tmp_path):
    environ = {
        "REMIT_SECRET_ONE": VALUE,
        "OPENAI_API_KEY": "k-model",
        "REMIT_DESK": "/d",
        "REMIT_SECRET_NO": "",
    }
    secrets = Secrets(tmp_path / "none", environ=environ)
    assert secrets.live() == {VALUE, "k-model"}
    assert Secrets(None, environ={}).live() == set()
    write(tmp_path / "payload_key", "c0ffee\n", 0o600)
    write(tmp_path / "open", "told-to-others", 0o644)
    assert Secrets(tmp_path, environ={}).live() == {"c0ffee", "told-to-others"}


def test_the_scrubber_knows_a_changed_secret_and_the_one_before_it(tmp_path, monkeypatch):
    environ = {"REMIT_SECRET_ONE": VALUE}
    secrets = Secrets(tmp_path, environ=environ)
    write(tmp_path / "two", "before-1", 0o600)
    assert secrets.live() == {VALUE, "before-1"}
    environ["REMIT_SECRET_ONE"] = "newer"
    write(tmp_path / "two", "after-22", 0o600)
    os.utime(tmp_path / "two", ns=(1, 1))
    assert secrets.live() == {VALUE, "before-1"}, "it does not look around at each word"
    monkeypatch.setattr("tools.secrets.LOOK_AGAIN_S", 0.0)
    assert secrets.live() == {VALUE, "newer", "before-1", "after-22"}


def write(path, text, mode):
    path.write_text(text)
    os.chmod(path, mode)  # noqa: PTH101
