"""Operators that work entry by entry: the axes stay; which factors pass depends on the function."""

from typing import Any

from weightspace.space.algebra.tracer import Tracer
from weightspace.space.algebra.value import Value
from weightspace.space.rules.registry import rule

# Functions of one tensor, by what they let through (see `STEP_KINDS`).
_PASS = (
    "neg", "clone", "contiguous", "detach", "alias", "to", "_to_copy", "type_as", "lift_fresh", "lift_fresh_copy",
    "dropout", "alpha_dropout", "native_dropout", "feature_dropout", "positive", "requires_grad", "float", "double",
    "_assert_tensor_metadata", "detach_copy", "alias_copy", "lift", "real", "conj", "resolve_conj", "resolve_neg",
)  # fmt: skip
_POSITIVE = ("relu", "leaky_relu", "rrelu", "rrelu_with_noise")
_ODD = ("tanh", "erf", "asin", "atan", "sinh", "asinh", "atanh", "tan", "softshrink", "hardshrink", "softsign")
_EVEN = ("cos", "cosh")
_ACTIVATIONS = (
    "gelu", "silu", "sigmoid", "elu", "selu", "celu", "mish", "softplus", "hardtanh", "relu6", "hardswish",
    "hardsigmoid", "log_sigmoid", "exp", "threshold", "softmax", "log_softmax", "_softmax", "_log_softmax",
)  # fmt: skip


@rule(*(f"aten.{name}" for name in _PASS))
def passes(t: Tracer, value: Any, *_: Any, **__: Any) -> Any:
    """What changes no entry but for its sign or type, or (dropout) does so at random."""
    if not isinstance(value, Value):
        return None
    out = t.pointwise("equal", value)
    return (out, out) if t.op == "aten.native_dropout" else out


@rule(*(f"aten.{name}" for name in _POSITIVE))
def positive(t: Tracer, value: Value, *_: Any, **__: Any) -> Value:
    """Commutes with positive factors."""
    return _activation(t, "positive", value)


@rule(*(f"aten.{name}" for name in _ODD))
def odd(t: Tracer, value: Value, *_: Any, **__: Any) -> Value:
    """Commutes with a change of sign."""
    return _activation(t, "odd", value)


@rule("aten.sin")
def sine(t: Tracer, value: Value) -> Value:
    """Commutes with a change of sign, and turns half a turn into one."""
    return _activation(t, "sine", value)


@rule(*(f"aten.{name}" for name in _EVEN))
def even(t: Tracer, value: Value) -> Value:
    """Forgets the sign."""
    return _activation(t, "even", value)


@rule("aten.abs")
def absolute(t: Tracer, value: Value) -> Value:
    """Forgets the sign, keeps positive factors."""
    return _activation(t, "abs", value)


@rule(*(f"aten.{name}" for name in _ACTIVATIONS))
def activation(t: Tracer, value: Value, *_: Any, **__: Any) -> Value:
    """Lets no factor through."""
    return _activation(t, "opaque", value)


@rule("aten.clamp_min", "aten.clamp")
def clamp(t: Tracer, value: Value, low: Any = None, high: Any = None, *, min: Any = None, max: Any = None) -> Value:
    """Clamping at zero from below is a relu; any other bound is opaque."""
    low, high = low if low is not None else min, high if high is not None else max
    others = [bound for bound in (low, high) if isinstance(bound, Value)]
    if low == 0 and high is None:
        return _activation(t, "positive", value)
    return t.pointwise("opaque", value, *others)


def _activation(t: Tracer, kind: str, value: Value) -> Value:
    out = t.pointwise(kind, value)
    t.book.activate(out.site, t.op.removeprefix("aten.").strip("_"))
    return out


@rule("aten.pow")
def power(t: Tracer, base: Any, exponent: Any) -> Value:
    """A fixed power raises the factors to it."""
    if isinstance(base, Value) and not isinstance(exponent, Value):
        return t.pointwise("power", base, data=exponent)
    return opaque_pointwise(t, base, exponent)


@rule("aten.square")
def square(t: Tracer, value: Value) -> Value:
    """The second power."""
    return t.pointwise("power", value, data=2)


@rule("aten.sqrt")
def root(t: Tracer, value: Value) -> Value:
    """The power 1/2."""
    return t.pointwise("power", value, data=0.5)


@rule("aten.rsqrt")
def inverse_root(t: Tracer, value: Value) -> Value:
    """The power -1/2."""
    return t.pointwise("power", value, data=-0.5)


@rule("aten.reciprocal")
def reciprocal(t: Tracer, value: Value) -> Value:
    """The power -1."""
    return t.pointwise("power", value, data=-1)


@rule("aten.add", "aten.sub", "aten.rsub")
def add(t: Tracer, one: Any, other: Any, *_: Any, alpha: Any = 1) -> Value:
    """All summands carry one factor; a constant other than zero forbids any."""
    values = [value for value in (one, other) if isinstance(value, Value)]
    if len(values) == 1:
        scalar = other if isinstance(one, Value) else one
        return t.pointwise("equal" if scalar == 0 else "opaque", *values)
    if alpha != 1:
        values[1] = t.pointwise("equal", values[1], data=alpha)
    return meet(t, "equal", values[0], values[1], "bias", "residual")


@rule("aten.mul")
def multiply(t: Tracer, one: Any, other: Any) -> Value:
    """Factors multiply."""
    if not (isinstance(one, Value) and isinstance(other, Value)):
        value, scalar = (one, other) if isinstance(one, Value) else (other, one)
        return t.pointwise("equal", value, data=scalar)
    return meet(t, "product", one, other, "scale", "product")


@rule("aten.div", "aten.divide", "aten.true_divide")
def divide(t: Tracer, one: Any, other: Any, rounding_mode: str | None = None) -> Value:
    """Multiplication with the power -1 of the other."""
    if rounding_mode is not None:
        return opaque_pointwise(t, one, other)
    if not isinstance(other, Value):
        return t.pointwise("equal", one, data=1 / other if other else None)
    inverse = t.pointwise("power", other, data=-1)
    if not isinstance(one, Value):
        return inverse
    return meet(t, "product", one, inverse, "scale", "product")


def meet(t: Tracer, kind: str, one: Value, other: Value, slot: str, link: str) -> Value:
    """Two tensors entry by entry: a parameter sits on the other's site; neurons of two sites meet at a new one."""
    for value, param in ((one, other), (other, one)):
        if value.site and param.origin and not param.site:
            return t.with_param(kind, value, param, slot)
    return t.pointwise(kind, one, other, meet=link)


@rule("aten.maximum", "aten.minimum")
def extremum(t: Tracer, one: Value, other: Value) -> Value:
    """Commutes with positive factors common to both."""
    return t.pointwise("positive", one, other)


@rule("aten.where")
def where(t: Tracer, condition: Value, *branches: Any) -> Value:
    """Both branches carry one factor; the condition carries none."""
    values = [value for value in branches if isinstance(value, Value)]
    if len(branches) < 2:
        return t.opaque(condition)
    passing = all(isinstance(branch, Value) or branch == 0 for branch in branches)
    chosen = t.pointwise("equal" if passing else "opaque", *values)
    return _gated(t, chosen, condition)


@rule("aten.masked_fill")
def masked_fill(t: Tracer, value: Value, mask: Value, fill: Any) -> Value:
    """Like `where`; a fill of zero lets factors through."""
    passing = not isinstance(fill, Value) and fill == 0
    kept = t.pointwise("equal" if passing else "opaque", value, *([fill] if isinstance(fill, Value) else []))
    return _gated(t, kept, mask)


def _gated(t: Tracer, value: Value, gate: Value) -> Value:
    return t.pointwise("product", value, t.pointwise("opaque", gate))


@rule("aten.prelu", "aten._prelu_kernel")
def prelu(t: Tracer, value: Value, slope: Value) -> Value:
    """Commutes with positive factors; the slopes belong to the channels."""
    if slope.dims and slope.dims[0].size > 1 and len(slope.dims) == 1 and len(value.dims) > 1:
        slope = t.reshape(slope, [slope.dims[0].size] + [1] * (len(value.dims) - 2))
    free = t.pointwise("opaque", slope)  # a slope multiplies one half of the line only
    out = t.with_param("product", t.pointwise("positive", value), free, "other")
    t.book.activate(out.site, "prelu")
    return out


@rule("aten.glu")
def glu(t: Tracer, value: Value, axis: int = -1) -> Value:
    """One half gates the other."""
    half = value.dims[axis].size // 2
    gate = t.pointwise("opaque", t.slice(value, axis, half, 2 * half))
    out = t.pointwise("product", t.slice(value, axis, 0, half), gate)
    t.book.activate(out.site, "glu")
    return out


@rule("aten.copy")
def copy(t: Tracer, old: Value, new: Value, *_: Any) -> Value:
    """The new entries in the old shape."""
    zero = Value(old.dims, old.dtype, constant="zero")
    return t.pointwise("equal", zero, new)


def opaque_pointwise(t: Tracer, *args: Any, **_: Any) -> Value:
    """Any function entry by entry: the axes stay, no factor passes."""
    values = [arg for arg in args if isinstance(arg, Value)]
    return t.pointwise("opaque", *values)
