"""The 8x8 digits of scikit-learn in colours."""

import colorsys

import torch
from jaxtyping import Float
from torch import Tensor

from weightspace.data.dataset import PARTS, Dataset
from weightspace.data.digits import load_digits

DIM = 0.6
"""The brightest background; ink has the brightness 1."""


def load_coloured_digits(val: int = 297, test: int = 500, seed: int = 0, standardize: bool = True) -> Dataset:
    """The digits of `load_digits` tinted by a random hue on a background of another: colour data without a download.

    A grey value ``v`` in [0, 1] becomes ``v ink + (1 - v) background``; ink has full saturation and brightness, the
    background a random saturation, and a random brightness up to 0.6. The colours say nothing of the class.

    Args:
        val: examples to choose on.
        test: examples held out.
        seed: of the shuffle before the cut, and of the colours.
        standardize: brings each channel to mean 0 and standard deviation 1 over the training images.

    Shapes:
        inputs ``[n, 3, 8, 8]``; with the defaults 1,000 to train on.
    """
    grey = load_digits(val, test, seed, standardize=False)
    sizes = [len(grey.part(part)[1]) for part in PARTS]
    draws = torch.rand(sum(sizes), 4, generator=torch.Generator().manual_seed(seed)).split(sizes)
    inputs = {part: tint(grey.part(part)[0], some) for part, some in zip(PARTS, draws, strict=True)}
    if standardize:
        mean = inputs["train"].mean((0, 2, 3), keepdim=True)
        std = inputs["train"].std((0, 2, 3), keepdim=True)
        inputs = {part: (x - mean) / std for part, x in inputs.items()}
    tensors = {f"x_{part}": inputs[part] for part in PARTS} | {f"y_{part}": grey.part(part)[1] for part in PARTS}
    return Dataset("coloured-digits", grey.classes, **tensors)


def tint(images: Float[Tensor, "n 1 height width"], draws: Float[Tensor, "n 4"]) -> Float[Tensor, "n 3 height width"]:
    """Grey images in two colours each.

    Args:
        images: values in [0, 1].
        draws: numbers in [0, 1] for each: hue of the ink; hue, saturation and brightness of the background.
    """
    ink = [colorsys.hsv_to_rgb(hue, 1.0, 1.0) for hue, _, _, _ in draws.tolist()]
    ground = [colorsys.hsv_to_rgb(hue, much, DIM * light) for _, hue, much, light in draws.tolist()]
    inks, grounds = (torch.tensor(colours).reshape(-1, 3, 1, 1) for colours in (ink, ground))
    return images * inks + (1 - images) * grounds
