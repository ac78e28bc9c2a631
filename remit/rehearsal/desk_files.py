"""Which test files are meant, and which tools a desk adds to those that every world has."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from policies.loader import open_regular
from policies.yaml_tree import MAX_BYTES
from remit.errors import UsageError
from remit.folder import CONNECTORS, RUNBOOKS
from remit.rehearsal.reading import TEST_SUFFIX, Tools, read_connector
from remit.settings import FILE, load
from remit.toolbox import Surroundings
from tools.python_tool import load_module_tools

MAX_FILES: Final = 1000


def found_files(given: Sequence[str], *, desk: Path | None, cwd: Path) -> list[Path]:
    """Find the test files meant by files, folders and ids; none given: all of the desk. UsageError."""
    if not given:
        if desk is None:
            raise UsageError(
                "say what: test files, or a folder with such",
                code="usage",
                hint="remit runbook test runbooks/",
            )
        return _some(_below(desk / RUNBOOKS), f"no *{TEST_SUFFIX} lies below {desk / RUNBOOKS}")
    found: list[Path] = []
    for one in given:
        path = cwd / one
        if path.is_dir():
            found += _some(_below(path), f"no *{TEST_SUFFIX} lies below {one}")
        elif one.endswith(TEST_SUFFIX):
            found.append(path)
        elif path.is_file():
            found += _some(_beside(path), f"no *{TEST_SUFFIX} lies beside {one}")
        else:
            folder = desk / RUNBOOKS if desk is not None else cwd
            found += _some(_of(one, _below(folder)), f"no test file of {one[:60]} lies below {folder}")
    return list(dict.fromkeys(found))


def desk_of(path: Path) -> Path | None:
    """Find the desk that a test file lies in, where it lies in one."""
    return next((folder for folder in path.resolve().parents if (folder / FILE).is_file()), None)


def tools_of(desk: Path | None) -> Tools:
    """Tools of a desk's connectors and Python modules, as its files say; LoadError, DoorError, SetupError.

    This executes Python modules that nobody may have approved yet, as lint does.
    """
    if desk is None:
        return Tools()
    settings = load(desk)
    connectors = [read_connector(path) for path in sorted((settings.desk / CONNECTORS).rglob("*.yaml"))]
    around = Surroundings(modules=settings.tools.modules, folder=settings.desk)
    contracts = tuple(tool.contract for tool in load_module_tools(around.read_modules()))
    return Tools(connectors=tuple(connectors), contracts=contracts, runbooks=settings.desk / RUNBOOKS)


def _below(folder: Path) -> list[Path]:
    return sorted(p for p in folder.rglob(f"*{TEST_SUFFIX}") if p.is_file())[:MAX_FILES]


def _beside(runbook: Path) -> list[Path]:
    """The tests of one runbook file: those in its folder that have its name, else all there."""
    own = runbook.with_name(runbook.name.removesuffix(".yaml") + TEST_SUFFIX)
    return [own] if own.is_file() else sorted(runbook.parent.glob(f"*{TEST_SUFFIX}"))


def _of(given: str, files: Iterable[Path]) -> list[Path]:
    """Files that say that they test ``given``, an id or id@version."""
    return [p for p in files if any(line.startswith("runbook:") and _same(line, given) for line in _lines(p))]


def _same(line: str, given: str) -> bool:
    named = line.partition(":")[2].split("#")[0].strip().strip("\"'")
    return given in (named, named.partition("@")[0])


def _lines(path: Path) -> list[str]:
    with open_regular(path) as file:
        return file.read(MAX_BYTES).decode(errors="replace").splitlines()


def _some(files: list[Path], message: str) -> list[Path]:
    if not files:
        hint = f"write one beside the runbook, with its name and {TEST_SUFFIX} instead of .yaml"
        raise UsageError(message, code="no_file", hint=hint)
    return files
