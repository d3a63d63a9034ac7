"""Reductions over axes."""

from typing import Any

from weightspace.space.algebra.dims import fix
from weightspace.space.algebra.operation import Operation
from weightspace.space.algebra.value import Value
from weightspace.space.rules.place import places_along, with_places
from weightspace.space.rules.registry import rule


@rule("aten.sum", "aten.mean", "aten.nansum")
def add_up(op: Operation, value: Value, dim: Any = None, keepdim: bool = False, **_: Any) -> Value:
    """Sums and means: neurons that are summed must keep their factors."""
    return op.reduce(value, _axes(dim), keepdim)


@rule("aten.amax", "aten.amin")
def extreme(op: Operation, value: Value, dim: Any = None, keepdim: bool = False) -> Value:
    """Extremes: positive factors of the other axes pass."""
    return op.reduce(value, _axes(dim) or None, keepdim, kind="positive")


@rule("aten.max", "aten.min", "aten.median", "aten.mode", "aten.nanmedian")
def extreme_with_place(op: Operation, value: Value, dim: Any = None, keepdim: bool = False) -> Any:
    """The extreme entry, and with an axis also its place, which fixes that axis if it is read."""
    if isinstance(dim, Value):
        return op.pointwise("positive", value, dim)
    if dim is None:
        return op.reduce(value, None, False, kind="positive")
    largest = op.reduce(value, [dim], keepdim, kind="positive")
    index = op.result(1).reduce(value, [dim], keepdim, kind="order")
    return largest, with_places(index, places_along(op, value, dim))


@rule("aten.argmax", "aten.argmin")
def place(op: Operation, value: Value, dim: Any = None, keepdim: bool = False) -> Value:
    """Places of extremes, along an axis, or along all of them laid flat, which are fixed."""
    for axis in range(len(value.dims)) if dim is None else ():
        fix(value.dims[axis])
    # the entries are compared, so all of them carry one factor
    largest = op.reduce(value, None if dim is None else [dim], keepdim, kind="positive")
    out = op.pointwise("order", largest)
    return out if dim is None else with_places(out, places_along(op, value, dim))


@rule("aten.quantile", "aten.nanquantile")
def quantile(op: Operation, value: Value, q: Any, dim: Any = None, keepdim: bool = False, **_: Any) -> Value:
    """Entries of given ranks along an axis, or between two of them; several ranks make a new axis in front."""
    found = op.reduce(value, _axes(dim), keepdim, kind="positive")
    if not isinstance(q, Value) or not q.dims:
        return found
    for part in q.dims:
        fix(part)
    return op.expand(op.reshape(found, [1, *found.shape]), op.shape)


@rule("aten.prod", "aten.any", "aten.all", "aten.logsumexp", "aten.count_nonzero")
def opaque_reduction(op: Operation, value: Value, dim: Any = None, keepdim: bool = False, **_: Any) -> Value:
    """Symmetric in the entries, but no factor passes."""
    return op.reduce(value, _axes(dim), keepdim, kind="opaque")


@rule("aten.var", "aten.std")
def variance(
    op: Operation, value: Value, dim: Any = None, _unbiased: Any = None, keepdim: bool = False, **__: Any
) -> Value:
    """Variances carry the square of the factor, standard deviations its absolute value."""
    return _spread(op, value, dim, keepdim)


def _spread(op: Operation, value: Value, dim: Any, keepdim: bool) -> Value:
    """What is reduced lies around its mean, which ties its entries: they may not change signs one by one."""
    rank, axes = len(value.dims), _axes(dim)
    gone = {axis % rank for axis in (axes if axes is not None else range(rank))} if rank else set()
    centred = op.pointwise("equal", value)
    op.like("equal", centred, value, {axis: axis for axis in range(rank) if axis not in gone})
    return op.reduce(centred, axes, keepdim, "power" if "var" in op.name else "abs", data=2)


@rule("aten.var_mean", "aten.std_mean")
def variance_and_mean(
    op: Operation, value: Value, dim: Any = None, _unbiased: Any = None, keepdim: bool = False, **__: Any
) -> Any:
    """Both at once."""
    return _spread(op, value, dim, keepdim), op.reduce(value, _axes(dim), keepdim)


@rule("aten.norm", "aten.linalg_vector_norm")
def norm(op: Operation, value: Value, p: Any = 2, dim: Any = None, keepdim: bool = False, **_: Any) -> Value:
    """Norms carry the absolute value of a factor; the number of entries that aren't zero does not."""
    return op.reduce(value, _axes(dim), keepdim, kind="opaque" if p == 0 else "abs")


def _axes(dim: Any) -> list[int] | None:
    if dim is None or isinstance(dim, bool) or (isinstance(dim, list | tuple) and not dim):
        return None
    return [dim] if isinstance(dim, int) else list(dim)
