"""Sizes of inputs at which a module's code goes another way than on the example."""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.export import Dim
from torch.utils import _pytree as pytree

from weightspace.space.computation.copies import copied
from weightspace.space.computation.exported import export
from weightspace.space.computation.inputs import Inputs, resized

_MOST = 8  # sizes that are given
_LARGEST = 1 << 22  # entries of inputs


def with_branches(module: nn.Module, inputs: Inputs) -> Iterator[Inputs]:
    """Inputs of sizes on which the code takes another branch, for each condition on a size that the example meets.

    Exporting with sizes that vary records each condition (``n < 512``, ``n % 2 == 0``) under which the code that was
    read is the code that runs. Sizes of the first axis, the samples, stay.
    """
    entries = sum(leaf.numel() for leaf in pytree.tree_leaves(inputs) if isinstance(leaf, Tensor))
    for _, size, new in sorted(_other_sizes(module, inputs))[:_MOST]:
        if entries / size * new <= _LARGEST:
            yield resized(inputs, size, new)


def _other_sizes(module: nn.Module, inputs: Inputs) -> set[tuple[bool, int, int]]:
    """A size of the example and one that doesn't meet a condition that this one meets; whether that asks for just one.

    A condition that asks for just one size is rarely a branch: a layer's width asks so too.
    """
    args, kwargs = pytree.tree_map(_varying, inputs)
    try:
        program, _ = export(copied(module), *inputs, {**dict(enumerate(args)), **kwargs})
    except (ValueError, TypeError):
        return set()  # code that can't be read so
    found = set()
    for environment in _environments(program):
        for guard in environment.guards:
            symbols = list(guard.expr.free_symbols)
            if len(symbols) == 1 and symbols[0] in environment.backed_var_to_val:
                size, limits = int(environment.backed_var_to_val[symbols[0]]), environment.var_to_range[symbols[0]]
                new = _not_meeting(guard.expr, symbols[0], size, limits)
                found |= {(guard.expr.is_Equality and symbols[0] in guard.expr.args, size, new)} if new else set()
    return found


def _varying(leaf: Any) -> Any:
    """What `torch.export` takes for a tensor all of whose sizes may vary, but the number of samples."""
    if not isinstance(leaf, Tensor):
        return None
    start = min(1, leaf.ndim - 1)
    return dict.fromkeys(range(start, leaf.ndim), Dim.AUTO) if leaf.ndim and leaf.layout == torch.strided else None


def _environments(program: Any) -> list[Any]:
    """What keeps the conditions on sizes: one for the whole program."""
    values = [pytree.tree_leaves(node.meta.get("val")) for node in program.graph.nodes]
    sizes = [size for part in values for value in part if isinstance(value, Tensor) for size in value.shape]
    found = {id(size.node.shape_env): size.node.shape_env for size in sizes if isinstance(size, torch.SymInt)}
    return list(found.values())


def _not_meeting(condition: Any, symbol: Any, size: int, limits: Any) -> int | None:
    """A size near those that the condition speaks of, or that it ends at, which doesn't meet it."""
    numbers = {int(number) for number in condition.atoms() if number.is_Integer}
    numbers |= {int(end) for end in (limits.lower, limits.upper) if end.is_Integer and end.is_finite}
    near = {abs(number) + more for number in numbers for more in (-1, 0, 1)}
    for new in sorted(near, key=lambda number: abs(number - size)):
        if new > 1 and new != size and _fails(condition, symbol, new):
            return new
    return None


def _fails(condition: Any, symbol: Any, size: int) -> bool:
    """Whether a size doesn't meet a condition; not where the condition means nothing for it."""
    try:
        return condition.subs(symbol, size) == False  # noqa: E712  (a value of sympy)
    except ZeroDivisionError:  # n % (size // 8)
        return False
