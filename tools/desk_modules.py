"""Which bytes of a Python module of the desk are executed, and under which name: those that were digested.

A module is read once. What is compiled is what was read: no ``.pyc`` is read or written, and nothing is put
on ``sys.path``. It runs under a private name, so that no other import can find it and it shadows nothing. It
may import the standard library, installed packages, and listed modules; every listed module that it imports
is found in its source, without running it, and is bound with it.
"""

import ast
import builtins
import hashlib
import importlib
import importlib.util
import sys
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any, Final

from policies.loader import open_regular
from state import canonical
from tools.errors import SetupError

_PRIVATE: Final = "_desk_module"
_loading: Final = threading.RLock()
_origins: Final[dict[str, "Source"]] = {}  # by private name


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """The bytes of one listed module. ``of_desk``: it stands in the desk; else it is an installed one."""

    name: str
    path: Path
    content: bytes = field(repr=False)
    of_desk: bool

    @property
    def digest(self) -> str:
        """``sha256:`` and the hex digest of exactly the bytes that are executed."""
        return "sha256:" + hashlib.sha256(self.content).hexdigest()

    @property
    def package(self) -> str:
        """What its relative imports start from."""
        return self.name if self.path.name == "__init__.py" else self.name.rpartition(".")[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class DeskModules:
    """Modules that ``tools.modules`` lists, read once. Those that are nowhere are not in ``sources``."""

    folder: Path | None
    listed: tuple[str, ...]
    sources: Mapping[str, Source]

    @classmethod
    def read(cls, listed: Sequence[str], folder: Path | None) -> "DeskModules":
        """Read the modules, those of the desk's ``folder`` first; nothing of them is executed."""
        found = {name: source for name in listed if (source := _source(name, folder)) is not None}
        return cls(folder=folder, listed=tuple(listed), sources=found)

    def closure(self, name: str) -> dict[str, str]:
        """Digests of a module and of all listed modules that it imports, directly or not; ``""``: absent."""
        found: dict[str, str] = {}
        waiting = [name]
        while waiting:
            one = waiting.pop()
            if one in found:
                continue
            source = self.sources.get(one)
            found[one] = source.digest if source else ""
            if source is not None and source.of_desk:
                waiting += [i for i in _imports(source) if i in self.listed]
        return dict(sorted(found.items()))

    def module(self, name: str) -> ModuleType:
        """Execute a module, once for these bytes and those of what it imports; SetupError."""
        source = self.sources.get(name)
        if source is None:
            raise SetupError(f"module {name}: neither the desk nor an installed package has it")
        try:
            return self._desk_module(source) if source.of_desk else importlib.import_module(name)
        except SetupError:
            raise
        except (Exception, SystemExit) as error:  # a module of the desk may raise anything while it is run
            raise SetupError(f"module {name}: {type(error).__name__}: {error}") from error

    def _desk_module(self, source: Source) -> ModuleType:
        bound = self.closure(source.name)
        key = canonical.digest({"folder": str(self.folder), "bound": bound}).rpartition(":")[2][:16]
        private = f"{_PRIVATE}_{key}_{source.name.replace('.', '_')}"
        with _loading:
            if private in sys.modules:
                return sys.modules[private]
            module = ModuleType(private)
            importer = _Importer(modules=self, source=source, bound=frozenset(bound))
            vars(module).update(
                __file__=str(source.path),
                __package__=source.package,
                __builtins__={**vars(builtins), "__import__": importer.load},
            )
            sys.modules[private], _origins[private] = module, source
            try:
                code = compile(source.content, str(source.path), "exec", dont_inherit=True)
                exec(code, vars(module))  # noqa: S102 - these are the bytes that the digest is of
            except BaseException:
                del sys.modules[private], _origins[private]
                raise
            return module


def origin_of(module_name: str) -> Source | None:
    """Where a module of the desk that is running came from; None for every other."""
    return _origins.get(module_name)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Importer:
    """What ``import`` does inside one module of the desk."""

    modules: DeskModules
    source: Source
    bound: frozenset[str]
    folders: dict[str, ModuleType] = field(default_factory=dict)

    def load(
        self,
        name: str,
        globals: Mapping[str, Any] | None = None,  # noqa: A002 - the names are Python's own
        locals: Mapping[str, Any] | None = None,  # noqa: A002
        fromlist: Sequence[str] | None = (),
        level: int = 0,
    ) -> ModuleType:
        asked = importlib.util.resolve_name("." * level + name, self.source.package) if level else name
        top = asked.partition(".")[0]
        if not any(_within(one, top) for one in self._of_desk()):
            return self._outside(asked, level, globals, locals, fromlist)
        found = self._get(asked)
        parts = asked.split(".")
        for at in range(1, len(parts)):
            setattr(self._get(".".join(parts[:at])), parts[at], self._get(".".join(parts[: at + 1])))
        for wanted in fromlist or ():
            if any(_within(one, f"{asked}.{wanted}") for one in self._of_desk()):
                setattr(found, wanted, self._get(f"{asked}.{wanted}"))
        return found if fromlist else self._get(top)

    def _of_desk(self) -> Iterator[str]:
        return (one for one, source in self.modules.sources.items() if source.of_desk)

    def _get(self, asked: str) -> ModuleType:
        source = self.modules.sources.get(asked)
        if source is not None and source.of_desk:
            if asked not in self.bound:
                raise ImportError(f"{asked}: only a plain import statement can import a module of the desk")
            return self.modules._desk_module(source)  # noqa: SLF001 - one file, one mechanism
        if any(_within(one, asked) for one in self._of_desk()):
            return self.folders.setdefault(asked, ModuleType(asked))
        raise self._unlisted(asked) or ModuleNotFoundError(f"No module named {asked!r}", name=asked)

    def _outside(self, asked: str, level: int, *how: Any) -> ModuleType:
        unlisted = self._unlisted(asked)
        if unlisted is not None and (level or self._would_come_from_the_desk(asked)):
            raise unlisted
        try:
            return builtins.__import__(asked, *how)
        except ModuleNotFoundError as error:
            if unlisted is not None and error.name and _within(asked, error.name):
                raise unlisted from None
            raise

    def _unlisted(self, asked: str) -> ImportError | None:
        folder = self.modules.folder
        if folder is None:
            return None
        for name in (asked, asked.partition(".")[0]):
            path = _place(name, folder)
            if path is not None:
                where = path.relative_to(folder)
                return ImportError(f"{where} stands in the desk, but tools.modules does not list {name}")
        return None

    def _would_come_from_the_desk(self, asked: str) -> bool:
        """Somebody else put the desk on ``sys.path``: what stands there is not approved all the same."""
        folder, top = self.modules.folder, asked.partition(".")[0]
        own = _place(top, folder) if folder is not None else None
        if own is None:
            return False
        loaded = sys.modules.get(top)
        spec = getattr(loaded, "__spec__", None) if loaded is not None else importlib.util.find_spec(top)
        origin = getattr(spec, "origin", None)
        return origin is not None and Path(origin).resolve() == own.resolve()


def _within(name: str, outer: str) -> bool:
    return name == outer or name.startswith(outer + ".")


def _place(name: str, folder: Path) -> Path | None:
    """The file of the desk that a module's name means."""
    stem = folder.joinpath(*name.split("."))
    places = (stem / "__init__.py", stem.with_name(stem.name + ".py"))
    return next((place for place in places if place.is_file()), None)


def _source(name: str, folder: Path | None) -> Source | None:
    own = _place(name, folder) if folder is not None else None
    if own is not None:
        return _read(name, own, of_desk=True)
    try:
        spec = importlib.util.find_spec(name)
    except (ImportError, ValueError):
        return None
    origin = spec.origin if spec is not None else None
    if origin is None or not Path(origin).is_file():
        return None
    return _read(name, Path(origin), of_desk=False)


def _read(name: str, path: Path, *, of_desk: bool) -> Source | None:
    try:
        with open_regular(path) as file:
            content = file.read()
        return Source(name=name, path=path, content=content, of_desk=of_desk)
    except OSError:
        return None


def _imports(source: Source) -> set[str]:
    """Every name that the module's import statements may mean, wherever they stand in it."""
    try:
        tree = ast.parse(source.content)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return set()  # then it cannot be executed either
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found.update(p for alias in node.names for p in _prefixes(alias.name))
        elif isinstance(node, ast.ImportFrom):
            found.update(_meant(node, source.package))
    return found


def _meant(node: ast.ImportFrom, package: str) -> Iterable[str]:
    try:
        asked = importlib.util.resolve_name("." * node.level + (node.module or ""), package)
    except ImportError:
        return ()
    return [*_prefixes(asked), *(f"{asked}.{alias.name}" for alias in node.names)]


def _prefixes(name: str) -> list[str]:
    parts = name.split(".")
    return [".".join(parts[: n + 1]) for n in range(len(parts))]
