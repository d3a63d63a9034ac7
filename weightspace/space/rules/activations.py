"""Activations: functions of one tensor entry by entry; which factors pass depends on the function."""

from typing import Any

from weightspace.space.algebra.dims import fix
from weightspace.space.algebra.halves import around, cut
from weightspace.space.algebra.operation import Operation
from weightspace.space.algebra.value import Value
from weightspace.space.rules.pointwise import opaque_pointwise
from weightspace.space.rules.registry import rule

# By what they let through (see `STEP_KINDS`).
_POSITIVE = ("relu", "leaky_relu", "rrelu", "rrelu_with_noise")
_ODD = ("tanh", "erf", "asin", "atan", "sinh", "asinh", "atanh", "tan", "softshrink", "hardshrink", "softsign",
        "special_i1", "special_i1e", "trunc", "round", "erfinv", "frac")  # fmt: skip
_EVEN = ("cosh", "sinc", "i0", "special_i0e")
_ACTIVATIONS = (
    "gelu", "silu", "sigmoid", "elu", "selu", "celu", "mish", "softplus", "relu6", "hardswish",
    "hardsigmoid", "log_sigmoid", "exp", "softmax", "log_softmax", "_softmax", "_log_softmax",
)  # fmt: skip


@rule(*(f"aten.{name}" for name in _POSITIVE))
def positive(op: Operation, value: Value, *_: Any, **__: Any) -> Value:
    """Commutes with positive factors."""
    return _activation(op, "positive", value)


@rule(*(f"aten.{name}" for name in _ODD))
def odd(op: Operation, value: Value, *_: Any, **__: Any) -> Value:
    """Commutes with a change of sign."""
    return _activation(op, "odd", value)


@rule("aten.sin")
def sine(op: Operation, value: Value) -> Value:
    """Commutes with a change of sign, and turns half a turn into one."""
    return _activation(op, "sine", value)


@rule("aten.cos")
def cosine(op: Operation, value: Value) -> Value:
    """Forgets the sign, and turns half a turn into one."""
    return _activation(op, "cosine", value)


@rule(*(f"aten.{name}" for name in _EVEN))
def even(op: Operation, value: Value) -> Value:
    """Forgets the sign."""
    return _activation(op, "even", value)


@rule("aten.abs")
def absolute(op: Operation, value: Value) -> Value:
    """Forgets the sign, keeps positive factors."""
    return _activation(op, "abs", value)


@rule(*(f"aten.{name}" for name in _ACTIVATIONS))
def activation(op: Operation, value: Value, *_: Any, **__: Any) -> Value:
    """Lets no factor through."""
    out = _activation(op, "opaque", value)
    return around(out, value, 0.5) if op.name in ("aten.sigmoid", "aten.hardsigmoid") else out


@rule("aten.clamp_min", "aten.clamp", "aten.clip")
def clamp(op: Operation, value: Value, low: Any = None, high: Any = None, *, min: Any = None, max: Any = None) -> Value:
    """Clamping at zero is a relu, between a number and its negative it is odd; any other bound is opaque."""
    low, high = low if low is not None else min, high if high is not None else max
    others = [bound for bound in (low, high) if isinstance(bound, Value)]
    if not others and None not in (low, high) and low == -high:
        return _activation(op, "odd", value)
    if not others and None in (low, high):
        side, number = ("above", low) if high is None else ("below", high)
        return _named(op, cut(op, value, side, number))
    return op.pointwise("opaque", value, *others)


@rule("aten.clamp_max")
def clamp_max(op: Operation, value: Value, high: Any) -> Value:
    """Clamping from above."""
    return clamp(op, value, None, high)


@rule("aten.hardtanh")
def hardtanh(op: Operation, value: Value, low: Any = -1, high: Any = 1) -> Value:
    """Odd where its bounds are."""
    return _activation(op, "odd" if low == -high else "opaque", value)


@rule("aten.threshold")
def threshold(op: Operation, value: Value, bound: Any, fill: Any) -> Value:
    """At zero it is a relu."""
    return _activation(op, "positive" if bound == fill == 0 else "opaque", value)


@rule("aten.sign", "aten.sgn")
def sign(op: Operation, value: Value) -> Value:
    """Keeps the sign alone."""
    return op.pointwise("signum", value)


@rule("aten.fmod", "aten.remainder")
def remainder(op: Operation, value: Value, divisor: Any) -> Value:
    """What is left of a division by a number has the sign of what was divided (fmod)."""
    if isinstance(divisor, Value):
        return opaque_pointwise(op, value, divisor)
    return _activation(op, "odd" if op.name == "aten.fmod" else "opaque", value)


def _activation(op: Operation, kind: str, value: Value) -> Value:
    return _named(op, op.pointwise(kind, value))


def _named(op: Operation, out: Value) -> Value:
    op.book.activate(out.site, op.name.removeprefix("aten.").strip("_"))
    return out


@rule("aten.prelu", "aten._prelu_kernel")
def prelu(op: Operation, value: Value, slope: Value) -> Value:
    """Commutes with positive factors; the slopes belong to the channels."""
    if slope.dims and slope.dims[0].size > 1 and len(slope.dims) == 1 and len(value.dims) > 1:
        slope = op.reshape(slope, [slope.dims[0].size] + [1] * (len(value.dims) - 2))
    free = op.pointwise("opaque", slope)  # a slope multiplies one half of the line only
    out = op.with_param("product", op.pointwise("positive", value), free, "other")
    op.book.activate(out.site, "prelu")
    return out


@rule("aten.glu")
def glu(op: Operation, value: Value, axis: int = -1) -> Value:
    """One half gates the other."""
    half = value.dims[axis].size // 2
    gate = op.pointwise("opaque", op.slice(value, axis, half, 2 * half))
    out = op.pointwise("product", op.slice(value, axis, 0, half), gate)
    op.book.activate(out.site, "glu")
    return out


@rule("aten.bucketize", "aten.searchsorted")
def interval(op: Operation, one: Any, other: Any, *_: Any, sorter: Value | None = None, **__: Any) -> Value | None:
    """Between which of some numbers an entry lies; with other numbers for each row it has no rule."""
    value, bounds = (one, other) if op.name == "aten.bucketize" else (other, one)
    if not isinstance(value, Value) or len(bounds.dims) > 1 or sorter is not None:
        return None
    fix(bounds.dims[0])
    out = op.pointwise("opaque", value)
    return op.mapped("equal", [out], out.dims, [[(0, axis)] for axis in range(len(out.dims))], also=[bounds])
