"""Convolutions of a stack of nets: two ways, and which is taken where.

On a CPU the grouped one is taken: it was three times faster than the unfolded one (see ``stacked_cnn``). On a GPU both
are timed at their first use, forward and backward, and the choice is kept in the cache, because the two differ in the
order of their sums: a zoo that is built again on that machine takes the same way.
"""

import functools
import json
import os
import time
from collections.abc import Callable

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from weightspace.machine.cache import cache_folder

ROUNDS = 5
Way = Callable[[nn.Conv2d, Tensor, Tensor | None, Tensor, bool], Tensor]


def convolve_grouped(
    conv: nn.Conv2d,
    weight: Float[Tensor, "nets out in h w"],
    bias: Float[Tensor, "nets out"] | None,
    x: Float[Tensor, "batch channels height width"],
    shared: bool,
) -> Float[Tensor, "batch nets_out height2 width2"]:
    """One grouped convolution, a group a net; of images that all nets share, one convolution with all channels."""
    flat = None if bias is None else bias.flatten()
    groups = 1 if shared else len(weight)
    result = functional.conv2d(x, weight.flatten(0, 1), flat, conv.stride, conv.padding, conv.dilation, groups)
    return result.contiguous(memory_format=torch.channels_last)  # images of one channel come out channels-first


def convolve_unfolded(
    conv: nn.Conv2d,
    weight: Float[Tensor, "nets out in h w"],
    bias: Float[Tensor, "nets out"] | None,
    x: Float[Tensor, "batch channels height width"],
    shared: bool,
) -> Float[Tensor, "batch nets_out height2 width2"]:
    """Patches as columns, then one batched matrix product."""
    nets = len(weight)
    assert not isinstance(conv.padding, str)
    pairs = zip(x.shape[2:], conv.kernel_size, conv.padding, conv.dilation, conv.stride, strict=True)
    height, width = ((size + 2 * pad - gap * (side - 1) - 1) // step + 1 for size, side, pad, gap, step in pairs)
    columns = functional.unfold(x, conv.kernel_size, conv.dilation, conv.padding, conv.stride)
    groups = 1 if shared else nets
    columns = rearrange(columns, "batch (net patch) pixel -> net patch (batch pixel)", net=groups)
    rows = rearrange(weight, "net out channel h w -> net out (channel h w)")
    result = torch.matmul(rows, columns) if bias is None else torch.matmul(rows, columns) + bias.unsqueeze(2)
    pattern = "net out (batch row column) -> batch (net out) row column"
    return rearrange(result, pattern, batch=len(x), row=height, column=width)


WAYS: dict[str, Way] = {"grouped": convolve_grouped, "unfolded": convolve_unfolded}


def convolve_stack(conv: nn.Conv2d, weight: Tensor, bias: Tensor | None, x: Tensor, shared: bool) -> Tensor:
    """Each net's convolution on its own channels of ``x``, or on images that all nets share.

    Shapes:
        weight ``[nets, out, in, h, w]``, x ``[batch, nets * in, height, width]`` (``[batch, in, ...]`` if shared),
        result ``[batch, nets * out, ...]``.
    """
    if x.device.type == "cpu":
        return convolve_grouped(conv, weight, bias, x, shared)
    nets = 1 << (len(weight) - 1).bit_length()  # stacks shrink while they train: one choice up to each power of two
    settings = (conv.stride, conv.padding, conv.dilation, shared)
    return WAYS[chosen_way(str(x.device), nets, tuple(weight.shape[1:]), tuple(x.shape), settings)](
        conv, weight, bias, x, shared
    )


@functools.lru_cache(maxsize=256)
def chosen_way(device: str, nets: int, kernel: tuple[int, ...], images: tuple[int, ...], settings: tuple) -> str:
    """The faster way for these shapes on this device: from the cache, or measured now and put there."""
    stride, padding, dilation, shared = settings
    name = torch.cuda.get_device_name(device) if device.startswith("cuda") else device
    shape = (images[0], kernel[1] if shared else nets * kernel[1], *images[2:])
    key = json.dumps([name, torch.__version__, nets, kernel, shape, settings])
    known = _read()
    if key not in known:
        conv = nn.Conv2d(kernel[1], kernel[0], (kernel[2], kernel[3]), stride, padding, dilation)
        spent = {way: measure_way(way, conv, nets, shape, shared, device) for way in WAYS}
        known = _read() | {key: min(spent, key=lambda way: spent[way])}
        _write(known)
    return known[key]


def measure_way(way: str, conv: nn.Conv2d, nets: int, shape: tuple[int, ...], shared: bool, device: str) -> float:
    """Seconds of a forward and backward pass, the best of a few."""
    weight = torch.randn(nets, *conv.weight.shape, device=device, requires_grad=True)
    bias = torch.zeros(nets, conv.out_channels, device=device, requires_grad=True)
    x = torch.randn(shape, device=device).to(memory_format=torch.channels_last).requires_grad_(not shared)
    best = float("inf")
    for _ in range(ROUNDS):
        _wait(device)
        began = time.perf_counter()
        with torch.enable_grad():
            WAYS[way](conv, weight, bias, x, shared).sum().backward()
        _wait(device)
        best = min(best, time.perf_counter() - began)
    return best


def _wait(device: str) -> None:
    if device.startswith("cuda"):
        torch.cuda.synchronize(device)


def _read() -> dict[str, str]:
    path = cache_folder() / "convolutions.json"
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):  # none yet, or damaged: measured again
        return {}
    return {key: way for key, way in found.items() if way in WAYS} if isinstance(found, dict) else {}


def _write(known: dict[str, str]) -> None:
    path = cache_folder() / "convolutions.json"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_suffix(f".{os.getpid()}.tmp")
        temporary.write_text(json.dumps(known, indent=1), encoding="utf-8")
        os.replace(temporary, path)
    except OSError:
        return  # a cache that cannot be written costs the time of measuring
