"""Functions that are odd although neither of their two steps is: a sigmoid less a half, a cut from both sides."""

from weightspace.space.algebra.operation import Operation
from weightspace.space.algebra.value import Half, Value

_OTHER = {"above": "below", "below": "above"}


def cut(op: Operation, value: Value, side: str, number: int | float) -> Value:
    """Entries that lie beyond a number become it; cut off at the negative number from the other side it is odd."""
    if number == 0:
        return op.pointwise("positive", value)
    half = value.half
    if half is not None and half.kind == _OTHER[side] and half.number == -number:
        return op.pointwise("odd", half.source)
    out = op.pointwise("opaque", value)
    out.half = Half(value, side, number)
    return out


def around(out: Value, source: Value, number: int | float) -> Value:
    """A value that is odd in its source once the number is taken from it."""
    out.half = Half(source, "around", number)
    return out


def moved(op: Operation, value: Value, factor: int | float, number: int | float) -> Value | None:
    """What a factor and then a number make of a value that is odd around another number; None for any other value."""
    if value.half is None or value.half.kind != "around":
        return None
    source, middle = value.half.source, value.half.number * factor + number
    if middle == 0:
        return op.pointwise("odd", source)
    return around(op.pointwise("opaque", source), source, middle)
