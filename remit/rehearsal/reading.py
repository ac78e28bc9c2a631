"""How a test file is read: with its runbook, its world and its tools; or every problem with its place."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from policies import loader
from policies.connector import Connector
from policies.contract import ToolContract
from policies.errors import LoadError, Problem
from policies.lint import lint
from policies.loader import Loaded
from policies.runbook import Runbook
from policies.yaml_tree import MAX_BYTES, Document
from policies.yaml_tree import Path as Place
from remit.rehearsal.beside import Beside
from remit.rehearsal.errors import RehearsalError
from remit.rehearsal.file_rules import test_file_rules, world_rules
from remit.rehearsal.form import CaseForm, Given, TestFile, WorldFile, WorldForm
from remit.rehearsal.play import Scene
from remit.rehearsal.worlds import BUILT_IN, BUILT_IN_PREFIX
from tools.errors import SetupError

TEST_SUFFIX: Final = ".test.yaml"
WORLD_SUFFIX: Final = ".world.yaml"


@dataclass(frozen=True, slots=True, kw_only=True)
class Tools:
    """Tools of a desk, for the tests that lie in it: its connectors, and what its Python modules declare."""

    connectors: tuple[Connector, ...] = ()
    contracts: tuple[ToolContract, ...] = ()  # of Python modules
    runbooks: Path | None = None  # where runbooks are looked for, beside the test file's own folder


@dataclass(frozen=True, slots=True, kw_only=True)
class Rehearsal:
    """A test file, ready to be played."""

    path: Path
    runbook: str
    scenes: tuple[Scene, ...] = field(repr=False)


def read_rehearsal(path: Path, tools: Tools, *, shown: str | None = None) -> Rehearsal:
    """Read a test file with everything that it names; RehearsalError with every problem found.

    ``shown``: the file's name in problems.
    """
    return _Reader(path, tools, shown or str(path)).read()


def parse_test(content: bytes, path: Path) -> Loaded[TestFile]:
    """Read a test file from its bytes, without what it names; LoadError."""
    return loader.parse_as(TestFile, content, path, test_file_rules)


def parse_world(content: bytes, path: Path) -> Loaded[WorldFile]:
    """Read a file with a world from its bytes; LoadError."""
    return loader.parse_as(
        WorldFile, content, path, lambda value, document: list(world_rules(value, document, ()))
    )


class _Reader:
    """One reading. Every file is named as it lies from the test file's folder on."""

    def __init__(self, path: Path, tools: Tools, shown: str) -> None:
        self._path, self._tools, self._shown = path, tools, shown

    def read(self) -> Rehearsal:
        try:
            test = parse_test(_content(self._path), self._path)
        except LoadError as error:
            raise RehearsalError.of(_renamed(error.problems, self._shown)) from error
        except OSError as error:
            raise RehearsalError(f"{self._shown} cannot be read: {error.strerror}", code="no_file") from error
        book = self._book(test)
        problems: list[Problem] = []
        scenes = [
            self._scene(test, book, index, case, problems) for index, case in enumerate(test.value.cases)
        ]
        if problems:
            raise RehearsalError.of(_renamed(_in_order(problems), self._shown))
        made = tuple(scene for scene in scenes if scene is not None)
        self._lint(book, made[0])
        return Rehearsal(path=self._path, runbook=test.value.runbook, scenes=made)

    def _book(self, test: Loaded[TestFile]) -> Loaded[Runbook]:
        wanted, versions = test.value.runbook, []
        for path in self._candidates():
            try:
                book = loader.load_runbook(path)
            except LoadError as error:
                if any(p.code == "wrong_schema" for p in error.problems):
                    continue
                if path.name.removesuffix(".yaml") in (
                    self._path.name.removesuffix(TEST_SUFFIX),
                    wanted.partition("@")[0],
                ):
                    raise RehearsalError.of(_renamed(error.problems, str(path))) from error
                continue
            if book.value.ref == wanted:
                return book
            if book.value.id == wanted.partition("@")[0]:
                versions.append(book.value.ref)
        found = f"; there is {', '.join(versions)}: say which is meant, and mend the test" if versions else ""
        message = f"no runbook {wanted} lies beside this file{found}"
        raise RehearsalError.of(
            _renamed([test.document.problem(("runbook",), message, "unknown_runbook")], self._shown)
        )

    def _candidates(self) -> Iterator[Path]:
        below = self._tools.runbooks.rglob("*.yaml") if self._tools.runbooks else ()
        for path in dict.fromkeys([*sorted(self._path.parent.glob("*.yaml")), *sorted(below)]):
            if not path.name.endswith((TEST_SUFFIX, WORLD_SUFFIX)):
                yield path

    def _scene(
        self,
        test: Loaded[TestFile],
        book: Loaded[Runbook],
        index: int,
        case: CaseForm,
        problems: list[Problem],
    ) -> Scene | None:
        document, given = test.document, _merged(test.value.given, case.given)
        own = case.given is not None and "world" in case.given.model_fields_set
        at: Place = ("cases", index, "given", "world") if own else ("given", "world")
        try:
            world = self._world(given, document, at)
            connectors = [self._connector(name, document, at) for name in world.connectors]
        except LoadError as error:
            problems += error.problems
            return None
        named = {one.connector: one for one in (*self._tools.connectors, *connectors)}
        scene = Scene(
            book=book, connectors=tuple(named.values()), contracts=self._tools.contracts, world=world,
            inputs=given.inputs, case=case,
        )  # fmt: skip
        try:
            stage = scene.stage()
        except SetupError as error:
            problems.append(document.problem(at, str(error), "bad_setup"))
            return None
        problems += Beside(scene=scene, stage=stage, document=document, index=index, world=at).problems()
        return scene

    def _world(self, given: Given, document: Document, at: Place) -> WorldForm:
        if isinstance(given.world, WorldForm):
            return given.world
        name = given.world
        if name in BUILT_IN:
            return BUILT_IN[name](given.inputs)
        path = self._path.parent / name
        if name.startswith(BUILT_IN_PREFIX) or not path.is_file():
            known = ", ".join(
                [*BUILT_IN, *sorted(p.name for p in self._path.parent.glob(f"*{WORLD_SUFFIX}"))]
            )
            raise LoadError(
                [
                    document.problem(
                        at, f"no world {name}; known are {known}, or one written out", "unknown_world"
                    )
                ]
            )
        return parse_world(_content(path), path).value

    def _connector(self, name: str, document: Document, at: Place) -> Connector:
        path = self._path.parent / name
        if not path.is_file():
            known = ", ".join(sorted(p.name for p in self._path.parent.glob("*.yaml"))) or "none"
            message = f"no connector file {name} lies beside this one; files here are {known}"
            raise LoadError([document.problem((*at, "connectors"), message, "unknown_connector")])
        return read_connector(path)

    def _lint(self, book: Loaded[Runbook], scene: Scene) -> None:
        stage = scene.stage()
        errors = [p for p in lint(book.value, stage.contracts, book.document) if not p.warning]
        if errors:
            raise RehearsalError.of(_renamed(errors, str(book.path)), code="lint")


def read_connector(path: Path) -> Connector:
    """Read a connector file whose address does not matter; LoadError, OSError."""
    names = re.findall(r"\$\{([A-Z][A-Z0-9_]{0,62})\}", _content(path).decode(errors="replace"))
    text = _content(path).decode(errors="replace")
    whole = re.search(r"base_url:\s*[\"']?\$\{", text) is not None
    values = {name: ("http://" if whole else "") + name.lower().replace("_", "-") + ".sim" for name in names}
    return loader.load_connector(path, values).value


def _merged(given: Given, other: Given | None) -> Given:
    if other is None:
        return given
    world = other.world if "world" in other.model_fields_set else given.world
    return Given.model_validate({**given.inputs, **other.inputs, "world": world})


def _content(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(MAX_BYTES + 1)


def _in_order(problems: Sequence[Problem]) -> list[Problem]:
    return sorted(dict.fromkeys(problems), key=lambda p: (p.line, p.column))


def _renamed(problems: Sequence[Problem], name: str) -> list[Problem]:
    return [replace(p, file=name) for p in problems]
