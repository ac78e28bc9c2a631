"""What is set up for a desk: ``remit.toml``, and above it ``REMIT_...`` variables (``__`` between levels)."""

import os
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar, Final
from zoneinfo import available_timezones

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)
from pydantic_settings import (
    SettingsError as SourceError,
)

from policies.loader import open_regular
from remit.errors import DeskError, SettingsError

FILE: Final = "remit.toml"
PREFIX: Final = "REMIT_"
MAX_BYTES: Final = 1 << 20
# Read by their own doors: they say which desk and who asks, or hold a secret, and are no settings of a desk.
OTHER_VARIABLES: Final = ("REMIT_DESK", "REMIT_PRINCIPAL", "REMIT_SECRET_")

_UNIX: Final = r"^unix:///[^\x00-\x20\x7f]{1,107}\z"
_HOST: Final = r"^([A-Za-z0-9._-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\]):[1-9][0-9]{0,4}\z"
_NAME: Final = r"^[a-z][a-z0-9_-]{0,62}\z"
_MODULE: Final = r"^[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*\z"


def _zone(value: str) -> str:
    if value != "UTC" and value not in available_timezones():  # to list them all takes a command 20 ms
        raise ValueError("no such time zone")
    return value


def _ledger(value: str) -> str:
    if "://" in value and not value.startswith(("postgresql://", "sqlite:///")):
        raise ValueError("not a path, sqlite:///PATH or postgresql://USER@HOST/NAME")
    return value


class Section(BaseModel):
    """One table of the file: fixed, and without unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class WorkerSettings(Section):
    """How this desk's workers behave.

    ``lease_s``: seconds without a sign of life until a worker counts as gone; ``threads``: runs that one
    worker carries at once; ``poll_s``: seconds between two looks for work.
    """

    lease_s: float = Field(default=15.0, ge=0.5, le=3600)
    threads: int = Field(default=8, ge=1, le=512)
    poll_s: float = Field(default=1.0, ge=0.01, le=60)


class IntakeSettings(Section):
    """``model_calls_per_hour``: how often the words of one requester are put to a model in any hour."""

    model_calls_per_hour: int = Field(default=20, ge=0, le=100_000)


class HttpSettings(Section):
    """``hosts``: every ``host:port`` that ``http.get`` may ask, exactly as it is written in an address."""

    hosts: tuple[Annotated[str, Field(pattern=_HOST)], ...] = ()


class ToolsSettings(Section):
    """``modules``: Python modules with tools, looked for in the desk's folder first."""

    modules: tuple[Annotated[str, Field(pattern=_MODULE)], ...] = ()


class CredentialsSettings(Section):
    """``shared``: names of secrets that more than one role may use; ``keyring``: ask the keyring too."""

    shared: tuple[Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,62}\z")], ...] = ()
    keyring: bool = False


class Settings(BaseSettings):
    """The settings of one desk; frozen, made by ``load``."""

    model_config: ClassVar[SettingsConfigDict] = SettingsConfigDict(
        env_prefix=PREFIX,
        env_nested_delimiter="__",
        extra="forbid",
        frozen=True,
        case_sensitive=False,
    )

    desk: Path
    ledger: Annotated[str, AfterValidator(_ledger)] = ".remit/ledger.db"
    model: Annotated[str, Field(pattern=r"^(rules|openai:[^\s]{1,200})\z")] = "rules"
    zone: Annotated[str, AfterValidator(_zone)] = "UTC"
    worker: WorkerSettings = WorkerSettings()
    intake: IntakeSettings = IntakeSettings()
    supervisors: dict[Annotated[str, Field(pattern=_NAME)], Annotated[str, Field(pattern=_UNIX)]] = Field(
        default_factory=dict
    )
    http: HttpSettings = HttpSettings()
    tools: ToolsSettings = ToolsSettings()
    credentials: CredentialsSettings = CredentialsSettings()

    @property
    def ledger_at(self) -> Path | str:
        """Where the ledger is: an absolute path, or the address of a database on a server."""
        return self.ledger if "://" in self.ledger else (self.desk / self.ledger).absolute()

    @property
    def ledger_name(self) -> str:
        """Where the ledger is, for people: without a password."""
        return re.sub(r"(://[^:/@]*):[^@]*@", r"\1:***@", str(self.ledger_at))

    @property
    def private(self) -> Path:
        """The desk's private folder, ``.remit``."""
        return self.desk / ".remit"

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - the names are the library's
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Put the environment above the file (whose values come in as init values)."""
        return _Environment(settings_cls), init_settings


class _Environment(EnvSettingsSource):
    """``REMIT_...`` but ``REMIT_DESK``: which desk is settled before its settings are read."""

    def __call__(self) -> dict[str, Any]:
        found = super().__call__()
        found.pop("desk", None)
        return found


def find_desk(given: Path | None, *, environ: Mapping[str, str], cwd: Path) -> Path:
    """Find the desk: the folder ``given``, else ``REMIT_DESK``, else the nearest upwards; DeskError."""
    named = given or (Path(environ["REMIT_DESK"]) if environ.get("REMIT_DESK") else None)
    if named is not None:
        folder = named if named.is_absolute() else cwd / named
        if not (folder / FILE).is_file():
            raise DeskError(
                f"{folder} is no desk: it has no {FILE}", code="no_desk", hint=f"remit init {folder}"
            )
        return folder.resolve()
    for folder in (cwd, *cwd.parents):
        if (folder / FILE).is_file():
            return folder.resolve()
    raise DeskError(
        f"there is no desk in {cwd} or above it",
        code="no_desk",
        hint="make one with: remit init DIR (then: cd DIR, or REMIT_DESK=DIR)",
    )


def load(desk: Path) -> Settings:
    """Read the settings of the desk in the folder ``desk``; SettingsError names file, line and key."""
    path = desk / FILE
    text = _text(path)
    try:
        given = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        line = re.search(r"line (\d+)", str(error))
        where = f"{path}:{line[1] if line else 1}"
        raise SettingsError(f"{where} is not TOML: {error}", code="bad_settings") from error
    if "desk" in given:
        raise SettingsError(
            f"{path}:{_line(text, ('desk',))} desk: unknown field",
            code="bad_settings",
            hint="a desk does not say where it is",
        )
    try:
        return Settings(**{**given, "desk": desk})
    except SourceError as error:
        raise SettingsError(f"a {PREFIX}... variable cannot be read: {error}", code="bad_settings") from error
    except ValidationError as error:
        problems = [_problem(path, text, given, dict(e)) for e in error.errors()]
        raise SettingsError("\n".join(problems), code="bad_settings") from error


def unknown_variables(environ: Mapping[str, str] | None = None) -> list[str]:
    """``REMIT_...`` variables that nothing reads, sorted: a misspelt one changes nothing."""
    known = {PREFIX + name.upper() for name in Settings.model_fields}
    names = os.environ if environ is None else environ
    return sorted(
        name
        for name in names
        if name.startswith(PREFIX)
        and not name.startswith(OTHER_VARIABLES)
        and name.split("__")[0].upper() not in known
    )


def _text(path: Path) -> str:
    try:
        with open_regular(path) as file:
            raw = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise SettingsError(f"{path}: {error.strerror}", code="bad_settings") from error
    if len(raw) > MAX_BYTES:
        raise SettingsError(f"{path} is larger than {MAX_BYTES} bytes", code="bad_settings")
    try:
        return raw.decode()
    except UnicodeDecodeError as error:
        raise SettingsError(f"{path} is not UTF-8: {error}", code="bad_settings") from error


def _problem(path: Path, text: str, given: Mapping[str, Any], error: dict[str, Any]) -> str:
    keys = tuple(str(part) for part in error["loc"] if part != "[key]")
    message = (
        "unknown field" if error["type"] == "extra_forbidden" else error["msg"].removeprefix("Value error, ")
    )
    variable = PREFIX + "__".join(keys).upper()
    if not _stands_in(given, keys) or variable in os.environ:
        return f"{variable}: {message}"
    return f"{path}:{_line(text, keys)} {'.'.join(keys)}: {message}"


def _stands_in(given: Mapping[str, Any], keys: tuple[str, ...]) -> bool:
    here: Any = given
    for key in keys:
        if isinstance(here, Mapping) and key in here:
            here = here[key]
        else:
            return not isinstance(here, Mapping)
    return True


def _line(text: str, keys: tuple[str, ...]) -> int:
    """Find the line of a key, as well as a walk over headers and assignments can tell."""
    table: tuple[str, ...] = ()
    best, best_depth = 1, 0
    for number, line in enumerate(text.splitlines(), 1):
        header = re.match(r"\s*\[+([^\]]+)\]", line)
        assigned = re.match(r"\s*((?:[A-Za-z0-9_.\-]|\"[^\"]*\"|'[^']*')+)\s*=", line)
        if header:
            table = here = _parts(header[1])
        elif assigned:
            here = (*table, *_parts(assigned[1]))
        else:
            continue
        depth = len(here) if here == keys[: len(here)] else 0
        if depth > best_depth:
            best, best_depth = number, depth
    return best


def _parts(dotted: str) -> tuple[str, ...]:
    return tuple(part.strip().strip("\"'") for part in re.findall(r"\"[^\"]*\"|'[^']*'|[^.]+", dotted))
