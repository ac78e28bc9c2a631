"""A private Postgres cluster for tests: made for the session, on a unix socket, gone with it."""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final
from uuid import uuid4

import psycopg

_CONFIG: Final = """
listen_addresses = ''
fsync = off                     # these tests end processes, not machines
full_page_writes = off
synchronous_commit = on
max_connections = 200
shared_buffers = 64MB
autovacuum = off
log_min_messages = panic
"""
START_S: Final = 30.0


def binaries() -> Path | None:
    """Where the server's programs are; None where there are none."""
    for name in ("postgres", "pg_ctl"):
        found = shutil.which(name)
        if found:
            real = Path(found).resolve().parent
            if (real / "initdb").exists() and (real / "postgres").exists():
                return real
    newest = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), reverse=True)
    return newest[0].parent if newest else None


class Cluster:
    """A running cluster. ``folder`` holds its data and its socket."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def url(self, database: str, *, user: str = "owner") -> str:
        return f"postgresql://{user}@/{database}?host={self.folder}"

    def command(self, text: str, *, database: str = "postgres") -> None:
        with psycopg.connect(self.url(database), autocommit=True) as connection:
            connection.execute(text)

    def make(self, *, template: str = "template0") -> str:
        """Make a database; its name."""
        name = f"t{uuid4().hex}"
        self.command(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY file_copy")
        return name

    def drop(self, name: str) -> None:
        self.command(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


def _as_a_user(folder: Path) -> list[str]:
    """What goes before a command so that it does not run as root, which the server refuses."""
    if os.geteuid() != 0:
        return []
    nobody = pwd.getpwnam("nobody")
    os.chown(folder, nobody.pw_uid, nobody.pw_gid)
    return ["setpriv", f"--reuid={nobody.pw_uid}", f"--regid={nobody.pw_gid}", "--clear-groups"]


@contextmanager
def cluster() -> Iterator[Cluster]:
    """Start a cluster, and end it behind the block."""
    where = binaries()
    assert where is not None
    folder = Path(tempfile.mkdtemp(prefix="remit-pg-", dir="/tmp"))  # short: a socket lies in it
    user = _as_a_user(folder)
    data = folder / "data"
    try:
        subprocess.run(
            [*user, where / "initdb", "-D", data, "-U", "owner", "-A", "trust", "-E", "UTF8", "--locale=C",
             "--no-sync", "--no-instructions"],
            check=True, capture_output=True, cwd="/",
        )  # fmt: skip
        config = data / "postgresql.conf"
        config.write_text(config.read_text() + _CONFIG + f"unix_socket_directories = '{folder}'\n")
        server = subprocess.Popen(
            [*user, where / "postgres", "-D", data],
            cwd="/", stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
        )  # fmt: skip
        try:
            made = Cluster(folder)
            _wait_for(made, server)
            yield made
        finally:
            server.send_signal(signal.SIGQUIT)
            with suppress(subprocess.TimeoutExpired):
                server.wait(10)
            server.kill()
            server.wait()
            if server.stderr:
                server.stderr.close()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _wait_for(made: Cluster, server: "subprocess.Popen[bytes]") -> None:
    until = time.monotonic() + START_S
    while True:
        try:
            psycopg.connect(made.url("postgres")).close()
        except psycopg.OperationalError:
            if server.poll() is not None:
                said = server.stderr.read().decode() if server.stderr else ""
                raise RuntimeError(f"the cluster ended: {said}") from None
            if time.monotonic() > until:
                raise
            time.sleep(0.02)
        else:
            return
