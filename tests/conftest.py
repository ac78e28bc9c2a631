"""What holds for every test: no network, a clean environment, no silent skip, nothing left running."""

import os
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

if TYPE_CHECKING:
    from tests.postgres_kit import Cluster

ROOT = Path(__file__).resolve().parent.parent
GUARD = ROOT / "tests" / "network_guard"
MARK = "REMIT_TEST_SESSION"
SESSION = uuid.uuid4().hex

# What the machine or its user has set up must not decide a test, nor show it a key.
FOREIGN = ("REMIT_", "OPENAI_", "LANGSMITH_", "LANGCHAIN_", "LANGGRAPH_")
FOREIGN_EXACT = {"HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "COLUMNS", "LINES"}


def _clean_environment() -> None:
    for name in list(os.environ):
        if name.startswith(FOREIGN) or name.upper() in FOREIGN_EXACT:
            del os.environ[name]
    os.environ[MARK] = SESSION
    inherited = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    kept = [part for part in inherited if part and Path(part) != GUARD]
    os.environ["PYTHONPATH"] = os.pathsep.join([str(GUARD), *kept])


_clean_environment()
sys.path.insert(0, str(GUARD))
import network_guard  # noqa: E402 - found through the line above; tests/ is no package

network_guard.install()

# How long an example takes is the machine's affair; what never ends is the timeout's.
settings.register_profile("remit", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("remit")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let the desks of tests/flow keep their ledgers on Postgres."""
    parser.addoption("--ledger", choices=("sqlite", "postgres"), default="sqlite", help="where flows keep it")


def pytest_configure(config: pytest.Config) -> None:
    """Give this process a file of its own for the connections that were refused."""
    handle, path = tempfile.mkstemp(prefix="remit-refusals-")
    os.close(handle)
    os.environ[network_guard.REFUSALS_FILE] = path
    config.add_cleanup(lambda: Path(path).unlink(missing_ok=True))


@pytest.fixture(autouse=True)
def _nothing_leaves_the_machine() -> Iterator[None]:
    """Fail the test under which this process, or one that it started, tried to leave the machine."""
    refusals = Path(os.environ[network_guard.REFUSALS_FILE])
    yield
    if refusals.stat().st_size:
        lines = refusals.read_text(encoding="utf-8")
        refusals.write_text("", encoding="utf-8")
        pytest.fail(f"refused on the way out:\n{lines}", pytrace=False)


@pytest.fixture
def network_refusals() -> Iterator[Callable[[], list[str]]]:
    """Read the refusals of this test, and take them as meant."""
    refusals = Path(os.environ[network_guard.REFUSALS_FILE])
    yield lambda: refusals.read_text(encoding="utf-8").splitlines()
    refusals.write_text("", encoding="utf-8")


@pytest.fixture(scope="session")
def require() -> Callable[[str, object], None]:
    """Skip, by name, a test whose system part is missing here; where CI=true, fail it."""

    def requires(name: str, present: object) -> None:
        if present:
            return
        message = f"missing on this machine: {name}"
        if os.environ.get("CI") == "true":
            pytest.fail(f"{message} (.ci/run must install it)", pytrace=False)
        pytest.skip(message)

    return requires


@pytest.fixture(scope="session")
def postgres(require: Callable[[str, object], None]) -> Iterator["Cluster"]:
    """A private cluster, for as long as the session takes."""
    from tests import postgres_kit

    require("postgres and initdb", postgres_kit.binaries())
    with postgres_kit.cluster() as made:
        yield made


@pytest.fixture(scope="session")
def empty_ledger_on_postgres(postgres: "Cluster") -> str:
    """The name of a database that holds an empty ledger, made with the tests' key: to be copied, not used."""
    from state.ledger.sql.opening import open_ledger
    from tests.ledger_kit import KEY

    name = postgres.make()
    open_ledger(postgres.url(name), payload_key=KEY).close()
    return name


@pytest.fixture
def ledger_url(postgres: "Cluster", empty_ledger_on_postgres: str) -> Iterator[str]:
    """The address of an empty ledger on Postgres, made with the tests' key, gone with the test."""
    name = postgres.make(template=empty_ledger_on_postgres)
    yield postgres.url(name)
    postgres.drop(name)


_left_running: list[str] = []


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail a run that left a process behind, children of children and their own groups included."""
    if not getattr(session.config.option, "numprocesses", None):  # else each worker answers for its own
        until = time.monotonic() + 3  # what was told to end may still be at it
        while (left := list(_processes_of_this_session())) and time.monotonic() < until:
            time.sleep(0.1)
        _left_running.extend(left)
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["left_running"] = _left_running
    elif _left_running:
        print("\nleft running by the tests:", *_left_running, sep="\n  ", file=sys.stderr)
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: object, error: object) -> None:
    """Take over what a worker of xdist found at its end."""
    _left_running.extend(getattr(node, "workeroutput", {}).get("left_running", ()))


def _processes_of_this_session() -> Iterator[str]:
    mark = f"{MARK}={SESSION}".encode()
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if int(folder.name) == os.getpid() or mark not in (folder / "environ").read_bytes().split(b"\0"):
                continue
            line = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
        except OSError:
            continue  # it ended meanwhile, or it is another user's
        if line and "multiprocessing.resource_tracker" not in line:  # it ends with its parent
            yield f"{folder.name}: {line}"
