"""Image collections: MNIST, Fashion-MNIST, CIFAR-10, SVHN."""

import os
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from weightspace.data.dataset import Dataset
from weightspace.data.hub import fetch_images
from weightspace.data.local import read_folder
from weightspace.data.sizes import LARGEST_SEED, check_parts, check_size

ROOT = "WEIGHTSPACE_DATA"
LUMA = (0.299, 0.587, 0.114)


def load_images(
    name: str, val: int = 0, seed: int = 0, grey: bool = False, side: int = 0, standardize: bool = True
) -> Dataset:
    """Loads an image collection from the folder in ``WEIGHTSPACE_DATA`` if it has it, else from the Hub.

    Args:
        name: key in ``SOURCES``.
        val: training examples that are kept to choose on; 0 for 5,000, or a tenth of a smaller set.
        seed: of the shuffle before they are.
        grey: turns colours to grey (ITU-R 601 luma).
        side: scales images to so many pixels, by area; 0 leaves them.
        standardize: brings each channel to mean 0 and deviation 1 over the training images; else pixels lie in [0, 1].

    Shapes:
        inputs ``[n, channels, side, side]``.
    """
    (x, y), (x_test, y_test) = read_collection(name)
    val = val or max(1, min(5000, len(x) // 10))
    check_parts(len(x), val)
    check_size("seed", seed, 0, LARGEST_SEED)
    check_size("side", side, 0, 1024)
    order = np.random.Generator(np.random.Philox(seed)).permutation(len(x))
    kept = {"val": order[:val], "train": order[val:]}
    parts = {part: (_pixels(x[rows], grey, side), _labels(y[rows])) for part, rows in kept.items()}
    parts["test"] = _pixels(x_test, grey, side), _labels(y_test)
    if standardize:
        mean = parts["train"][0].mean((0, 2, 3), keepdim=True)
        std = parts["train"][0].std((0, 2, 3), keepdim=True)
        parts = {part: (pixels.sub_(mean).div_(std), labels) for part, (pixels, labels) in parts.items()}
    tensors = {f"{axis}_{part}": pair[k] for part, pair in parts.items() for k, axis in enumerate("xy")}
    return Dataset(name, int(y.max()) + 1, **tensors)


def read_collection(name: str) -> tuple[tuple[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]:
    """Training and test images in bytes, from the local folder or the Hub."""
    root = os.environ.get(ROOT)
    if root and (Path(root) / name).is_dir():
        return read_folder(Path(root) / name, name)
    return fetch_images(name)


def _pixels(images: np.ndarray, grey: bool, side: int) -> Tensor:
    pixels = torch.from_numpy(np.ascontiguousarray(images)).float().div_(255)
    pixels = pixels.unsqueeze(1) if pixels.dim() == 3 else pixels.permute(0, 3, 1, 2).contiguous()
    if grey and pixels.shape[1] == 3:
        pixels = torch.einsum("nchw,c->nhw", pixels, torch.tensor(LUMA)).unsqueeze(1)
    if side and pixels.shape[-1] != side:
        pixels = functional.interpolate(pixels, size=(side, side), mode="area")
    return pixels


def _labels(labels: np.ndarray) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(labels)).long()
