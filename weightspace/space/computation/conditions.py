"""The conditions on sizes of tensors that a module's code asks while it runs: ``if x.shape[1] < 40``."""

import math
import operator
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

_DEEPEST = 30  # operations between a size and a condition
_CALCULATES = ("add", "sub", "mul", "floordiv", "truediv", "mod")
_COMPARES = ("lt", "le", "gt", "ge", "eq", "ne")
_SHAPE = Tensor.shape.__get__  # pyright: ignore[reportAttributeAccessIssue]  (what reads it)
_READS = {_SHAPE, Tensor.size, Tensor.__len__, Tensor.numel, Tensor.nelement}
_OWN = (__file__, "jaxtyping", "beartype")  # this file, and what checks types of its arguments where they are checked
_MOST = 4  # conditions that are kept of a place: a loop may ask thousands


@dataclass(frozen=True)
class Condition:
    """A comparison that the code made, and how it would have come out at other sizes.

    Attributes:
        place: the file, with its folders, and the line that asked.
        outcome: how it came out.
        equal: it asks for just one value. That is rarely a branch: a layer's width asks so too.
        sizes: those that it hangs on.
        numbers: whole numbers that it speaks of.
        at: how it would have come out with another value of one of the sizes.
    """

    place: str
    outcome: bool
    equal: bool
    sizes: frozenset[int]
    numbers: frozenset[int]
    at: Callable[[int, int], bool]

    def others(self) -> Iterator[tuple[int, int]]:
        """Each of the sizes, and a value near it at which the condition comes out otherwise."""
        for size in sorted(self.sizes):
            near = {abs(number) + more for number in self.numbers for more in (-1, 0, 1)}
            near |= {size - 1, size + 1, size // 2, *(size << power for power in range(1, 9))}
            tries = sorted(near - {size}, key=lambda number, size=size: abs(number - size))
            new = next((number for number in tries if number > 0 and self._differs(size, number)), None)
            if new is not None:
                yield size, self._nearest(size, new)

    def _nearest(self, size: int, new: int) -> int:
        """The first value on the way to one that differs, if there is one border between them."""
        same, differs = size, new
        while abs(differs - same) > 1:
            middle = (same + differs) // 2
            same, differs = (same, middle) if self._differs(size, middle) else (middle, differs)
        return differs

    def _differs(self, size: int, new: int) -> bool:
        try:
            return self.at(size, new) != self.outcome
        except (ArithmeticError, ValueError):  # n % (size // 8), where the condition means nothing
            return False


class Conditions(TorchFunctionMode):
    """Keeps the conditions on sizes that code asks in this block.

    A size is handed to the code as a number that remembers where it comes from. Sizes of the tensors in ``fixed`` are
    numbers like any other: a module's weights, say.
    """

    def __init__(self) -> None:
        super().__init__()
        self.fixed: set[int] = set()  # the `id` of each
        self.found: list[Condition] = []

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        if func not in _READS or not args or id(args[0]) in self.fixed:
            return result
        if isinstance(result, torch.Size):
            return torch.Size([self._size(size) for size in result])
        return self._size(result)

    def _size(self, size: int) -> int:
        return _Size(size, _Origin(self, frozenset({size}), frozenset(), lambda of, new: new if of == size else size))

    def keep(self, condition: Condition) -> None:
        """The first few conditions of each place."""
        same = [other for other in self.found if (other.place, other.outcome) == (condition.place, condition.outcome)]
        if len(same) < _MOST and all(other.numbers != condition.numbers for other in same):
            self.found.append(condition)


@dataclass(frozen=True)
class _Origin:
    """What a number was made of."""

    keeper: Conditions
    sizes: frozenset[int]
    numbers: frozenset[int]
    at: Callable[[int, int], Any]
    depth: int = 0


class _Made:
    """A number made of sizes, which tells what it is compared with."""

    origin: _Origin

    def __new__(cls, value: Any, origin: _Origin) -> Any:
        made = super().__new__(cls, value)  # pyright: ignore[reportCallIssue]  (of the number that it is, too)
        made.origin = origin
        return made

    def __reduce__(self) -> Any:
        plain = _plain(self)
        return type(plain), (plain,)


class _Size(_Made, int):
    """A size of a tensor, or a whole number made of some."""

    def __bool__(self) -> bool:
        return _compared(operator.ne, self, 0)

    def __neg__(self) -> int:
        return _calculated(operator.sub, 0, self)


class _Ratio(_Made, float):
    """One that isn't whole."""

    def __ceil__(self) -> int:
        return _calculated(lambda value, _: math.ceil(value), self, 0)

    def __floor__(self) -> int:
        return _calculated(lambda value, _: math.floor(value), self, 0)


def _plain(value: Any) -> Any:
    return int(value) if isinstance(value, _Size) else float(value) if isinstance(value, _Ratio) else value


def _at(value: Any, size: int, new: int) -> Any:
    return value.origin.at(size, new) if isinstance(value, _Made) else value


def _joined(function: Callable[[Any, Any], Any], one: Any, other: Any) -> _Origin:
    """The origin of what a function makes of two numbers, of which one at least is made of sizes."""
    origins = [value.origin for value in (one, other) if isinstance(value, _Made)]
    numbers = {int(value) for value in (one, other) if not isinstance(value, _Made) and abs(value) < 1 << 40}
    return _Origin(
        origins[0].keeper,
        frozenset().union(*(origin.sizes for origin in origins)),
        frozenset(numbers).union(*(origin.numbers for origin in origins)),
        lambda size, new: function(_at(one, size, new), _at(other, size, new)),
        max(origin.depth for origin in origins) + 1,
    )


def _calculated(function: Callable[[Any, Any], Any], one: Any, other: Any) -> Any:
    value = function(_plain(one), _plain(other))
    origin = _joined(function, one, other)
    if origin.depth > _DEEPEST:
        return value
    return _Size(value, origin) if isinstance(value, int) else _Ratio(value, origin)


def _compared(function: Callable[[Any, Any], bool], one: Any, other: Any) -> bool:
    outcome, origin = function(_plain(one), _plain(other)), _joined(function, one, other)
    equal = origin.depth == 1 and function is (operator.eq if outcome else operator.ne)
    origin.keeper.keep(Condition(_asking(), outcome, equal, origin.sizes, origin.numbers, origin.at))
    return outcome


def _asking() -> str:
    """The line of code that made the comparison."""
    frame = sys._getframe(1)
    while frame.f_back is not None and any(part in frame.f_code.co_filename for part in _OWN):
        frame = frame.f_back
    return f"{frame.f_code.co_filename}:{frame.f_lineno}"


def _method(function: Callable[[Any, Any], Any], way: Callable[..., Any], swapped: bool = False) -> Any:
    def method(self: Any, other: Any) -> Any:
        if type(other) not in (int, float, bool, _Size, _Ratio):
            return NotImplemented
        return way(function, other, self) if swapped else way(function, self, other)

    return method


for _kind in (_Size, _Ratio):
    for _name in _CALCULATES:
        setattr(_kind, f"__{_name}__", _method(getattr(operator, _name), _calculated))
        setattr(_kind, f"__r{_name}__", _method(getattr(operator, _name), _calculated, swapped=True))
    for _name in _COMPARES:
        setattr(_kind, f"__{_name}__", _method(getattr(operator, _name), _compared))
