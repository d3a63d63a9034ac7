"""Small convolutional nets drawn at random, and sets of them that nothing is trained on."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import torch

from weightspace.nets import Architecture

T = TypeVar("T")


@dataclass(frozen=True)
class Range:
    """What architectures are drawn from.

    Args:
        depths: how many convolutions.
        widths: the least and most channels of each; multiples of four with group norm and in nets with skips.
        activations: of all layers.
    """

    depths: tuple[int, ...] = (1, 2, 3)
    widths: tuple[int, int] = (4, 16)
    activations: tuple[str, ...] = ("relu", "tanh", "gelu")


SEEN = Range()
HELD_OUT: dict[str, tuple[Range, int]] = {
    "in range": (SEEN, 100),
    "twice as wide": (replace(SEEN, widths=(20, 32)), 50),
    "a layer deeper": (replace(SEEN, depths=(4,)), 50),
    "another activation": (replace(SEEN, activations=("silu", "leaky_relu")), 25),
}
"""Held-out sets by name: what they are drawn from and how many."""


def draw_architecture(source: torch.Generator, within: Range = SEEN) -> Architecture:
    """A CNN for 8x8 images of one channel and ten classes: kernels, strides, norm, skips and head are drawn too."""
    depth = _one_of(within.depths, source)
    norm, skips = _one_of(("none", "batch", "group"), source), bool(_one_of((0, 0, 1), source))
    step = 4 if skips or norm == "group" else 1
    low, high = within.widths
    widths = [_one_of(range(low, high + 1, step), source) for _ in range(depth)]
    strides = [_one_of((1, 2) if layer < 2 else (1,), source) for layer in range(depth)]
    if all(stride == 1 for stride in strides):
        strides[0] = 2
    if skips:  # a skip needs two layers of one width and one size
        widths, strides = [widths[0]] * depth, [2, *[1] * (depth - 1)]
    settings: dict[str, Any] = {
        "image_size": 8, "channels": widths, "kernel": [_one_of((3, 5), source) for _ in range(depth)],
        "stride": strides, "norm": norm, "residual": skips, "head": _one_of(("mean", "flatten"), source),
        "activation": _one_of(within.activations, source),
    }  # fmt: skip
    return Architecture("cnn", settings)


def held_out_sets(seed: int = 0) -> dict[str, tuple[Architecture, ...]]:
    """The architectures of `HELD_OUT`, all different; fixed by the seed alone, so before anything is trained."""
    found: dict[str, tuple[Architecture, ...]] = {}
    for number, (name, (within, count)) in enumerate(HELD_OUT.items()):
        source = torch.Generator().manual_seed(1000 * seed + number)
        found[name] = draw_different(count, source, within, ())
    return found


def draw_different(
    count: int, source: torch.Generator, within: Range, apart_from: Sequence[Architecture]
) -> tuple[Architecture, ...]:
    """Different architectures, none of them among ``apart_from``."""
    taken, found = {each.id for each in apart_from}, []
    while len(found) < count:
        drawn = draw_architecture(source, within)
        if drawn.id not in taken:
            taken.add(drawn.id)
            found.append(drawn)
    return tuple(found)


def _one_of(values: Sequence[T], source: torch.Generator) -> T:
    return values[int(torch.randint(len(values), (1,), generator=source))]
