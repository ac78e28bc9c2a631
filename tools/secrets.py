"""What a secret is outside the sender (a handle), and where its value comes from inside it.

Both classes are strings whose text is the handle ``secret:NAME``. So whatever prints, formats, joins, copies,
serialises or pickles one by accident gets the handle; only ``reveal`` gives the value.
"""

import importlib
import os
import re
import stat
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, Self

from tools.errors import SecretError

_NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,62}\Z")
_PREFIX: Final = "secret:"
LOOK_AGAIN_S: Final = 1.0  # a scrubber asks several times a step
MAX_SECRET_BYTES: Final = 64 * 1024
KEYRING_SERVICE: Final = "remit"
_VARIABLE: Final = "REMIT_SECRET_"
# Secrets of the desk that are read by other doors than this one, and are no less secret.
_OTHER_VARIABLES: Final = frozenset({"OPENAI_API_KEY"})


class SecretRef(str):
    """The handle of a secret: its name, and nothing else."""

    __slots__ = ()

    def __new__(cls, name: str) -> Self:
        """Take ``seats_write`` or ``secret:seats_write``; SecretError for a name that is none."""
        bare = name.removeprefix(_PREFIX)
        if not _NAME.match(bare):
            raise SecretError(f"not a name of a secret: {bare!r:.80}")
        return super().__new__(cls, _PREFIX + bare)

    @property
    def name(self) -> str:
        """The name without the prefix."""
        return self[len(_PREFIX) :]

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.name!r})"

    def __reduce__(self) -> tuple[Any, ...]:
        return (SecretRef, (self.name,))


class Secret(SecretRef):
    """A resolved secret: a handle that can be revealed. Its pickle is the handle alone."""

    __slots__ = ("_reveal",)
    _reveal: Callable[[], str]

    def __new__(cls, name: str, value: str) -> Self:
        """Keep ``value`` under ``name``; SecretError for an empty or impossible one."""
        if not value or not value.isascii() or not value.isprintable():
            raise SecretError(f"secret {name} is empty or holds characters that no header can carry")
        made = super().__new__(cls, name)
        object.__setattr__(made, "_reveal", lambda: value)
        return made

    def reveal(self) -> str:
        """Give the value. Only a sender calls this."""
        return self._reveal()

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return self


class Secrets:
    """Resolves handles: the environment first, then a private file, then the keyring if that is on."""

    def __init__(
        self,
        folder: Path | None,
        *,
        environ: Mapping[str, str] | None = None,
        keyring: bool = False,
    ) -> None:
        """Look into ``folder`` (``.remit/secrets``) and ``environ``; ``keyring`` asks that too."""
        self._folder = folder
        self._environ = os.environ if environ is None else environ
        self._keyring = keyring
        self._known: set[str] = set()
        self._files: dict[str, tuple[int, int, int]] = {}
        self._looked_at = -LOOK_AGAIN_S

    def resolve(self, name: str) -> Secret:
        """Find the secret of that name; SecretError when there is none, or its file is open to others."""
        ref = SecretRef(name)
        value = self._environ.get(_VARIABLE + ref.name.upper())
        if value is None:
            value = self._from_file(ref.name)
        if value is None and self._keyring:
            value = _from_keyring(ref.name)
        if value is None:
            raise SecretError(
                f"no secret {ref.name}: set {_VARIABLE}{ref.name.upper()} or write a 0600 file "
                f"{self._folder / ref.name if self._folder else '.remit/secrets/' + ref.name}"
            )
        secret = Secret(ref.name, value)
        self._known.add(value)
        return secret

    def live(self) -> frozenset[str]:
        """Every value that this desk holds now, or held when this process looked, for the scrubber.

        Whether or not it was resolved here: a process may be shown what another one has sent. What comes new
        from outside is known within LOOK_AGAIN_S, what is resolved here at once.
        """
        if time.monotonic() - self._looked_at >= LOOK_AGAIN_S:
            for name in list(self._environ):
                if name.startswith(_VARIABLE) or name in _OTHER_VARIABLES:
                    self._known.add(self._environ.get(name, "").strip())
            self._learn_files()
            self._looked_at = time.monotonic()
        return frozenset(self._known - {""})

    def _learn_files(self) -> None:
        """Take the values of files that are new or changed, whatever else is wrong with them."""
        try:
            found = list(os.scandir(self._folder)) if self._folder is not None else []
        except OSError:
            return
        for file in found:
            try:
                info = file.stat(follow_symlinks=False)
                seen = (info.st_ino, info.st_mtime_ns, info.st_size)
                if not stat.S_ISREG(info.st_mode) or self._files.get(file.name) == seen:
                    continue
                descriptor = os.open(file.path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
                try:
                    raw = os.read(descriptor, MAX_SECRET_BYTES)
                finally:
                    os.close(descriptor)
            except OSError:
                continue  # what cannot be read cannot be sent either
            self._known.add(raw.decode(errors="replace").strip())
            self._files[file.name] = seen

    def _from_file(self, name: str) -> str | None:
        if self._folder is None:
            return None
        path = self._folder / name
        try:
            # no link is followed, and a pipe put there cannot hold us
            descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise SecretError(f"secret file {path}: {error.strerror}") from None
        try:
            _require_private(os.fstat(descriptor), path)  # of the open file, so that no swap comes between
            raw = os.read(descriptor, MAX_SECRET_BYTES + 1)
        finally:
            os.close(descriptor)
        if len(raw) > MAX_SECRET_BYTES:
            raise SecretError(f"secret file {path} is larger than {MAX_SECRET_BYTES} bytes")
        try:
            return raw.decode().rstrip("\r\n")
        except UnicodeDecodeError:
            raise SecretError(f"secret file {path} is not text") from None


def _require_private(info: os.stat_result, path: Path) -> None:
    mode = stat.S_IMODE(info.st_mode)
    if not stat.S_ISREG(info.st_mode):
        raise SecretError(f"secret file {path} is no regular file")
    if mode & 0o177:
        raise SecretError(f"secret file {path} has mode {mode:04o}; only 0600 or less is taken")
    if info.st_uid not in (os.geteuid(), 0):
        raise SecretError(f"secret file {path} belongs to another user")


def _from_keyring(name: str) -> str | None:
    try:
        keyring = importlib.import_module("keyring")  # optional: not a dependency
    except ImportError:
        raise SecretError("the keyring is switched on, but the package keyring is not installed") from None
    value: str | None = keyring.get_password(KEYRING_SERVICE, name)
    return value
