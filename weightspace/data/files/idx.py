"""IDX files, the format of the original MNIST."""

import gzip
import zlib
from pathlib import Path

import numpy as np

from weightspace.data.files.checksums import check_idx


def read_idx(path: Path, collection: str = "") -> np.ndarray:
    """Reads an IDX file of bytes, plain or gzipped.

    Checked: gzip's own checksum, the length that the header announces, and for a file of a known ``collection`` the
    published MD5.

    Raises:
        ValueError: not an IDX file of bytes, shorter than it says, or of another content than the published one.
    """
    try:
        raw = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise ValueError(f"{path} is damaged: {error}; fetch it again") from None
    check_idx(path, raw, collection)
    if raw[:3] != b"\x00\x00\x08":
        raise ValueError(f"{path} is not an IDX file of bytes: it begins with {raw[:4].hex()}, not 000008")
    axes = raw[3]
    shape = np.frombuffer(raw, ">u4", axes, 4)
    if len(raw) != 4 + 4 * axes + int(shape.prod()):
        raise ValueError(f"{path} is cut short: shape {tuple(shape)} needs {int(shape.prod())} bytes")
    return np.frombuffer(raw, np.uint8, offset=4 + 4 * axes).reshape(tuple(shape)).copy()
