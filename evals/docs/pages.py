"""Which pages are made from tables, by their place under ``docs/``."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from evals.docs import decision_table, guards, invariants, lifecycle, reasons

PAGES: Final[Mapping[str, Callable[[], str]]] = MappingProxyType(
    {
        "reference/lifecycle.md": lifecycle.page,
        "reference/decision-table.md": decision_table.page,
        "reference/guards.md": guards.page,
        "reference/invariants.md": invariants.page,
        "what-happens-when.md": reasons.page,
    }
)
