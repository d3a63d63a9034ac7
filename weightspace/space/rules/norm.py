"""Normalisation layers: each is its arithmetic, written in primitives."""

from collections.abc import Sequence
from typing import Any

from weightspace.space.algebra.operation import Operation
from weightspace.space.algebra.value import Value
from weightspace.space.rules.registry import rule


def normalized(op: Operation, value: Value) -> Value:
    """Divided by a statistic of itself plus epsilon: epsilon lets no factor through, exactly taken."""
    return op.pointwise("opaque", value)


def affine(op: Operation, value: Value, scale: Value | None, shift: Value | None, tail: int) -> Value:
    """Times a scale plus a shift along the axes before the last ``tail`` ones."""
    for kind, param, slot in (("product", scale, "scale"), ("equal", shift, "shift")):
        if param is not None:
            shaped = op.reshape(param, [*param.shape, *[1] * tail]) if tail else param
            value = op.with_param(kind, value, shaped, slot, "norm")
    return value


@rule("aten.layer_norm", "aten.rms_norm", "aten._fused_rms_norm", "aten.native_layer_norm")
def layer_norm(
    op: Operation,
    value: Value,
    _shape: Sequence[int],
    scale: Value | None = None,
    shift: Any = None,
    *_: Any,
    **__: Any,
) -> Any:
    """Statistics over the last axes; every one of them may be permuted."""
    # the mean square forgets signs; a mean that is subtracted ties all neurons together
    plain = op.pointwise("odd", value) if "rms" in op.name else normalized(op, value)
    out = affine(op, plain, scale, shift if isinstance(shift, Value) else None, 0)
    return (out, op.opaque(shape=op.shapes[1]), op.opaque(shape=op.shapes[-1])) if op.several else out


@rule("aten.group_norm", "aten.native_group_norm")
def group_norm(op: Operation, value: Value, groups: int, *args: Any, **__: Any) -> Any:
    """Statistics over the channels of a group; groups permute, and so do the channels inside."""
    if op.name == "aten.native_group_norm":
        value_args = [value, groups, *args]
        scale, shift = value_args[1], value_args[2]
        groups = int(value_args[6])
    else:
        scale, shift = (*args, None, None)[:2]
    n, c, *rest = value.shape
    wide = op.reshape(value, [n, groups, c // groups, *rest])
    flat = op.reshape(normalized(op, wide), value.shape)
    out = affine(op, flat, scale, shift, len(rest))
    if op.name == "aten.native_group_norm":
        return out, op.opaque(shape=op.shapes[1]), op.opaque(shape=op.shapes[2])
    return out


@rule(
    "aten.batch_norm", "aten._native_batch_norm_legit", "aten.native_batch_norm", "aten.cudnn_batch_norm",
    "aten._native_batch_norm_legit_no_training", "aten._batch_norm_impl_index", "aten._batch_norm_with_update",
    "aten._batch_norm_no_update", "aten._native_batch_norm_legit_functional",
)  # fmt: skip
def batch_norm(
    op: Operation, value: Value, scale: Value | None, shift: Value | None, mean: Any, var: Any, *_: Any, **__: Any
) -> Any:
    """With running statistics an affine map of each channel; with the batch's, a normalisation of each channel."""
    tail = len(value.dims) - 2
    stored = isinstance(mean, Value) and isinstance(var, Value)
    value = _standardized(op, value, mean, var) if stored else _by_channel(op, value)
    out = affine(op, value, scale, shift, tail)
    if not op.several:
        return out
    rest = [op.opaque(shape=shape) for shape in op.shapes[1:]]
    if "functional" in op.name and stored:
        rest[-2:] = [op.pointwise("opaque", mean), op.pointwise("opaque", var)]
    return out, *rest


def _standardized(op: Operation, value: Value, mean: Value, var: Value) -> Value:
    """By running statistics in evaluation, and by the batch's in training, whichever of the two is traced."""
    tail = [1] * (len(value.dims) - 2)
    tested, trained = op.in_mode("eval"), op.in_mode("train")
    centred = tested.with_param("equal", value, tested.reshape(mean, [*mean.shape, *tail]), "mean", "norm")
    # epsilon is added to the variance, so that no factor passes exactly
    spread = tested.pointwise("opaque", tested.reshape(var, [*var.shape, *tail]))
    out = tested.with_param("product", centred, spread, "var", "norm")
    # a sign would pass here, but apart from the factor of what follows, which metanets take for one and the same
    trained.like("opaque", out, value, {1: 1})
    trained.like("equal", value, mean, {1: 0})  # the batch's mean goes into the running one
    trained.pointwise("opaque", var)
    return out


def _by_channel(op: Operation, value: Value) -> Value:
    """Minus the mean of each channel and over its deviation: a channel's sign passes."""
    out = op.pointwise("odd", value)
    op.like("odd", out, value, {1: 1})
    return out


@rule("aten.instance_norm")
def instance_norm(
    op: Operation, value: Value, scale: Value | None, shift: Value | None, mean: Any, var: Any, use_input: bool, *_: Any
) -> Value:
    """Statistics of each channel of each sample, or the running ones."""
    return batch_norm(op, value, scale, shift, mean, var, use_input)
