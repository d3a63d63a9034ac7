"""Operators that make tensors from nothing: uniform ones may be permuted, all others are fixed."""

from typing import Any

from weightspace.space.algebra.tracer import Tracer
from weightspace.space.algebra.value import Value
from weightspace.space.rules.registry import rule


@rule("aten.zeros", "aten.zeros_like", "aten.new_zeros", "aten.empty", "aten.empty_like", "aten.new_empty", "aten.zero")
def zeros(t: Tracer, *_: Any, **__: Any) -> Value:
    """All entries are zero (memory that is written before it is read counts as that)."""
    return t.constant("zero")


@rule("aten.ones", "aten.ones_like", "aten.new_ones", "aten.scalar_tensor")
def ones(t: Tracer, *_: Any, **__: Any) -> Value:
    """All entries are equal."""
    return t.constant("uniform")


@rule("aten.full", "aten.full_like", "aten.new_full", "aten.fill")
def full(t: Tracer, *args: Any, **__: Any) -> Value:
    """All entries are equal, unless they come from a tensor."""
    if len(args) > 1 and isinstance(args[1], Value) and not args[1].constant:
        return t.expand(t.reshape(args[1], [1] * len(t.shape)), t.shape)
    return t.constant("zero" if len(args) > 1 and args[1] == 0 else "uniform")


@rule("aten.arange", "aten.linspace", "aten.eye", "aten.tril_indices", "aten.triu_indices", "aten.rand", "aten.randn",
      "aten.randint", "aten.randperm", "aten.rand_like", "aten.randn_like", "aten.bernoulli", "aten.normal",
      "aten.logspace")  # fmt: skip
def data(t: Tracer, *_: Any, **__: Any) -> Value:
    """Entries differ by place."""
    return t.constant("data")
