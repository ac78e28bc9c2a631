"""Which secrets a desk holds, so that nothing said at its doors is stored or logged with one."""

import logging
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import Final

from policies.in_force import InForce
from remit.settings import Settings
from tools.errors import SecretError
from tools.scrub import Scrubber
from tools.secrets import Secrets

MAX_LOGGED: Final = 16 * 1024


def scrubber_of(settings: Settings, secrets: Secrets, in_force: Callable[[], InForce]) -> Scrubber:
    """Make the scrubber of a desk. A keyring tells no names, so the tools in force say what to look up."""
    if not settings.credentials.keyring:
        return Scrubber(secrets.live)
    asked: set[str] = set()

    def live() -> Iterable[str]:
        view = in_force()
        for ref, held in view.runbooks.items():
            if held.bundle.digest in asked:
                continue
            asked.add(held.bundle.digest)
            for name in _credentials(settings, view, ref):
                with suppress(SecretError):
                    secrets.resolve(name)
        return secrets.live()

    return Scrubber(live)


def _credentials(settings: Settings, view: InForce, ref: str) -> set[str]:
    from remit.toolbox import approved, registry_of

    try:
        around = approved(view.policy(ref), modules=settings.tools.modules, folder=settings.desk)
        contracts = registry_of(around).contracts()
    except Exception:  # noqa: BLE001 - tools that cannot be made use no secret; a module may raise anything
        return set()
    return {name for contract in contracts.values() for name in contract.credentials.values()}


@contextmanager
def logged(scrubber: Scrubber) -> Iterator[None]:
    """Say warnings on stderr as ``ScrubbedLines`` formats them, until the block ends."""
    handler = logging.StreamHandler()
    handler.setFormatter(ScrubbedLines(scrubber, "%(asctime)s %(levelname)s %(message)s"))
    handler.setLevel(logging.WARNING)
    logging.getLogger().addHandler(handler)
    try:
        yield
    finally:
        logging.getLogger().removeHandler(handler)


class ScrubbedLines(logging.Formatter):
    """Formats records of a log, with what they carry of exceptions, without any secret of the desk."""

    def __init__(self, scrubber: Scrubber, fmt: str) -> None:
        """Format as ``fmt`` says, then scrub."""
        super().__init__(fmt)
        self._scrubber = scrubber

    def format(self, record: logging.LogRecord) -> str:
        """Format one record; further lines are indented, so that none passes for another record."""
        said = self._scrubber.text(super().format(record), limit=MAX_LOGGED)
        return said.rstrip("\n").replace("\n", "\n    ")
