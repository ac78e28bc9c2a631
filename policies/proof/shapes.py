"""Which few values stand for all that a read or an input may show: literals, their neighbours, one other."""

import itertools
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

from policies import samples
from policies.contract import BooleanSpec, IntegerSpec, StringSpec, ValueSpec
from policies.proof.literals import Field, Told
from policies.runbook import Bound
from policies.value_spec import fault_of

Scalar = str | int | bool
OTHER: Final = "x"  # a text that nothing is compared with
MAX_EACH: Final = 10  # values of one field
MAX_ITEMS: Final = 4  # different items of one list
MAX_VALUES: Final = 240  # of one read
_GOLDEN: Final = 0.6180339887


def of_input(spec: ValueSpec, told: Told) -> tuple[Scalar, ...]:
    """Give values of an input: what it is compared with, its bounds, its enum, texts of its pattern."""
    found: list[Scalar]
    match spec:
        case BooleanSpec():
            found = [True, False]
        case IntegerSpec(minimum=least, maximum=most):
            found = [*_around(v for v in (1, least, most) if v is not None), *_numbers(told.values)]
        case StringSpec(enum=enum, pattern=pattern):
            found = [*(enum or ()), *(samples.texts(pattern) if pattern else (OTHER,))]
            found += [value for value in told.values if isinstance(value, str)]
    return tuple(value for value in _once(found) if fault_of(spec, value) is None)[:MAX_EACH]


def of_bound(bound: Bound | None) -> tuple[Scalar, ...]:
    """Give values inside the bound of a derived value."""
    if bound is None:
        return ()
    texts = (*(bound.enum or ()), *(samples.texts(bound.pattern, MAX_ITEMS) if bound.pattern else ()))
    return (*texts, *(v for v in (bound.minimum, bound.maximum) if v is not None))


class Shapes:
    """The values of results, given what their fields are compared with."""

    def __init__(
        self, told: Mapping[Field, Told], resolve: Callable[[Field], Any], items: Sequence[Scalar] = ()
    ) -> None:
        """``resolve`` gives the value of a field of an input or a binding, None where there is none.

        ``items``: what the items of any list may be besides.
        """
        self._told, self._resolve, self._items = told, resolve, tuple(items)
        self._used = set(told)

    def of_result(self, tool: str, result: Mapping[str, Any]) -> tuple[dict[str, Any], ...]:
        """Give results of a read, the plainest first; evenly chosen where there would be too many."""
        return tuple(evenly(list(self._fields(result, (tool,))), MAX_VALUES))

    def _fields(self, shape: Mapping[str, Any], field: Field) -> Iterator[dict[str, Any]]:
        names = [name.removesuffix("?") for name in shape]
        each = [
            self._values(inner, (*field, name)) for name, inner in zip(names, shape.values(), strict=True)
        ]
        for row in itertools.islice(itertools.product(*each), 20_000):
            yield dict(zip(names, row, strict=True))

    def _values(self, shape: Any, field: Field) -> tuple[Any, ...]:
        if not any(used[: len(field)] == field for used in self._used):
            return (self._plain(shape),)  # nothing looks at it
        if isinstance(shape, Mapping):
            return tuple(itertools.islice(self._fields(shape, field), MAX_EACH * MAX_EACH))
        if isinstance(shape, list | tuple):
            return self._lists(shape[0], field)
        return _SCALARS[shape](self, field)

    def _plain(self, shape: Any) -> Any:
        if isinstance(shape, Mapping):
            return {name.removesuffix("?"): self._plain(inner) for name, inner in shape.items()}
        if isinstance(shape, list | tuple):
            return []
        return {"string": OTHER, "integer": 1, "boolean": True}.get(shape)

    def _lists(self, item: Any, field: Field) -> tuple[list[Any], ...]:
        items = self._values(item, (*field, "[]"))
        if item == "string":
            items = _once([*(i for i in self._items if isinstance(i, str)), *self._texts(field)])
        elif item == "integer":
            items = _once([*(i for i in self._items if type(i) is int), *self._integers(field)])
        few = items[:MAX_ITEMS]
        return ([], *([one] for one in few), *([a, b] for a, b in itertools.combinations(few, 2)))

    def _compared(self, field: Field) -> tuple[Any, ...]:
        told = self._told.get(field, Told())
        others = (self._resolve(other) for other in told.fields)
        return (*told.values, *(value for value in others if value is not None))

    def _texts(self, field: Field) -> tuple[str, ...]:
        found = [value for value in self._compared(field) if isinstance(value, str)]
        return _once([*found, OTHER])[:MAX_EACH]

    def _integers(self, field: Field) -> tuple[int, ...]:
        return _once([1, 0, *_numbers(self._compared(field))])[:MAX_EACH]

    def _booleans(self, field: Field) -> tuple[bool, ...]:
        del field
        return (True, False)

    def _anything(self, field: Field) -> tuple[Any, ...]:
        inside = {used[len(field)] for used in self._used if used[: len(field)] == field != used}
        if inside:  # a field of it is looked at
            return (None, *self._fields(dict.fromkeys(sorted(inside), "any"), field))[:MAX_EACH]
        return _once([None, *self._compared(field)])[:MAX_EACH]


def evenly(values: Sequence[Any], most: int) -> list[Any]:
    """Choose at most that many, the first among them, from everywhere, in their order."""
    return [values[index] for index in spread(len(values), most)]


def spread(total: int, most: int) -> list[int]:
    """Choose at most ``most`` of ``total`` places, so that no place of a mixed radix stands still."""
    if total <= most:
        return list(range(total))
    step = int(total * _GOLDEN)
    while math.gcd(step, total) != 1:
        step += 1
    return sorted(index * step % total for index in range(most))


def _once(values: Sequence[Any]) -> tuple[Any, ...]:
    found: list[Any] = []
    for value in values:
        if not any(value == known and type(value) is type(known) for known in found):
            found.append(value)
    return tuple(found)


def _numbers(values: Sequence[Any]) -> list[int]:
    return _around(value for value in values if type(value) is int)


def _around(values: Iterator[int]) -> list[int]:
    """Each and its neighbours; below zero only where it was said."""
    return [near for value in values for near in (value, value + 1, value - 1) if near >= min(value, 0)]


_SCALARS: Final[dict[str, Callable[[Shapes, Field], tuple[Any, ...]]]] = {
    "string": Shapes._texts,  # noqa: SLF001
    "integer": Shapes._integers,  # noqa: SLF001
    "boolean": Shapes._booleans,  # noqa: SLF001
    "any": Shapes._anything,  # noqa: SLF001
}
