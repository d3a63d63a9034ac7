"""IDX files, the format of the original MNIST."""

import gzip
from pathlib import Path

import numpy as np


def read_idx(path: Path) -> np.ndarray:
    """Reads an IDX file of bytes, plain or gzipped.

    Raises:
        ValueError: not an IDX file of bytes, or shorter than it says.
    """
    raw = path.read_bytes()
    raw = gzip.decompress(raw) if path.suffix == ".gz" else raw
    if raw[:3] != b"\x00\x00\x08":
        raise ValueError(f"{path} is not an IDX file of bytes: it begins with {raw[:4].hex()}, not 000008")
    axes = raw[3]
    shape = np.frombuffer(raw, ">u4", axes, 4)
    if len(raw) != 4 + 4 * axes + int(shape.prod()):
        raise ValueError(f"{path} is cut short: shape {tuple(shape)} needs {int(shape.prod())} bytes")
    return np.frombuffer(raw, np.uint8, offset=4 + 4 * axes).reshape(tuple(shape)).copy()
