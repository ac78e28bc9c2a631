from pathlib import Path

import pytest

from remit.errors import DeskError, SettingsError
from remit.settings import find_desk, load, unknown_variables


def desk(tmp_path, text=""):
    (tmp_path / "remit.toml").write_text(text)
    return tmp_path


def test_an_empty_file_is_a_desk_with_defaults(tmp_path):
    settings = load(desk(tmp_path))
    assert settings.worker.lease_s == 15
    assert settings.model == "rules"
    assert settings.ledger_at == tmp_path / ".remit" / "ledger.db"
    assert settings.http.hosts == ()


@pytest.mark.parametrize(
    ("text", "place", "says"),
    [
        ("[worker]\nlease_s = 3\nlease = 4\n", ":3 worker.lease", "unknown field"),
        ("\n\nnope = 1\n", ":3 nope", "unknown field"),
        ("[nope]\nx = 1\n", ":1 nope", "unknown field"),
        ("worker.lease_s = 0\n", ":1 worker.lease_s", "greater"),
        (
            '[supervisors]\nprod-1 = "unix:///a.sock"\nprod-2 = "http://x"\n',
            ":3 supervisors.prod-2",
            "pattern",
        ),
        ('[http]\nhosts = ["127.0.0.1:80", "evil"]\n', ":2 http.hosts.1", "pattern"),
        ('model = "gpt"\n', ":1 model", "pattern"),
        ('zone = "Mars/Base"\n', ":1 zone", "no such time zone"),
        ('desk = "/tmp"\n', ":1 desk", "unknown field"),
        ("[worker\n", ":1 is not TOML", ""),
        ("a = 1\na = 2\n", ":2 is not TOML", ""),
    ],
)
def test_what_is_wrong_is_said_with_file_and_line(tmp_path, text, place, says):
    with pytest.raises(SettingsError) as raised:
        load(desk(tmp_path, text))
    assert f"{tmp_path}/remit.toml{place}" in str(raised.value)
    assert says in str(raised.value)
    assert raised.value.code == "bad_settings"
    assert raised.value.exit_code == 2


def test_a_file_that_is_huge_or_no_text_is_refused(tmp_path):
    (tmp_path / "remit.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(SettingsError, match="not UTF-8"):
        load(tmp_path)
    (tmp_path / "remit.toml").write_bytes(b"#" * (1 << 20) + b"##")
    with pytest.raises(SettingsError, match="larger than"):
        load(tmp_path)


def test_the_environment_stands_above_the_file(tmp_path, monkeypatch):
    desk(tmp_path, "[worker]\nlease_s = 3\n")
    monkeypatch.setenv("REMIT_WORKER__LEASE_S", "0.5")
    monkeypatch.setenv("REMIT_HTTP__HOSTS", '["127.0.0.1:9"]')
    settings = load(tmp_path)
    assert settings.worker.lease_s == 0.5
    assert settings.http.hosts == ("127.0.0.1:9",)
    assert settings.worker.threads == 8


def test_the_environment_cannot_move_the_desk_under_a_command(tmp_path, monkeypatch):
    monkeypatch.setenv("REMIT_DESK", "/nowhere")
    assert load(desk(tmp_path)).desk == tmp_path


@pytest.mark.parametrize(("name", "value"), [("REMIT_WORKER__LEASE", "1"), ("REMIT_WORKER__LEASE_S", "x")])
def test_a_wrong_variable_is_named(tmp_path, monkeypatch, name, value):
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError, match=name):
        load(desk(tmp_path))


def test_variables_that_nothing_reads_are_told():
    environ = {
        "REMIT_LEDGR": "1",
        "REMIT_MODEL": "rules",
        "REMIT_SECRET_X": "1",
        "REMIT_DESK": "/",
        "HOME": "/",
    }
    assert unknown_variables({**environ, "REMIT_WORKER__LEASE_S": "1", "REMIT_PRINCIPAL": "x"}) == [
        "REMIT_LEDGR"
    ]


def test_the_nearest_desk_upwards_is_meant(tmp_path):
    inner = desk(tmp_path) / "runbooks" / "deep"
    inner.mkdir(parents=True)
    assert find_desk(None, environ={}, cwd=inner) == tmp_path.resolve()
    other = tmp_path / "other"
    other.mkdir()
    (other / "remit.toml").touch()
    assert find_desk(None, environ={"REMIT_DESK": str(other)}, cwd=inner) == other.resolve()
    assert find_desk(tmp_path, environ={"REMIT_DESK": str(other)}, cwd=inner) == tmp_path.resolve()


def test_no_desk_says_how_to_make_one(tmp_path):
    for given in (None, Path("nothing")):
        with pytest.raises(DeskError) as raised:
            find_desk(given, environ={}, cwd=tmp_path)
        assert raised.value.code == "no_desk"
        assert "remit init" in raised.value.hint


@pytest.mark.parametrize(
    ("ledger", "at", "name"),
    [
        ("books/ledger.db", "books/ledger.db", None),
        ("postgresql://remit@db/ops", "postgresql://remit@db/ops", "postgresql://remit@db/ops"),
        (
            "postgresql://remit:s3:cr@db/ops",
            "postgresql://remit:s3:cr@db/ops",
            "postgresql://remit:***@db/ops",
        ),
    ],
)
def test_a_ledger_is_a_file_of_the_desk_or_a_database_and_its_password_is_not_shown(
    tmp_path, ledger, at, name
):
    settings = load(desk(tmp_path, f'ledger = "{ledger}"\n'))
    assert settings.ledger_at == (at if "://" in at else tmp_path / at)
    assert settings.ledger_name == (name or str(tmp_path / at))


@pytest.mark.parametrize("ledger", ["mysql://db/ops", "http://db/ops"])
def test_a_ledger_elsewhere_is_refused(tmp_path, ledger):
    with pytest.raises(SettingsError, match="postgresql://USER@HOST/NAME"):
        load(desk(tmp_path, f'ledger = "{ledger}"\n'))
