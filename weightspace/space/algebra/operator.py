"""One operator of a computation: what is known of it, what it remembers, and the values that it makes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import torch

from weightspace.space.algebra.dims import Dim, fix, leaf
from weightspace.space.algebra.origins import origins_of
from weightspace.space.algebra.record import Record
from weightspace.space.algebra.sitebook import SiteBook
from weightspace.space.algebra.value import Step, Value

Own = TypeVar("Own", bound="Operator")

# Operators whose results have no equal entries along an axis, but by chance, where their inputs have none.
DISTINCT = frozenset(
    f"aten.{name}"
    for name in (
        "linear", "addmm", "matmul", "mm", "bmm", "conv1d", "conv2d", "conv3d", "einsum", "embedding", "layer_norm",
        "softmax", "_softmax", "log_softmax", "_log_softmax", "sigmoid", "log_sigmoid", "tanh", "exp", "softplus",
        "add", "mul", "div", "neg", "to", "_to_copy", "clone", "contiguous", "dropout", "view", "reshape",
        "_unsafe_view", "flatten", "unflatten", "squeeze", "unsqueeze", "permute", "transpose", "t", "mean", "sum",
    )
)  # fmt: skip


@dataclass(frozen=True)
class Operator:
    """One operator of a computation.

    Args:
        name: like ``aten.relu``. shapes, dtypes: of its results.
        several: it gives a tuple of results, not one tensor.
        wanted: the numbers of the results that anything reads.
        record: what the trace has found so far; rules add to it through the methods below alone.
        mode: in which the module takes the steps that follow.
    """

    name: str
    shapes: tuple[tuple[int, ...], ...]
    dtypes: tuple[torch.dtype, ...]
    several: bool
    wanted: frozenset[int]
    record: Record
    mode: str = "both"

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the first result."""
        return self.shapes[0]

    @property
    def dtype(self) -> torch.dtype:
        """Of the first result."""
        return self.dtypes[0]

    @property
    def book(self) -> SiteBook:
        """Where neurons stand."""
        return self.record.book

    def result(self: Own, number: int) -> Own:
        """The operator as if it gave this one of its results only."""
        return replace(self, shapes=(self.shapes[number],), dtypes=(self.dtypes[number],), several=False)

    def with_dtype(self: Own, dtype: torch.dtype) -> Own:
        """The operator as if its result had another type: for values on the way to it."""
        return replace(self, dtypes=(dtype,), several=False)

    def in_mode(self: Own, mode: str) -> Own:
        """The operator as it works in one mode of the module."""
        return replace(self, mode=mode)

    def _step(self, step: Step) -> None:
        self.record.steps.append(replace(step, mode=self.mode))

    def like(self, kind: str, one: Value, other: Value, axes: Mapping[int, int]) -> None:
        """Two values that exist already carry related factors: along these axes of the one those of the other's."""
        labels = tuple(axes.get(axis, ("own", axis)) for axis in range(len(one.dims)))
        self._step(Step(kind, one, (other,), (labels, tuple(range(len(other.dims))))))

    def hint(self, dim: Dim, word: str) -> None:
        """What an axis may be called."""
        self.record.hints.setdefault(dim, word)

    # ---- new values -------------------------------------------------------------------------------------------------

    def constant(self, kind: str, shape: Sequence[int] | None = None) -> Value:
        """A tensor that no input and no parameter reaches: ``"zero"``, ``"uniform"``, or ``"data"``, which is fixed."""
        return constant(kind, self.shape if shape is None else shape, self.dtype)

    def opaque(self, *values: Value, shape: Sequence[int] | None = None) -> Value:
        """What an operator gives about whose axes nothing can be said: all of them are fixed, the inputs' too."""
        for value in values:
            for dim in value.dims:
                fix(dim)
        out = self.derived(
            [leaf(size, fixed=True) for size in (self.shape if shape is None else shape)], values, "opaque"
        )
        self._step(Step("opaque", out, tuple(values)))
        return out

    def derived(
        self,
        dims: Sequence[Dim],
        values: Sequence[Value],
        kind: str,
        axes: Sequence[Sequence[tuple[int, int]]] | None = None,
    ) -> Value:
        """A value with these axes made from others.

        Args:
            kind: names the link if values of several sites meet.
            axes: for each output axis the pairs (which input, which axis of it) behind it.
        """
        out = Value(tuple(dims), self.dtype)
        if all(value.constant for value in values):
            same = {value.constant for value in values}
            out.constant = same.pop() if len(same) == 1 else "data"
        out.site = self.book.combined(kind, values, dims)
        if not out.site:
            out.origin = origins_of(values, axes if axes is not None else [()] * len(out.dims))
        if self.name in DISTINCT:
            sets = [value.distinct if value.site else frozenset(value.dims) for value in values if not value.constant]
            out.distinct = frozenset.intersection(*sets) if sets else frozenset()
        return out


def constant(kind: str, shape: Sequence[int], dtype: torch.dtype) -> Value:
    """A tensor that no input and no parameter reaches: ``"zero"``, ``"uniform"``, or ``"data"``, which is fixed."""
    return Value(tuple(leaf(size, fixed=kind == "data") for size in shape), dtype, constant=kind)
