"""Handwritten digits of 8x8 pixels, shipped with scikit-learn."""

from typing import Any

import torch

from weightspace.data.dataset import Dataset, split_dataset
from weightspace.data.sizes import LARGEST_SEED, check_parts, check_size

MEAN, STD = 0.3053, 0.3764


def load_digits(val: int = 297, test: int = 500, seed: int = 0, standardize: bool = True) -> Dataset:
    """The 1,797 digits of ``sklearn.datasets.load_digits``: real data that needs no network.

    Alpaydin and Kaynak 1998, "Optical recognition of handwritten digits". Pixels are scaled to [0, 1].

    Args:
        val: examples to choose on.
        test: examples held out.
        seed: of the shuffle before the cut.
        standardize: brings pixels to mean 0 and standard deviation 1.

    Shapes:
        inputs ``[n, 1, 8, 8]``; with the defaults 1,000 to train on.
    """
    from sklearn import datasets  # two seconds to import

    raw: Any = datasets.load_digits()
    pixels = torch.from_numpy(raw.images).float().unsqueeze(1) / 16
    pixels = (pixels - MEAN) / STD if standardize else pixels
    check_size("test", test, 1, len(pixels))
    check_parts(len(pixels), val, test)
    check_size("seed", seed, 0, LARGEST_SEED)
    return split_dataset("digits", pixels, torch.from_numpy(raw.target), val, test, seed)
