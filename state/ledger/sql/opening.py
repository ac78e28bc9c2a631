"""How a ledger is opened: an empty database becomes one, an older one is upgraded, an unknown one refused."""

from collections.abc import Callable
from importlib.resources import files
from pathlib import Path

from sqlalchemy.engine import make_url
from sqlalchemy.engine.interfaces import DBAPICursor
from sqlalchemy.exc import ArgumentError, DBAPIError

from state.errors import PayloadKeyError, SchemaError, StorageError
from state.ledger.port import Project
from state.ledger.seals import NO_KEY, TALLIES, key_mark, tally_row
from state.ledger.sql.database import Database, Writing
from state.ledger.sql.schema import REVISION, payload_key, tallies
from state.ledger.sql.sqlite import Sqlite, create_file
from state.ledger.sql.statement import Statement, inserting
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
    database = _database(where)
    writer = database.writing()
    try:
        upgrade(writer, database)
        locked = _check_key(writer, database, payload_key)
    except BaseException:
        writer.close()
        raise
    return SqlLedger(
        database, writer, code=code, project=project, payload_key=payload_key, clock=clock, locked=locked
    )


def keeps_a_key(where: str | Path) -> bool:
    """Whether there is a ledger at ``where`` that was made with a payload key; StorageError."""
    path = _path(where)
    if path is not None and not path.is_file():
        return False
    database = Sqlite(path) if path is not None else _database(where)
    try:
        cursor = database.asking()
        try:
            if _revision(cursor, database) != REVISION:
                return False
            marks = _marks(cursor)
        finally:
            cursor.connection.close()
    except database.failures as error:
        raise StorageError(f"cannot read {database}: {error}") from error
    return any(mark != NO_KEY for mark in marks)


def _check_key(writer: Writing, database: Database, key: bytes | None) -> str | None:
    """Say why nothing may be written without a key; None where it may. PayloadKeyError for another one."""
    try:
        marks = _marks(writer.reading())
        if not marks and _is_new(writer.reading()):
            _begin(writer, database, key)
            marks = _marks(writer.reading())
    except database.failures as error:
        raise StorageError(f"cannot open {database}: {error}") from error
    if not marks or key_mark(key) in marks:  # that there is none is for verify to find
        return None
    if key is not None:
        made = "without a payload key" if NO_KEY in marks else "with another payload key than this one"
        raise PayloadKeyError(f"the ledger {database} was made {made}: nothing was read or stored")
    return f"the ledger {database} was made with a payload key, and is opened without it: nothing was stored"


def _marks(cursor: DBAPICursor) -> list[str]:
    cursor.execute("SELECT mark FROM payload_key")
    return [mark for (mark,) in cursor.fetchall()]


def _is_new(cursor: DBAPICursor) -> bool:
    cursor.execute("SELECT run FROM heads LIMIT 1")
    return cursor.fetchone() is None


def _begin(writer: Writing, database: Database, key: bytes | None) -> None:
    """Note the key of a new ledger, and begin its tallies, unless another process was first."""
    writer.lock()  # for a bounded time, which ``begin`` alone does not promise
    try:
        _begin_locked(writer, database, key)
    finally:
        writer.unlock()


def _begin_locked(writer: Writing, database: Database, key: bytes | None) -> None:
    cursor = writer.begin()
    try:
        if not _marks(cursor):
            Statement(inserting(payload_key), database.dialect).run(cursor, mark=key_mark(key))
            rows = [tally_row(name, (), key=key) for name in TALLIES]
            Statement(inserting(tallies), database.dialect).many(cursor, rows)
        writer.commit()
    except BaseException:
        writer.rollback()
        raise


def _database(where: str | Path) -> Database:
    """The database at ``where``, an empty file made for it where it is one; StorageError."""
    path = _path(where)
    if path is not None:
        create_file(path)
        return Sqlite(path)
    try:
        from state.ledger.sql.postgres import Postgres  # noqa: PLC0415 - its driver is an extra, and costs 0.1 s
    except ImportError as error:
        raise StorageError("a ledger on Postgres needs its driver: pip install 'remit[postgres]'") from error
    return Postgres(make_url(str(where)))


def _path(where: str | Path) -> Path | None:
    """The file at ``where``; None for a database on a server. StorageError for anything else."""
    if isinstance(where, Path):
        return where
    if "://" not in where:
        return Path(where)
    try:
        url = make_url(where)
    except ArgumentError as error:
        raise StorageError("this is not an address of a ledger") from error
    if url.get_backend_name() == "postgresql":
        return None
    if url.get_backend_name() != "sqlite" or url.database in (None, "", ":memory:"):
        shown = url.render_as_string(hide_password=True)
        raise StorageError(f"a ledger lives in sqlite:///PATH or postgresql://USER@HOST/NAME, not at {shown}")
    return Path(str(url.database))


def _revision(cursor: DBAPICursor, database: Database) -> str | None:
    """Return the revision of the database; None for an empty one. SchemaError for somebody else's."""
    found = database.tables(cursor)
    if not found:
        return None
    if "alembic_version" not in found:
        raise SchemaError("this database holds tables, but is no ledger of remit")
    cursor.execute("SELECT version_num FROM alembic_version")
    rows = cursor.fetchall()
    if len(rows) != 1:
        raise SchemaError("this database does not say of which schema it is")
    return str(rows[0][0])


def _failures(database: Database) -> tuple[type[Exception], ...]:
    return (DBAPIError, *database.failures)


def upgrade(writer: Writing, database: Database) -> None:
    """Bring the database to this program's schema, one process at a time and all or nothing."""
    try:
        if _revision(writer.reading(), database) == REVISION:
            return
        writer.lock()
        try:
            revision = _revision(writer.reading(), database)
            if revision != REVISION:
                _migrate(database, revision)
        finally:
            writer.unlock()
    except _failures(database) as error:
        raise StorageError(f"cannot open {database}: {error}") from error


def _migrate(database: Database, revision: str | None) -> None:
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
    engine = database.upgrading()
    try:
        with engine.begin() as connection:
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
    finally:
        engine.dispose()
