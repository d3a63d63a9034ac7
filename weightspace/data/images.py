"""Image collections: MNIST, Fashion-MNIST, CIFAR-10, SVHN, and folders of images."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from weightspace.data.dataset import Dataset
from weightspace.data.files.hub import fetch_images
from weightspace.data.files.local import Arrays, read_folder
from weightspace.data.sizes import LARGEST_SEED, check_parts, check_size
from weightspace.machine.data_root import data_root

LUMA = (0.299, 0.587, 0.114)


def load_images(
    name: str, val: int = 0, seed: int = 0, grey: bool = False, side: int = 0, standardize: bool = True, test: int = 0
) -> Dataset:
    """Loads an image collection from the folder in ``WEIGHTSPACE_DATA`` if it has it, else from the Hub.

    Args:
        name: key in ``SOURCES``, or of a folder there.
        val: training examples that are kept to choose on; 0 for 5,000, or a tenth of a smaller set.
        seed: of the shuffle before they are.
        grey: turns colours to grey (ITU-R 601 luma).
        side: scales images to so many pixels, by area; 0 leaves them.
        standardize: brings each channel to mean 0 and deviation 1 over the training images; else pixels lie in [0, 1].
        test: images to test on, of a folder that doesn't say which; 0 for a fifth.

    Shapes:
        inputs ``[n, channels, side, side]``.

    Raises:
        ValueError: sizes that leave nothing to train on; ``test`` of a collection that has its own.
    """
    check_size("seed", seed, 0, LARGEST_SEED)
    check_size("side", side, 0, 1024)
    (x, y), held_out = read_collection(name, side)
    order = np.random.Generator(np.random.Philox(seed)).permutation(len(x))
    if held_out is None:
        test = test or max(1, len(x) // 5)
        check_size("test", test, 1, len(x) - 2)
        held_out, order = (x[order[:test]], y[order[:test]]), order[test:]
    elif test:
        raise ValueError(f"{name} has images to test on already, so it takes no test, got {test}")
    val = val or max(1, min(5000, len(order) // 10))
    check_parts(len(order), val)
    kept = {"val": order[:val], "train": order[val:]}
    parts = {part: (_pixels(x[rows], grey, side), _labels(y[rows])) for part, rows in kept.items()}
    parts["test"] = _pixels(held_out[0], grey, side), _labels(held_out[1])
    if standardize:
        mean = parts["train"][0].mean((0, 2, 3), keepdim=True)
        std = parts["train"][0].std((0, 2, 3), keepdim=True).clamp_min(1e-6)  # a channel may be constant
        parts = {part: (pixels.sub_(mean).div_(std), labels) for part, (pixels, labels) in parts.items()}
    tensors = {f"{axis}_{part}": pair[k] for part, pair in parts.items() for k, axis in enumerate("xy")}
    return Dataset(name, max(int(labels.max()) for labels in (y, held_out[1])) + 1, **tensors)


def read_collection(name: str, side: int = 0) -> tuple[Arrays, Arrays | None]:
    """Training and test images in bytes, from the local folder or the Hub."""
    root = data_root()
    if root and (Path(root) / name).is_dir():
        return read_folder(Path(root) / name, name, side)
    return fetch_images(name)


def own_folder(name: str) -> tuple[Any, ...] | None:
    """What tells whether a folder of images has changed; None where ``WEIGHTSPACE_DATA`` has none of that name."""
    root = data_root()
    if not root or name in ("", ".", "..") or Path(name).name != name or not (Path(root) / name).is_dir():
        return None
    files = [path.stat() for path in (Path(root) / name).rglob("*")]
    return len(files), sum(found.st_size for found in files), max((found.st_mtime_ns for found in files), default=0)


def _pixels(images: np.ndarray, grey: bool, side: int) -> Tensor:
    pixels = torch.from_numpy(np.ascontiguousarray(images)).float().div_(255)
    pixels = pixels.unsqueeze(1) if pixels.dim() == 3 else pixels.permute(0, 3, 1, 2).contiguous()
    if grey and pixels.shape[1] == 3:
        pixels = torch.einsum("nchw,c->nhw", pixels, torch.tensor(LUMA)).unsqueeze(1)
    if side and pixels.shape[2:] != (side, side):
        pixels = functional.interpolate(pixels, size=(side, side), mode="area")
    return pixels


def _labels(labels: np.ndarray) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(labels)).long()
