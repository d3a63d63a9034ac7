"""Edits of images ``[N, C, H, W]`` whose values lie in [0, 1]; grey and colour alike, channel by channel."""

import math

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

Images = Float[Tensor, "images channels height width"]


def dilate(images: Images, size: int = 3) -> Images:
    """The largest value in a square window: bright strokes grow.

    With 3 and images in [0, 1] it is the target of the published benchmark of MNIST dilation (Zhou et al. 2023,
    "Permutation equivariant neural functionals"; Kofinas et al. 2024, "Graph neural networks for learning equivariant
    representations of neural networks").

    Args:
        size: pixels along a side of the window; an even one reaches further up and to the left.
    """
    before = size // 2
    after = size - 1 - before
    padded = functional.pad(images, (before, after, before, after), value=-math.inf)
    return functional.max_pool2d(padded, size, stride=1)


def erode(images: Images, size: int = 3) -> Images:
    """The smallest value in a square window: bright strokes shrink."""
    return -dilate(-images, size)


def gradient(images: Images, size: int = 3) -> Images:
    """The morphological gradient, dilation minus erosion: outlines."""
    return dilate(images, size) - erode(images, size)


def gamma(images: Images, gamma: float = 0.5) -> Images:
    """Values to the power of ``gamma``: below 1 brighter, above 1 darker."""
    return images.clamp(0, 1) ** gamma


def contrast(images: Images, factor: float = 1.5) -> Images:
    """Differences from each image's mean grow: ``x' = mean + factor * (x - mean)``, cut to [0, 1].

    Args:
        factor: below 1 flatter, above 1 stronger. The mean is over all pixels and channels of an image.
    """
    mean = images.mean((1, 2, 3), keepdim=True)
    return (mean + factor * (images - mean)).clamp(0, 1)


def blur(images: Images, sigma: float = 1.0) -> Images:
    r"""The Gaussian average $x' = G_\sigma * x$ of each channel; edges repeat.

    Args:
        sigma: deviation of the Gaussian in pixels; it is cut at three of them.
    """
    weights = gaussian(sigma).to(images)
    for axis in (2, 3):
        images = convolve(images, weights, axis)
    return images


def denoise(images: Images, size: int = 3) -> Images:
    """The median of a square window, channel by channel: single odd pixels vanish, edges stay; the border repeats.

    Args:
        size: pixels along a side of the window; an even one reaches further up and to the left.
    """
    before = size // 2
    padded = functional.pad(images, (before, size - 1 - before) * 2, mode="replicate")
    return padded.unfold(2, size, 1).unfold(3, size, 1).flatten(4).median(-1).values


def rotate(images: Images, degrees: float = 30.0) -> Images:
    """Turned counter-clockwise about the middle, values between pixels interpolated; zero comes in from outside."""
    angle = math.radians(degrees)
    height, width = images.shape[2:]
    y, x = (torch.arange(n, dtype=torch.float64) - (n - 1) / 2 for n in (height, width))
    y, x = torch.meshgrid(y, x, indexing="ij")
    from_x = math.cos(angle) * x - math.sin(angle) * y
    from_y = math.sin(angle) * x + math.cos(angle) * y
    places = torch.stack([from_x * 2 / max(1, width - 1), from_y * 2 / max(1, height - 1)], -1).to(images)
    return functional.grid_sample(images, places.expand(len(images), -1, -1, -1), align_corners=True)


def gaussian(sigma: float) -> Float[Tensor, " taps"]:
    """The weights of a Gaussian filter, as far as three deviations."""
    reach = max(1, math.floor(3 * sigma + 0.5))
    weights = torch.exp(-0.5 * (torch.arange(-reach, reach + 1, dtype=torch.float64) / sigma) ** 2)
    return weights / weights.sum()


def convolve(signals: Tensor, weights: Float[Tensor, " taps"], axis: int) -> Tensor:
    """A symmetric filter along one axis; edges repeat."""
    reach = len(weights) // 2
    size = signals.shape[axis]
    places = torch.arange(-reach, size + reach).clamp(0, size - 1)
    windows = signals.index_select(axis, places.to(signals.device)).unfold(axis, len(weights), 1)
    return windows @ weights
