"""The few primitives that every rule is written in.

Each primitive makes the output's axes from the inputs', remembers the step for the scale symmetries, and keeps track of
sites. A rule that calls them can't forget one of the three.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import torch

from weightspace.space.algebra.dims import Dim, fix, is_fixed, leaf, sum_dim
from weightspace.space.algebra.operator import Operator
from weightspace.space.algebra.origins import runs_behind
from weightspace.space.algebra.refine import split_sum, unify
from weightspace.space.algebra.reshape import reshape_dims
from weightspace.space.algebra.value import Step, Value


class Operation(Operator):
    """An operator with the primitives that rules are written in."""

    # ---- pointwise --------------------------------------------------------------------------------------------------

    def pointwise(self, kind: str, *values: Value, data: Any = None, meet: str = "residual") -> Value:
        """Entry by entry with broadcasting; ``kind`` is one of `STEP_KINDS`."""
        shape = torch.broadcast_shapes(*(value.shape for value in values))
        rank = len(shape)
        dims: list[Dim] = []
        for axis, size in enumerate(shape):
            dim = None
            for value in values:
                offset = axis - rank + len(value.dims)
                if offset >= 0 and value.dims[offset].size == size:
                    dim = value.dims[offset] if dim is None else unify(dim, value.dims[offset])
            dims.append(dim if dim is not None else leaf(size))
        labels = tuple(range(rank))
        ins = tuple(self._broadcast_labels(value, shape) for value in values)
        axes = [[(i, own.index(axis)) for i, own in enumerate(ins) if axis in own] for axis in labels]
        out = self.derived(dims, values, meet, axes)
        if out.constant == "zero" and kind not in ("equal", "product", "positive", "odd", "sine", "abs"):
            out.constant = "uniform"
        self._step(Step(kind, out, tuple(values), (labels, *ins), data))
        return out

    @staticmethod
    def _broadcast_labels(value: Value, shape: Sequence[int]) -> tuple[Any, ...]:
        """The output's label of each axis; None for one that is repeated along a larger axis of the output."""
        start = len(shape) - len(value.dims)
        return tuple(start + axis if dim.size == shape[start + axis] else None for axis, dim in enumerate(value.dims))

    def with_param(
        self, kind: str, value: Value, param: Value, slot: str, reader: str = "elementwise", **settings: Any
    ) -> Value:
        """Pointwise with a tensor made of parameters, which then sits on the neurons' site."""
        out = self.pointwise(kind, value, param)
        if kind == "equal":
            out.distinct |= {dim for dim in param.dims if dim.size > 1}
        if value.site and param.origin:
            out.site = self.book.vector(param, value.site, slot, out.dims, reader, **settings)
        return out

    # ---- contraction, reduction -------------------------------------------------------------------------------------

    def einsum(
        self,
        values: Sequence[Value],
        ins: Sequence[Sequence[Any]],
        outs: Sequence[Any],
        meet: str = "product",
        sizes: Mapping[Any, int] | None = None,
    ) -> Value:
        """Multiply values and sum over every label that the output lacks; equal labels are one axis.

        Args:
            ins: a label for each axis of each value; an axis of size 1 under the label of a larger one is repeated.
            outs: the labels of the output's axes. sizes: of output axes that no input has.
        """
        dims: dict[Any, Dim] = {}
        for value, labels in zip(values, ins, strict=True):
            for dim, label in zip(value.dims, labels, strict=True):
                known = dims.get(label)
                if known is None or (known.size == 1 and dim.size > 1):
                    dims[label] = dim
                elif dim.size == known.size:
                    dims[label] = unify(known, dim)
        for label, size in (sizes or {}).items():
            dims.setdefault(label, leaf(size, fixed=True))
        kept = [
            tuple(
                label if dim.size == dims[label].size else None for dim, label in zip(value.dims, labels, strict=True)
            )
            for value, labels in zip(values, ins, strict=True)
        ]
        axes = [[(i, labels.index(o)) for i, labels in enumerate(kept) if o in labels] for o in outs]
        out = self.derived([dims[label] for label in outs], values, meet, axes)
        if sum(bool(value.site) for value in values) > 1:
            # neurons times neurons, as in attention, stand at a place of their own
            out.site = self.book.meeting(meet, values, out.dims)
        self._step(Step("product", out, tuple(values), (tuple(outs), *kept)))
        return out

    def reduce(
        self, value: Value, axes: Sequence[int] | None, keep: bool, kind: str = "equal", data: Any = None
    ) -> Value:
        """Sum, mean, maximum, ... over axes (all if None); ``kind`` says how other axes carry factors."""
        rank = len(value.dims)
        gone = {axis % rank for axis in (axes if axes is not None else range(rank))} if rank else set()
        labels = tuple(("gone", axis) if axis in gone else axis for axis in range(rank))
        kept = [axis for axis in range(rank) if axis not in gone or keep]
        dims = [leaf(1) if axis in gone else value.dims[axis] for axis in kept]
        out = self.derived(dims, [value], "", [[] if axis in gone else [(0, axis)] for axis in kept])
        outs = tuple(("one", axis) if axis in gone else axis for axis in kept)
        self._step(Step(kind, out, (value,), (outs, labels), data))
        return out

    # ---- moving entries ---------------------------------------------------------------------------------------------

    def mapped(
        self,
        kind: str,
        values: Sequence[Value],
        dims: Sequence[Dim],
        axes: Sequence[Sequence[tuple[int, int]]],
        meet: str = "",
        also: Sequence[Value] = (),
    ) -> Value:
        """Entries of values at other places: the axes of the output, and for each the pairs (input, axis) behind it.

        An axis of an input that stands behind none, or has another size than its output's, must be fixed by the rule.

        Args:
            also: values that only decide which entries are taken: they carry no factor.
        """
        out = self.derived(dims, [*values, *also] if meet else values, meet, axes)
        if any(value.constant is None for value in also):
            out.constant = None
        behind = {pair: number for number, pairs in enumerate(axes) for pair in pairs}
        ins = tuple(
            tuple(behind.get((index, axis), ("gone", index, axis)) for axis in range(len(value.dims)))
            for index, value in enumerate(values)
        )
        self._step(Step(kind, out, tuple(values), (tuple(range(len(dims))), *ins), also=tuple(also)))
        return out

    def resized(self, value: Value, axes: Sequence[int], sizes: Sequence[int], kind: str = "equal") -> Value:
        """Some axes are mixed or picked from: they are fixed and come out with other sizes; the others stay."""
        changed = {axis % len(value.dims) for axis in axes}
        for axis in changed:
            fix(value.dims[axis])
        dims = [leaf(size, fixed=True) if a in changed else value.dims[a] for a, size in enumerate(sizes)]
        return self.mapped(kind, [value], dims, [[(0, a)] for a in range(len(dims))])

    def reshape(self, value: Value, sizes: Sequence[int]) -> Value:
        """The same entries under other sizes."""
        dims = reshape_dims(value.dims, sizes)
        out = self.derived(dims, [value], "", runs_behind(value.shape, tuple(sizes)))
        self._step(Step("flat", out, (value,)))
        return out

    def permute(self, value: Value, order: Sequence[int]) -> Value:
        """Axes in another order."""
        order = [axis % len(value.dims) for axis in order]
        return self.mapped("equal", [value], [value.dims[axis] for axis in order], [[(0, axis)] for axis in order])

    def expand(self, value: Value, sizes: Sequence[int]) -> Value:
        """Repeat along axes of size 1 and new ones in front; what is repeated is equal, so the new axis is free."""
        lead = len(sizes) - len(value.dims)
        old = [None] * lead + list(value.dims)
        dims = [
            dim if dim is not None and size in (-1, dim.size) else leaf(size)
            for dim, size in zip(old, sizes, strict=True)
        ]
        return self.mapped("equal", [value], dims, [[(0, a - lead)] if a >= lead else [] for a in range(len(sizes))])

    def slice(self, value: Value, axis: int, start: int, stop: int) -> Value:
        """The entries from ``start`` to before ``stop`` of one axis."""
        axis %= len(value.dims)
        dim = value.dims[axis]
        pieces = split_sum(dim, [start, stop - start, dim.size - stop])
        dims = [*value.dims[:axis], pieces[1], *value.dims[axis + 1 :]]
        out = self.derived(dims, [value], "", [[(0, a)] for a in range(len(dims))])
        self._step(Step("slice", out, (value,), data=(axis, start)))
        return out

    def select(self, value: Value, axis: int) -> Value:
        """One entry of an axis, which is fixed by that."""
        fix(value.dims[axis])
        kept = [a for a in range(len(value.dims)) if a != axis % len(value.dims)]
        return self.mapped("equal", [value], [value.dims[a] for a in kept], [[(0, a)] for a in kept])

    def join(self, values: Sequence[Value], axis: int) -> Value:
        """Concatenate along an axis; along every other axis the values move together."""
        axis %= len(values[0].dims)
        dims = list(values[0].dims)
        for value in values[1:]:
            dims = [d if a == axis else unify(d, value.dims[a]) for a, d in enumerate(dims)]
        dims[axis] = sum_dim([value.dims[axis] for value in values])
        every = [[(i, a) for i in range(len(values))] for a in range(len(dims))]
        out = self.derived(dims, values, "join", every)
        neurons = not is_fixed(dims[axis])
        if neurons and all(value.site for value in values) and len({value.site for value in values}) > 1:
            out.site = tuple(index for value in values for index in value.site)
        self._step(Step("join", out, tuple(values), data=axis))
        return out
