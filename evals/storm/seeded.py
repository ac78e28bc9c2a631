"""The bugs that the storm must notice: a rule of the decision core, replaced by a wrong one in this process.

Both the decision table and the guards ask these rules, so nothing but the storm stands behind them.
"""

from collections.abc import Callable
from typing import Any, Final

from policies import flight


def no_quarantine() -> None:
    """Let a look count at once, although the request may still land."""
    _replace("quarantine_left_ms", lambda *_: 0)


def blind_resend() -> None:
    """Believe every target to settle a second send."""
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
