"""How a ledger is opened: an empty file becomes one, an older one is upgraded, an unknown one refused."""

import sqlite3
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path

from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DBAPIError

from state.errors import PayloadKeyError, SchemaError, StorageError
from state.ledger.port import Project
from state.ledger.seals import NO_KEY, TALLIES, key_mark, tally_row
from state.ledger.sql.schema import REVISION
from state.ledger.sql.sqlite import SqliteWriter, create_file, upgrading_engine
from state.ledger.sql.store import SqlLedger


def open_ledger(
    where: str | Path,
    *,
    code: str = "",
    project: Project | None = None,
    payload_key: bytes | None = None,
    clock: Callable[[], str] | None = None,
) -> SqlLedger:
    """Open the ledger at ``where``, a path or ``sqlite:///PATH``; make it where there is none.

    ``code`` is the version of the program, for the entries that the ledger itself writes; ``project`` and
    ``payload_key`` are what ``verify`` holds rows and payloads against; ``clock`` stands in for the
    database's. What is made with a key can be read without it, but every write is then refused.
    SchemaError where the database is of a schema that this program does not know, PayloadKeyError where it
    was made with another key or with none, StorageError where it cannot be opened.
    """
    path = _path(where)
    create_file(path)
    writer = SqliteWriter(path)
    try:
        _upgrade(writer, path)
        locked = _check_key(writer, path, payload_key)
    except BaseException:
        writer.close()
        raise
    return SqlLedger(
        path, writer, code=code, project=project, payload_key=payload_key, clock=clock, locked=locked
    )


def keeps_a_key(path: Path) -> bool:
    """Whether there is a ledger at ``path`` that was made with a payload key; StorageError."""
    if not path.is_file():
        return False
    try:
        connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)
        try:
            if _revision(connection) != REVISION:
                return False
            marks = connection.execute("SELECT mark FROM payload_key").fetchall()
        finally:
            connection.close()
    except sqlite3.Error as error:
        raise StorageError(f"cannot read {path}: {error}") from error
    return any(mark != NO_KEY for (mark,) in marks)


def _check_key(writer: SqliteWriter, path: Path, key: bytes | None) -> str | None:
    """Say why nothing may be written without a key; None where it may. PayloadKeyError for another one."""
    try:
        marks = _marks(writer)
        if not marks and _is_new(writer):
            _begin(writer, key)
            marks = _marks(writer)
    except sqlite3.Error as error:
        raise StorageError(f"cannot open {path}: {error}") from error
    if not marks or key_mark(key) in marks:  # that there is none is for verify to find
        return None
    if key is not None:
        made = "without a payload key" if NO_KEY in marks else "with another payload key than this one"
        raise PayloadKeyError(f"the ledger {path} was made {made}: nothing was read or stored")
    return f"the ledger {path} was made with a payload key, and is opened without it: nothing was stored"


def _marks(writer: SqliteWriter) -> list[str]:
    return [mark for (mark,) in writer.raw.execute("SELECT mark FROM payload_key")]


def _is_new(writer: SqliteWriter) -> bool:
    return writer.raw.execute("SELECT run FROM heads LIMIT 1").fetchone() is None


def _begin(writer: SqliteWriter, key: bytes | None) -> None:
    """Note the key of a new ledger, and begin its tallies, unless another process was first."""
    cursor = writer.begin()
    try:
        if not _marks(writer):
            cursor.execute("INSERT INTO payload_key VALUES (?)", (key_mark(key),))
            for name in TALLIES:
                row = tally_row(name, (), key=key)
                cursor.execute("INSERT INTO tallies VALUES (:name, :number, :digest, :seal)", row)
        writer.commit()
    except BaseException:
        writer.rollback()
        raise


def _path(where: str | Path) -> Path:
    if isinstance(where, Path):
        return where
    if "://" not in where:
        return Path(where)
    try:
        url = make_url(where)
    except ArgumentError as error:
        raise StorageError(f"not an address of a ledger: {where}") from error
    if url.get_backend_name() != "sqlite" or url.database in (None, "", ":memory:"):
        raise StorageError(f"a ledger lives in a file, sqlite:///PATH, not at {where}")
    return Path(str(url.database))


def _revision(connection: sqlite3.Connection) -> str | None:
    """Return the revision of the database; None for an empty one. SchemaError for somebody else's."""
    found = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    if not found:
        return None
    if "alembic_version" not in found:
        raise SchemaError("this database holds tables, but is no ledger of remit")
    rows = connection.execute("SELECT version_num FROM alembic_version").fetchall()
    if len(rows) != 1:
        raise SchemaError("this database does not say of which schema it is")
    return str(rows[0][0])


def _upgrade(writer: SqliteWriter, path: Path) -> None:
    """Bring the database to this program's schema, one process at a time and all or nothing."""
    try:
        if _revision(writer.raw) == REVISION:
            return
        writer.lock()
        try:
            revision = _revision(writer.raw)
            if revision != REVISION:
                _migrate(path, revision)
        finally:
            writer.unlock()
    except (sqlite3.Error, DBAPIError) as error:
        raise StorageError(f"cannot open {path}: {error}") from error


def _migrate(path: Path, revision: str | None) -> None:
    from alembic import command  # noqa: PLC0415 - costs 0.1 s, and only the first opening needs it
    from alembic.config import Config  # noqa: PLC0415
    from alembic.script import ScriptDirectory  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(files("state.ledger") / "migrations").replace("%", "%%"))
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    if revision is not None and revision not in known:
        raise SchemaError(
            f"this ledger is of schema {revision}, and this program knows {REVISION} at the newest: "
            "nothing was changed; open it with the newer remit that wrote it"
        )
    engine = upgrading_engine(path)
    try:
        with engine.begin() as connection:
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
    finally:
        engine.dispose()
