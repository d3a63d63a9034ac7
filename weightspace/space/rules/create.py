"""Operators that make tensors from nothing: uniform ones and the identity may be permuted, all others are fixed."""

from dataclasses import replace
from typing import Any

from weightspace.space.algebra.operation import Operation
from weightspace.space.algebra.value import Value
from weightspace.space.rules.registry import rule


@rule("aten.zeros", "aten.zeros_like", "aten.new_zeros", "aten.empty", "aten.empty_like", "aten.new_empty", "aten.zero")
def zeros(op: Operation, *_: Any, **__: Any) -> Value:
    """All entries are zero (memory that is written before it is read counts as that)."""
    return op.constant("zero")


@rule("aten.ones", "aten.ones_like", "aten.new_ones", "aten.scalar_tensor")
def ones(op: Operation, *_: Any, **__: Any) -> Value:
    """All entries are equal."""
    return replace(op.constant("uniform"), number=1.0 if op.name != "aten.scalar_tensor" else None)


@rule("aten.full", "aten.full_like", "aten.new_full", "aten.fill")
def full(op: Operation, *args: Any, **__: Any) -> Value:
    """All entries are equal, unless they come from a tensor."""
    if len(args) > 1 and isinstance(args[1], Value) and not args[1].constant:
        return op.expand(op.reshape(args[1], [1] * len(op.shape)), op.shape)
    number = args[1] if len(args) > 1 and isinstance(args[1], int | float) else None
    return replace(op.constant("zero" if number == 0 else "uniform"), number=number)


@rule("aten.eye")
def identity(op: Operation, *_: Any, **__: Any) -> Value:
    """Ones on the diagonal, which stay there where rows and columns change places together."""
    made = op.constant("uniform")
    return replace(made, dims=(made.dims[0], made.dims[0])) if op.shape[0] == op.shape[1] else op.constant("data")


@rule("aten.arange", "aten.linspace", "aten.tril_indices", "aten.triu_indices", "aten.rand", "aten.randn",
      "aten.randint", "aten.randperm", "aten.rand_like", "aten.randn_like", "aten.bernoulli", "aten.normal",
      "aten.logspace")  # fmt: skip
def data(op: Operation, *_: Any, **__: Any) -> Value:
    """Entries differ by place."""
    return op.constant("data")
