"""Operators along space: patches, sampling, pooling, interpolation. Space is fixed, channels stay."""

from collections.abc import Sequence
from math import prod
from typing import Any

from weightspace.space.algebra.dims import fix, leaf
from weightspace.space.algebra.operation import Operation
from weightspace.space.algebra.refine import unify
from weightspace.space.algebra.value import Value
from weightspace.space.rules.registry import rule

_POOLS = {
    **{f"aten.avg_pool{n}d": n for n in (1, 2, 3)},
    **{f"aten.max_pool{n}d": n for n in (1, 2, 3)},
    **{f"aten.max_pool{n}d_with_indices": n for n in (2, 3)},
    **{f"aten.adaptive_avg_pool{n}d": n for n in (1, 2, 3)},
    **{f"aten._adaptive_avg_pool{n}d": n for n in (2, 3)},
    **{f"aten.adaptive_max_pool{n}d": n for n in (1, 2, 3)},
    **{f"aten.lp_pool{n}d": n for n in (1, 2)},
    **{f"aten.upsample_{kind}": 2 for kind in ("nearest2d", "bilinear2d", "bicubic2d", "_nearest_exact2d")},
    **{f"aten._upsample_{kind}": 2 for kind in ("nearest_exact2d", "bilinear2d_aa", "bicubic2d_aa")},
    "aten.upsample_nearest1d": 1, "aten.upsample_linear1d": 1, "aten.upsample_nearest3d": 3,
    "aten.upsample_trilinear3d": 3,
    **{f"aten.{kind}_pad{n}d": n for kind in ("reflection", "replication") for n in (1, 2, 3)},
}  # fmt: skip


@rule(*_POOLS)
def pool(op: Operation, value: Value, *_: Any, **__: Any) -> Any:
    """Pooling and interpolation mix along space."""
    space = _POOLS[op.name]
    lead = len(value.dims) - space
    kind = "positive" if "max" in op.name or "lp_" in op.name else "equal"
    out = op.resized(value, range(lead, len(value.dims)), op.shape, kind)
    return (out, op.result(1).pointwise("order", out)) if op.several else out


@rule("aten.fractional_max_pool2d", "aten.fractional_max_pool3d")
def fractional_pool(op: Operation, value: Value, _kernel: Any, _size: Any, samples: Value) -> tuple[Value, Value]:
    """Pooling over windows that random numbers choose, of each channel."""
    lead = len(value.dims) - (2 if op.name.endswith("2d") else 3)
    for one, other in zip(value.dims[:lead][::-1], samples.dims[:-1][::-1], strict=False):
        unify(one, other)
    out = op.resized(value, range(lead, len(value.dims)), op.shape, "positive")
    out = op.mapped("equal", [out], out.dims, [[(0, axis)] for axis in range(len(out.dims))], also=[samples])
    return out, op.result(1).pointwise("order", out)


@rule("aten.max_unpool2d", "aten.max_unpool3d")
def unpool(op: Operation, value: Value, index: Value, *_: Any) -> Value:
    """Entries back to where pooling found them, channel by channel."""
    lead = len(value.dims) - (2 if op.name.endswith("2d") else 3)
    for axis, (one, other) in enumerate(zip(value.dims, index.dims, strict=True)):
        if axis < lead:
            unify(one, other)
        else:
            fix(one)
            fix(other)
    dims = [dim if axis < lead else leaf(op.shape[axis], fixed=True) for axis, dim in enumerate(value.dims)]
    return op.mapped("equal", [value], dims, [[(0, axis)] for axis in range(len(dims))], also=[index])


@rule("aten.grid_sampler", "aten.grid_sampler_2d", "aten.grid_sampler_3d")
def sample(op: Operation, value: Value, grid: Value, *_: Any) -> Value:
    """Values between pixels, at places that a grid of coordinates gives for each image."""
    unify(value.dims[0], grid.dims[0])
    for dim in (*value.dims[2:], *grid.dims[1:]):
        fix(dim)
    dims = [*value.dims[:2], *(leaf(size, fixed=True) for size in op.shape[2:])]
    where = [[(0, axis)] for axis in range(len(dims))]
    return op.mapped("equal", [value], dims, where, "lookup", also=[grid])


@rule("aten.im2col", "aten.unfold")
def unfold(op: Operation, value: Value, *args: Any) -> Value:
    """Patches: channels become (channels, kernel), space is fixed."""
    if op.name == "aten.unfold":
        return _unfold_axis(op, value, args[0])
    for dim in value.dims[-2:]:
        fix(dim)
    lead = ["n"] if len(value.dims) == 4 else []
    sizes = {"k": prod(args[0]), "l": op.shape[-1]}
    wide = op.einsum([value], [[*lead, "c", "h", "w"]], [*lead, "c", "k", "l"], sizes=sizes)
    return op.reshape(wide, op.shape)


def _unfold_axis(op: Operation, value: Value, dim: int) -> Value:
    axis = dim % len(value.dims)
    fix(value.dims[axis])
    labels = [("old", a) if a == axis else a for a in range(len(value.dims))]
    outs = [*range(len(value.dims)), "window"]
    return op.einsum([value], [labels], outs, sizes={axis: op.shape[axis], "window": op.shape[-1]})


@rule("aten.col2im")
def fold(op: Operation, value: Value, _size: Any, kernel: Sequence[int], *_: Any) -> Value:
    """Patches back to an image, overlaps added."""
    lead = list(value.shape[:-2])
    wide = op.reshape(value, [*lead, value.shape[-2] // prod(kernel), prod(kernel), value.shape[-1]])
    for dim in wide.dims[-2:]:
        fix(dim)
    count = len(wide.dims) - 2
    dims = [*wide.dims[:count], *(leaf(size, fixed=True) for size in op.shape[-2:])]
    return op.mapped("equal", [wide], dims, [*([(0, axis)] for axis in range(count)), [], []])
