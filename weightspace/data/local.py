"""Image collections from a local folder."""

import zlib
from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from weightspace.data.checksums import check_examples, check_file
from weightspace.data.idx import read_idx

Arrays = tuple[np.ndarray, np.ndarray]
IDX = {"train": ("train-images*idx3-ubyte*", "train-labels*idx1-ubyte*"), "test": ("t10k-images*", "t10k-labels*")}


def read_folder(folder: Path, collection: str = "") -> tuple[Arrays, Arrays]:
    """Training and test images in bytes with labels.

    A folder holds IDX files as MNIST has them (``.gz`` or not), or one ``.npz`` with ``x_train``, ``y_train``,
    ``x_test`` and ``y_test``, or image folders ``train/CLASS/*.png`` and ``test/CLASS/*.png``.

    Checked: lengths and checksums that the formats carry (gzip and zip have CRCs, IDX says its length, images must
    decode), that images and labels agree in number, and the published MD5 of MNIST's and Fashion-MNIST's IDX files.
    If the folder has a ``SHA256SUMS`` (as ``sha256sum`` writes it), its files must have those.

    Raises:
        FileNotFoundError: none of these.
        ValueError: a damaged file, or arrays of the wrong type.
    """
    check_sums(folder)
    if list(folder.glob("*idx3-ubyte*")):
        train, test = [[read_idx(_one(folder, pattern), collection) for pattern in IDX[part]] for part in IDX]
        return _checked(folder, (train[0], train[1]), (test[0], test[1]))
    archives = sorted(folder.glob("*.npz"))
    if archives:
        return _checked(archives[0], *_read_npz(archives[0]))
    if (folder / "train").is_dir() and (folder / "test").is_dir():
        names = sorted(path.name for path in (folder / "train").iterdir() if path.is_dir())
        return _checked(folder, _read_images(folder / "train", names), _read_images(folder / "test", names))
    raise FileNotFoundError(f"{folder} holds neither IDX files, nor an .npz, nor folders train and test with images")


def check_sums(folder: Path) -> None:
    """Compares files with a ``SHA256SUMS`` beside them, where there is one.

    Raises:
        ValueError: a file with another checksum, or one that is missing.
    """
    listed = folder / "SHA256SUMS"
    if not listed.is_file():
        return
    for line in listed.read_text(encoding="utf-8").splitlines():
        checksum, _, name = line.strip().partition(" ")
        path = folder / name.strip().removeprefix("*")
        if checksum and not path.is_file():
            raise ValueError(f"{listed} names {path.name}, which is missing")
        check_file(path, checksum)


def _checked(where: Path, train: Arrays, test: Arrays) -> tuple[Arrays, Arrays]:
    check_examples(f"{where} (train)", *train)
    check_examples(f"{where} (test)", *test)
    return train, test


def _one(folder: Path, pattern: str) -> Path:
    found = sorted(folder.glob(pattern))
    if len(found) != 1:
        raise FileNotFoundError(f"{folder} must hold one file {pattern}, but holds {len(found)}")
    return found[0]


def _read_npz(path: Path) -> tuple[Arrays, Arrays]:
    try:
        with np.load(path, allow_pickle=False) as held:
            missing = {"x_train", "y_train", "x_test", "y_test"} - set(held.files)
            if missing:
                raise ValueError(f"it lacks {', '.join(sorted(missing))}")
            return (held["x_train"], held["y_train"]), (held["x_test"], held["y_test"])
    except (ValueError, EOFError, BadZipFile, zlib.error) as error:
        raise ValueError(f"{path} cannot be used: {error}") from None


def _read_images(folder: Path, names: list[str]) -> Arrays:
    from PIL import Image

    images, labels = [], []
    for label, name in enumerate(names):
        for path in sorted((folder / name).glob("*")):
            try:
                images.append(np.asarray(Image.open(path)))
            except OSError as error:  # cut short, or no image
                raise ValueError(f"{path} cannot be read as an image: {error}") from None
            labels.append(label)
    shapes = {image.shape for image in images}
    if len(shapes) != 1 and images:
        raise ValueError(f"all images under {folder} must have one shape, got {sorted(shapes)}")
    return np.stack(images) if images else np.empty((0, 0, 0), np.uint8), np.array(labels, np.int64)
