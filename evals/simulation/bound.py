"""What a number of violations in a number of seeds says of the rate: the exact upper bound at 95 %.

Clopper and Pearson, Biometrika 26 (1934): the largest rate under which so few violations are still seen in
one campaign of twenty. Without any violation it is 1 - 0.05 ** (1 / n), about 3 / n (the rule of three).
"""

from math import exp, fsum, lgamma, log, log1p
from typing import Final

DOUBT: Final = 0.05
_HALVINGS: Final = 200


def upper_bound(seeds: int, violations: int = 0) -> float:
    """The rate that is excluded from above at 95 %; 1.0 where nothing was played."""
    if violations >= seeds:
        return 1.0
    if not violations:
        return float(1 - DOUBT ** (1 / seeds))
    low, high = violations / seeds, 1.0
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        if not low < middle < high:
            break
        if _at_most(violations, seeds, middle) > DOUBT:
            low = middle
        else:
            high = middle
    return high


def _at_most(violations: int, seeds: int, rate: float) -> float:
    """How likely ``violations`` or fewer are, where each seed has one at ``rate``."""
    return fsum(
        exp(
            lgamma(seeds + 1) - lgamma(k + 1) - lgamma(seeds - k + 1)
            + k * log(rate) + (seeds - k) * log1p(-rate)
        )
        for k in range(violations + 1)
    )  # fmt: skip
