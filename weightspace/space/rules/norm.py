"""Normalisation layers: each is its arithmetic, written in primitives."""

from collections.abc import Sequence
from typing import Any

from weightspace.space.algebra.dims import unify
from weightspace.space.algebra.tracer import Tracer
from weightspace.space.algebra.value import Value
from weightspace.space.rules.registry import rule


def normalized(t: Tracer, value: Value) -> Value:
    """Divided by a statistic of itself plus epsilon: epsilon lets no factor through, exactly taken."""
    return t.pointwise("opaque", value)


def affine(t: Tracer, value: Value, scale: Value | None, shift: Value | None, tail: int, op: str = "norm") -> Value:
    """Times a scale plus a shift along the axes before the last ``tail`` ones."""
    for kind, param, slot in (("product", scale, "scale"), ("equal", shift, "shift")):
        if param is not None:
            shaped = t.reshape(param, [*param.shape, *[1] * tail]) if tail else param
            value = t.with_param(kind, value, shaped, slot, op)
    return value


@rule("aten.layer_norm", "aten.rms_norm", "aten._fused_rms_norm", "aten.native_layer_norm")
def layer_norm(
    t: Tracer, value: Value, _shape: Sequence[int], scale: Value | None = None, shift: Any = None, *_: Any, **__: Any
) -> Any:
    """Statistics over the last axes; every one of them may be permuted."""
    several = bool(t.shape) and not isinstance(t.shape[0], int)
    out = affine(t, normalized(t, value), scale, shift if isinstance(shift, Value) else None, 0)
    return (out, t.opaque(shape=t.shape[1]), t.opaque(shape=t.shape[-1])) if several else out


@rule("aten.group_norm", "aten.native_group_norm")
def group_norm(t: Tracer, value: Value, groups: int, *args: Any, **__: Any) -> Any:
    """Statistics over the channels of a group; groups permute, and so do the channels inside."""
    if t.op == "aten.native_group_norm":
        value_args = [value, groups, *args]
        scale, shift = value_args[1], value_args[2]
        groups = int(value_args[6])
    else:
        scale, shift = (*args, None, None)[:2]
    n, c, *rest = value.shape
    wide = t.reshape(value, [n, groups, c // groups, *rest])
    flat = t.reshape(normalized(t, wide), value.shape)
    out = affine(t, flat, scale, shift, len(rest))
    if t.op == "aten.native_group_norm":
        return out, t.opaque(shape=t.shape[1]), t.opaque(shape=t.shape[2])
    return out


@rule(
    "aten.batch_norm", "aten._native_batch_norm_legit", "aten.native_batch_norm", "aten.cudnn_batch_norm",
    "aten._native_batch_norm_legit_no_training", "aten._batch_norm_impl_index", "aten._batch_norm_with_update",
    "aten._batch_norm_no_update", "aten._native_batch_norm_legit_functional",
)  # fmt: skip
def batch_norm(
    t: Tracer, value: Value, scale: Value | None, shift: Value | None, mean: Any, var: Any, *args: Any, **_: Any
) -> Any:
    """With running statistics an affine map of each channel; with the batch's, a normalisation of each channel."""
    training = bool(args[0]) if "no_training" not in t.op and "no_update" not in t.op else False
    tail = len(value.dims) - 2
    stored = isinstance(mean, Value) and isinstance(var, Value)
    if stored and not training:
        value = t.with_param("equal", value, t.reshape(mean, [*mean.shape, *[1] * tail]), "mean", "norm")
        # epsilon is added to the variance, so that no factor passes exactly
        spread = t.pointwise("opaque", t.reshape(var, [*var.shape, *[1] * tail]))
        value = t.with_param("product", value, spread, "var", "norm")
    else:
        _place_statistics(t, value, mean, var)
        value = normalized(t, value)
    out = affine(t, value, scale, shift, tail)
    several = bool(t.shape) and not isinstance(t.shape[0], int)
    if not several:
        return out
    rest = [t.opaque(shape=shape) for shape in t.shape[1:]]
    if "functional" in t.op and stored:
        rest[-2:] = [t.pointwise("opaque", mean), t.pointwise("opaque", var)]
    return out, *rest


def _place_statistics(t: Tracer, value: Value, mean: Any, var: Any) -> None:
    """Running statistics that are only written move with their channels all the same."""
    for param, slot in ((mean, "mean"), (var, "var")):
        if isinstance(param, Value):
            unify(param.dims[0], value.dims[1])
            if value.site:
                t.book.vector(param, value.site, slot, value.dims, "norm")


@rule("aten.instance_norm")
def instance_norm(
    t: Tracer, value: Value, scale: Value | None, shift: Value | None, mean: Any, var: Any, use_input: bool, *_: Any
) -> Value:
    """Statistics of each channel of each sample, or the running ones."""
    return batch_norm(t, value, scale, shift, mean, var, use_input)
