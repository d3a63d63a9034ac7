"""Whether files are what they were published as."""

import hashlib
import re
from pathlib import Path

import numpy as np

from weightspace.machine.whole_file import whole_file

# MD5 of the four files of MNIST and Fashion-MNIST after decompression, as published
IDX_MD5 = {
    "mnist": {
        "train-images": "6bbc9ace898e44ae57da46a324031adb",
        "train-labels": "a25bea736e30d166cdddb491f175f624",
        "t10k-images": "2646ac647ad5339dbf082846283269ea",
        "t10k-labels": "27ae3e4e09519cfbb04c329615203637",
    },
    "fashion-mnist": {
        "train-images": "f4a8712d7a061bf5bd6d2ca38dc4d50a",
        "train-labels": "9018921c3c673c538a1fc5bad174d6f9",
        "t10k-images": "8181f5470baa50b63fa0f6fddb340f0a",
        "t10k-labels": "15d484375f8d13e6eb1aabb0c3f46965",
    },
}
IDX_SIZES = {"train-images": 47_040_016, "train-labels": 60_008, "t10k-images": 7_840_016, "t10k-labels": 10_008}


def check_idx(path: Path, content: bytes, collection: str) -> None:
    """Refuses an IDX file (decompressed) that has the size of the published one and another content.

    Files of another size are somebody's own selection, and are taken as they are.

    Raises:
        ValueError: names both checksums.
    """
    part = next((part for part in IDX_SIZES if path.name.startswith(part)), None)
    known = IDX_MD5.get(collection, {}).get(part or "")
    if part is None or known is None or len(content) != IDX_SIZES[part]:
        return
    came = hashlib.md5(content, usedforsecurity=False).hexdigest()
    if came != known:
        raise ValueError(f"{path} must have MD5 {known} after decompression, got {came}; fetch it again")


def check_file(path: Path, checksum: str) -> None:
    """Refuses a file whose SHA-256 is not the given one; an empty one is not checked.

    Raises:
        ValueError: names both checksums.
    """
    if not checksum:
        return
    with open(path, "rb") as file:
        came = hashlib.file_digest(file, "sha256").hexdigest()
    if came != checksum:
        raise ValueError(f"{path} must have SHA-256 {checksum}, got {came}; delete it and fetch it again")


def hold_file(path: Path, record: Path) -> None:
    """Records a file's SHA-256 when it is first downloaded, and refuses any other from then on.

    For files whose checksum nobody has published: whoever downloads first trusts what comes over the Hub's connection
    at a pinned commit, and has the same bytes ever after.

    Args:
        path: what was downloaded. record: a text file of this user's cache, one SHA-256.

    Raises:
        ValueError: names both checksums, and the record to delete if the new file is the right one.
    """
    with open(path, "rb") as file:
        came = hashlib.file_digest(file, "sha256").hexdigest()
    if not record.exists():
        with whole_file(record) as temporary:
            temporary.write_text(f"{came}\n", encoding="utf-8")
    held = record.read_text(encoding="utf-8").strip()
    if came != held:
        raise ValueError(
            f"{path} must have SHA-256 {held}, as when it was first downloaded, got {came}; delete it and fetch it "
            f"again. If the new one is right, delete {record}"
        )


def hub_checksum(path: Path) -> str:
    """The SHA-256 that the Hub announced for a file in its cache, where files are named by it; empty if unknown."""
    name = path.resolve().name
    return name if re.fullmatch("[0-9a-f]{64}", name) else ""


def check_examples(where: str, images: np.ndarray, labels: np.ndarray) -> None:
    """Refuses images and labels that cannot belong together.

    Raises:
        ValueError: says what does not fit.
    """
    if images.dtype != np.uint8:
        raise ValueError(
            f"{where}: images must be bytes, but are {images.dtype}; tables and other inputs go through a function "
            "that is marked with @data_factory"
        )
    if images.ndim not in (3, 4) or (images.ndim == 4 and images.shape[3] not in (1, 3)):
        raise ValueError(f"{where}: images must be [n, height, width] or with 1 or 3 channels last, got {images.shape}")
    if labels.ndim != 1 or not np.issubdtype(labels.dtype, np.integer):
        raise ValueError(f"{where}: labels must be one whole number an image, but are {labels.dtype} {labels.shape}")
    if len(images) != len(labels) or not len(images):
        raise ValueError(f"{where}: there must be as many labels as images, got {len(images)} and {len(labels)}")
    if labels.min() < 0:
        raise ValueError(f"{where}: labels must not be negative, got {labels.min()}")
