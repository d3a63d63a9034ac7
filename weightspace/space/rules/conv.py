"""Convolutions: contractions over channels; kernel and spatial axes are fixed, groups are an axis of their own."""

from collections.abc import Sequence
from typing import Any

from weightspace.space.algebra.dims import fix
from weightspace.space.algebra.operation import Operation
from weightspace.space.algebra.value import Value
from weightspace.space.rules.linear import biased
from weightspace.space.rules.registry import rule


@rule("aten.conv1d", "aten.conv2d", "aten.conv3d")
def conv(
    op: Operation,
    value: Value,
    weight: Value,
    bias: Value | None = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> Value:
    """Convolution; kernel and spatial axes are fixed, groups are an axis of their own."""
    settings = {"stride": stride, "padding": padding, "dilation": dilation}
    return _convolve(op, value, weight, bias, groups, False, settings)


@rule("aten.conv_transpose1d", "aten.conv_transpose2d", "aten.conv_transpose3d")
def conv_transpose(
    op: Operation,
    value: Value,
    weight: Value,
    bias: Value | None = None,
    stride: Any = 1,
    padding: Any = 0,
    output_padding: Any = 0,
    groups: int = 1,
    dilation: Any = 1,
) -> Value:
    """Transposed convolution; the weight's first axis reads the input."""
    settings = {"stride": stride, "padding": padding, "dilation": dilation}
    return _convolve(op, value, weight, bias, groups, True, settings)


@rule("aten.convolution", "aten._convolution")
def convolution(
    op: Operation,
    value: Value,
    weight: Value,
    bias: Value | None,
    stride: Any,
    padding: Any,
    dilation: Any,
    transposed: bool,
    _output_padding: Any,
    groups: int,
    *_: Any,
) -> Value:
    """Either of the two, as decomposed code calls them."""
    settings = {"stride": stride, "padding": padding, "dilation": dilation}
    return _convolve(op, value, weight, bias, groups, transposed, settings)


def _convolve(
    op: Operation,
    value: Value,
    weight: Value,
    bias: Value | None,
    groups: int,
    transposed: bool,
    settings: dict[str, Any],
) -> Value:
    kernel = len(weight.dims) - 2
    batched = len(value.dims) == kernel + 2
    single = _single(weight.shape[2:], settings)
    space = value.dims[len(value.dims) - kernel :]
    for dim in [dim for dim, alone in zip(space, single, strict=True) if not alone] + list(weight.dims[2:]):
        fix(dim)
    lead = ["n"] if batched else []
    space_in, taps = [f"x{axis}" for axis in range(kernel)], [f"k{axis}" for axis in range(kernel)]
    space_out = [f"x{axis}" if alone else f"y{axis}" for axis, alone in enumerate(single)]
    sizes = dict(zip(space_out, op.shape[len(op.shape) - kernel :], strict=True))
    weight_labels = ["i", "o"] if transposed else ["o", "i"]
    channels_in, channels_out = ["i"], ["o"]
    if groups > 1:
        rows, columns = weight.shape[0] // groups, weight.shape[1]
        weight = op.reshape(weight, [groups, rows, columns, *weight.shape[2:]])
        inner = value.shape[-kernel - 1] // groups
        value = op.reshape(value, [*value.shape[: -kernel - 1], groups, inner, *value.shape[-kernel:]])
        weight_labels, channels_in, channels_out = ["g", *weight_labels], ["g", "i"], ["g", "o"]
    out = op.einsum(
        [value, weight],
        [[*lead, *channels_in, *space_in], [*weight_labels, *taps]],
        [*lead, *channels_out, *space_out],
        "attention",
        sizes,
    )
    if weight.origin and not weight.site:
        target = [axis for axis, label in enumerate(weight_labels) if label in channels_out]
        source = [axis for axis, label in enumerate(weight_labels) if label == "i"]
        settings = {**settings, "kernel": list(weight.shape[-kernel:]), "groups": groups, "transposed": transposed}
        out.site, out.origin = op.book.weight(weight, value, target, source, "conv", _plain(settings)), {}
    if groups > 1:
        channels = weight.shape[0] * weight.shape[1 if not transposed else 2]
        lead_sizes = list(out.shape[: len(lead)])
        out = op.reshape(out, [*lead_sizes, channels, *out.shape[len(out.dims) - kernel :]])
    return biased(op, out, bias, len(lead))


def _single(kernel: Sequence[int], settings: dict[str, Any]) -> list[bool]:
    """Along which spatial axes every place stands for itself: one tap, no stride, no padding."""
    stride, padding = (_each(settings[word], len(kernel)) for word in ("stride", "padding"))
    each = zip(kernel, stride, padding, strict=True)
    return [size == 1 and step == 1 and pad in (0, "same", "valid") for size, step, pad in each]


def _each(setting: Any, count: int) -> list[Any]:
    values = list(setting) if isinstance(setting, list | tuple) else [setting]
    return values * count if len(values) == 1 else values


def _plain(settings: dict[str, Any]) -> dict[str, Any]:
    return {key: list(value) if isinstance(value, list | tuple) else value for key, value in settings.items()}
