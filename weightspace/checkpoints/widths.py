"""The weight space of a net of the same architecture with other widths, read off the shapes of its tensors."""

from collections.abc import Mapping

from torch import Tensor

from weightspace.space import WeightSpace
from weightspace.space.axes import Atom, Axis, Product, Sum


def with_widths(space: WeightSpace, weights: Mapping[str, Tensor]) -> WeightSpace | None:
    """The space with those sizes of its free names that the shapes of ``weights`` say; None where they say none.

    Only sets of neurons may have another size: inputs, outputs, kernels and depths are the architecture's. An axis
    ``(c1 7 7)`` says the size of ``c1``; a sum says the size of its last unknown term. Whether all shapes agree is for
    the caller to check.
    """
    axes = [
        (axis, int(size))
        for name, spec in space.tensors.items()
        if name in weights and weights[name].ndim == len(spec.axes)
        for axis, size in zip(spec.axes, weights[name].shape, strict=True)
    ]
    sizes: dict[str, int] = {}
    while found := {
        name: size
        for axis, whole in axes
        for name, size in [_solve(space, axis, whole, sizes)]
        if name and name not in sizes
    }:
        sizes |= found
    if set(space.free) - set(sizes):
        return None
    data = space.to_dict()
    names = {name: [sizes.get(name, size), *rest] for name, (size, *rest) in data["names"].items()}
    return WeightSpace.from_dict(data | {"names": names, "report": None})


def _solve(space: WeightSpace, axis: Axis, whole: int, sizes: Mapping[str, int]) -> tuple[str, int]:
    """The one name of an axis whose size isn't known, and its size; no name where there isn't one."""
    if isinstance(axis, Atom):
        free = axis.name in space.free and axis.name not in sizes
        return (str(axis.name), whole) if free and whole > 0 else ("", 0)
    parts = axis.factors if isinstance(axis, Product) else axis.terms
    known = [_size(space, part, sizes) for part in parts]
    unknown = [part for part, size in zip(parts, known, strict=True) if size is None]
    if len(set(unknown)) != 1 or (len(unknown) > 1 and not isinstance(axis, Sum)):
        return "", 0
    part, rest = unknown[0], 0 if isinstance(axis, Sum) else 1
    for size in known:
        rest = rest if size is None else rest + size if isinstance(axis, Sum) else rest * size
    # several terms that are unknown are the same one, like those of queries and keys
    left, over = divmod(whole - rest, len(unknown)) if isinstance(axis, Sum) else divmod(whole, max(1, rest))
    return _solve(space, part, left, sizes) if left > 0 and not over else ("", 0)


def _size(space: WeightSpace, axis: Axis, sizes: Mapping[str, int]) -> int | None:
    """The size of an axis, None while a free name in it isn't known."""
    if isinstance(axis, Atom):
        return sizes.get(str(axis.name)) if axis.name in space.free else axis.size
    parts = [_size(space, part, sizes) for part in (axis.factors if isinstance(axis, Product) else axis.terms)]
    if None in parts:
        return None
    whole = 0 if isinstance(axis, Sum) else 1
    for size in parts:
        assert size is not None
        whole = whole + size if isinstance(axis, Sum) else whole * size
    return whole
