"""Operators that work entry by entry: the axes stay; which factors pass depends on the function."""

from fractions import Fraction
from math import isfinite
from typing import Any

from weightspace.space.algebra.halves import cut, moved
from weightspace.space.algebra.operation import Operation
from weightspace.space.algebra.value import Value
from weightspace.space.rules.registry import rule

# Functions that change no entry but for its sign or type.
_PASS = (
    "neg", "clone", "contiguous", "detach", "alias", "to", "_to_copy", "type_as", "lift_fresh", "lift_fresh_copy",
    "dropout", "alpha_dropout", "native_dropout", "feature_dropout", "positive", "requires_grad", "float", "double",
    "detach_copy", "alias_copy", "lift", "real", "imag", "conj", "resolve_conj", "resolve_neg", "to_dense", "_to_dense",
    "to_sparse", "_to_sparse", "_coalesce", "coalesce",
)  # fmt: skip


@rule(*(f"aten.{name}" for name in _PASS))
def passes(op: Operation, value: Any, *_: Any, **__: Any) -> Any:
    """What changes no entry but for its sign or type, or (dropout) does so at random."""
    if not isinstance(value, Value):
        return None
    # rounding to whole numbers or to yes and no lets no factor through
    rounds = not (op.dtype.is_floating_point or op.dtype.is_complex)
    out = op.pointwise("opaque" if rounds else "equal", value)
    if value.number is not None and not rounds:
        out.number = -value.number if op.name == "aten.neg" else value.number
    return (out, out) if op.name == "aten.native_dropout" else out


@rule("aten.gt", "aten.lt", "aten.ge", "aten.le", "aten.eq", "aten.ne", "aten.heaviside")
def compare(op: Operation, one: Value, other: Any) -> Value:
    """Which side of zero an entry lies on, or which of two that share a positive factor is more, ignores the factor."""
    if not isinstance(other, Value):
        return op.pointwise("order" if other == 0 else "opaque", one)
    if other.constant:
        zero = other.constant == "zero" or op.name == "aten.heaviside"
        return op.pointwise("order" if zero else "opaque", one, other)
    return op.pointwise("order", op.pointwise("positive", one, other))


@rule("aten.lerp")
def lerp(op: Operation, one: Value, other: Value, weight: Any) -> Value:
    """Between two values."""
    if not isinstance(weight, Value):
        return meet(op, "equal", one, other, "other", "residual")
    part = op.pointwise("equal", other, op.pointwise("equal", one))
    return op.pointwise("equal", one, meet(op, "product", part, weight, "scale", "product"))


@rule("aten.hypot")
def hypot(op: Operation, one: Value, other: Value) -> Value:
    """The length of a vector of two entries."""
    return op.pointwise("equal", op.pointwise("abs", one), op.pointwise("abs", other))


@rule("aten.atan2")
def angle(op: Operation, one: Value, other: Value) -> Value:
    """The angle of a vector of two entries: a positive factor of both is lost, the sign of the first comes out."""
    side = op.pointwise("order", op.pointwise("positive", op.pointwise("abs", one), other))
    return op.pointwise("product", op.pointwise("signum", one), side)


@rule("aten.copysign")
def copy_sign(op: Operation, size: Value, sign: Any) -> Value:
    """The size of one entry with the sign of another."""
    size = op.pointwise("abs", size)
    return op.pointwise("product", size, op.pointwise("signum", sign)) if isinstance(sign, Value) else size


@rule("aten.addcmul", "aten.addcdiv")
def add_product(op: Operation, base: Value, one: Value, other: Value, **_: Any) -> Value:
    """A product or a quotient is added."""
    part = multiply(op, one, other) if op.name == "aten.addcmul" else divide(op, one, other)
    return meet(op, "equal", base, part, "other", "residual")


@rule("aten.complex")
def complex_(op: Operation, real: Value, imaginary: Value) -> Value:
    """Both parts carry one factor."""
    return meet(op, "equal", real, imaginary, "other", "residual")


@rule("aten.polar")
def polar(op: Operation, length: Value, angle: Value) -> Value:
    """The length carries the factor."""
    return meet(op, "product", length, op.pointwise("opaque", angle), "other", "product")


@rule("aten.pow")
def power(op: Operation, base: Any, exponent: Any) -> Value:
    """A fixed power raises the factors to it."""
    if isinstance(base, Value) and isinstance(exponent, int | float) and as_power(exponent) is not None:
        return op.pointwise("power", base, data=exponent)
    return opaque_pointwise(op, base, exponent)


def as_power(exponent: int | float) -> Fraction | None:
    """An exponent as a fraction of small numbers, or None if it is none (.004, pi)."""
    power = Fraction(exponent).limit_denominator(64) if isfinite(exponent) else Fraction(0)
    return power if float(power) == float(exponent) else None


@rule("aten.square")
def square(op: Operation, value: Value) -> Value:
    """The second power."""
    return op.pointwise("power", value, data=2)


@rule("aten.sqrt")
def root(op: Operation, value: Value) -> Value:
    """The power 1/2."""
    return op.pointwise("power", value, data=0.5)


@rule("aten.rsqrt")
def inverse_root(op: Operation, value: Value) -> Value:
    """The power -1/2."""
    return op.pointwise("power", value, data=-0.5)


@rule("aten.reciprocal")
def reciprocal(op: Operation, value: Value) -> Value:
    """The power -1."""
    return op.pointwise("power", value, data=-1)


@rule("aten.add", "aten.sub", "aten.rsub")
def add(op: Operation, one: Any, other: Any, *_: Any, alpha: Any = 1) -> Value:
    """All summands carry one factor; a constant other than zero forbids any."""
    values = [value for value in (one, other) if isinstance(value, Value)]
    if len(values) == 1:
        scalar = other if isinstance(one, Value) else one
        return _with_number(op, values[0], scalar, taken=isinstance(other, Value), alpha=alpha)
    if alpha != 1:
        scaled = 0 if op.name == "aten.rsub" else 1
        values[scaled] = op.pointwise("equal", values[scaled], data=alpha)
    return meet(op, "equal", values[0], values[1], "bias", "residual")


def _with_number(op: Operation, value: Value, number: Any, taken: bool, alpha: Any) -> Value:
    """A number is added to a value or taken from it, or (``taken``) the value from the number."""
    if number == 0:
        return op.pointwise("equal", value)
    less = op.name != "aten.add"
    sign = -1 if less and taken != (op.name == "aten.rsub") else 1
    odd = moved(op, value, sign, number if sign == -1 or not less else -number) if alpha == 1 else None
    return odd if odd is not None else op.pointwise("shifted", value)


@rule("aten.mul")
def multiply(op: Operation, one: Any, other: Any) -> Value:
    """Factors multiply."""
    if not (isinstance(one, Value) and isinstance(other, Value)):
        value, scalar = (one, other) if isinstance(one, Value) else (other, one)
        return _times(op, value, scalar)
    return meet(op, "product", one, other, "scale", "product")


@rule("aten.div", "aten.divide", "aten.true_divide")
def divide(op: Operation, one: Any, other: Any, rounding_mode: str | None = None) -> Value:
    """Multiplication with the power -1 of the other."""
    if rounding_mode is not None:
        return opaque_pointwise(op, one, other)
    if not isinstance(other, Value):
        return _times(op, one, 1 / other if other else None)
    inverse = op.pointwise("power", other, data=-1)
    if not isinstance(one, Value):
        return inverse
    return meet(op, "product", one, inverse, "scale", "product")


def _times(op: Operation, value: Value, number: Any) -> Value:
    odd = moved(op, value, number, 0) if isinstance(number, int | float) and number else None
    out = odd if odd is not None else op.pointwise("equal", value, data=number)
    if value.number is not None and isinstance(number, int | float):
        out.number = value.number * number
    return out


def meet(op: Operation, kind: str, one: Value, other: Value, slot: str, link: str) -> Value:
    """Two tensors entry by entry: a parameter sits on the other's site; neurons of two sites meet at a new one."""
    for value, param in ((one, other), (other, one)):
        if value.site and param.origin and not param.site:
            return op.with_param(kind, value, param, slot)
    return op.pointwise(kind, one, other, meet=link)


@rule("aten.maximum", "aten.minimum", "aten.fmax", "aten.fmin")
def extremum(op: Operation, one: Value, other: Value) -> Value:
    """Commutes with positive factors common to both; with one number it cuts off."""
    side = "above" if op.name in ("aten.maximum", "aten.fmax") else "below"
    for value, bound in ((one, other), (other, one)):
        if bound.number is not None and value.shape == op.shape:
            return cut(op, value, side, bound.number)
    return op.pointwise("positive", one, other)


@rule("aten.where")
def where(op: Operation, condition: Value, *branches: Any) -> Value:
    """Both branches carry one factor; the condition carries none."""
    values = [value for value in branches if isinstance(value, Value)]
    if len(branches) < 2:
        return op.opaque(condition)
    passing = all(isinstance(branch, Value) or branch == 0 for branch in branches)
    chosen = op.pointwise("equal" if passing else "opaque", *values)
    return _gated(op, chosen, condition)


@rule("aten.masked_fill")
def masked_fill(op: Operation, value: Value, mask: Value, fill: Any) -> Value:
    """Like `where`; a fill of zero lets factors through."""
    passing = not isinstance(fill, Value) and fill == 0
    kept = op.pointwise("equal" if passing else "opaque", value, *([fill] if isinstance(fill, Value) else []))
    return _gated(op, kept, mask)


def _gated(op: Operation, value: Value, gate: Value) -> Value:
    return op.pointwise("product", value, op.pointwise("opaque", gate))


@rule("aten.copy")
def copy(op: Operation, old: Value, new: Value, *_: Any) -> Value:
    """The new entries in the old shape."""
    zero = Value(old.dims, old.dtype, constant="zero")
    return op.pointwise("equal", zero, new)


def opaque_pointwise(op: Operation, *args: Any, **_: Any) -> Value:
    """Any function entry by entry: the axes stay, no factor passes."""
    values = [arg for arg in args if isinstance(arg, Value)]
    return op.pointwise("opaque", *values)
