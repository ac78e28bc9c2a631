"""The bugs that the storm must notice, and the driver that runs remit with one of them planted.

``python -m evals.storm.seeded BUG worker --drain`` is remit with that bug: never imported by remit itself.
"""

import sys
from collections.abc import Callable
from typing import Any, Final

from policies import flight


def no_quarantine() -> None:
    """A look counts at once, although the request may still land."""
    _replace("quarantine_left_ms", lambda *_: 0)


def blind_resend() -> None:
    """Every target is believed to settle a second send: by the decision table and by the guards."""
    _replace("settles_doubles", lambda *_: True)


BUGS: Final[dict[str, Callable[[], None]]] = {
    "no_quarantine": no_quarantine,
    "blind_resend": blind_resend,
}


def plant(bug: str) -> None:
    """Replace a rule of this process by a wrong one; KeyError for an unknown bug."""
    BUGS[bug]()


def _replace(name: str, wrong: Any) -> None:
    assert callable(getattr(flight, name)), f"the rule has moved: policies.flight.{name}"
    setattr(flight, name, wrong)


def main() -> int:
    """Plant the bug that is named first and carry out the rest as remit would."""
    from remit.cli.app import run  # noqa: PLC0415 - behind the planting

    bug, *rest = sys.argv[1:]
    plant(bug)
    return run(rest)


if __name__ == "__main__":
    sys.exit(main())
