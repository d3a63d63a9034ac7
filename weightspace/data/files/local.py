"""Image collections from a local folder."""

import zlib
from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from weightspace.data.files.checksums import check_examples, check_file
from weightspace.data.files.idx import read_idx
from weightspace.data.files.pictures import class_names, read_images

Arrays = tuple[np.ndarray, np.ndarray]
IDX = {"train": ("train-images*idx3-ubyte*", "train-labels*idx1-ubyte*"), "test": ("t10k-images*", "t10k-labels*")}


def read_folder(folder: Path, collection: str = "", side: int = 0) -> tuple[Arrays, Arrays | None]:
    """Training and test images in bytes with labels; None in place of the latter where the folder doesn't part them.

    A folder holds IDX files as MNIST has them (``.gz`` or not); or one ``.npz`` with ``x_train``, ``y_train``,
    ``x_test`` and ``y_test``, or with ``x`` and ``y``; or images by class, ``train/CLASS/*.png`` and
    ``test/CLASS/*.png``, or ``CLASS/*.png``. Classes are numbered in the order of their names.

    Checked: lengths and checksums that the formats carry (gzip and zip have CRCs, IDX says its length, images must
    decode), that images and labels agree in number, and the published MD5 of MNIST's and Fashion-MNIST's IDX files.
    If the folder has a ``SHA256SUMS`` (as ``sha256sum`` writes it), its files must have those.

    Args:
        collection: whose published files these are.
        side: scales image files to so many pixels, which may differ in size then; 0 leaves them.

    Raises:
        FileNotFoundError: none of these.
        ValueError: a damaged file, or arrays of the wrong type.
    """
    check_sums(folder)
    if list(folder.glob("*idx3-ubyte*")):
        train, test = [[read_idx(_one(folder, pattern), collection) for pattern in IDX[part]] for part in IDX]
        return _checked(folder, (train[0], train[1]), (test[0], test[1]))
    archives = sorted(folder.glob("*.npz"))
    if len(archives) > 1:
        raise ValueError(f"{folder} must hold one .npz, but holds {', '.join(path.name for path in archives[:5])}")
    if archives:
        return _checked(archives[0], *_read_npz(archives[0]))
    if (folder / "train").is_dir() != (folder / "test").is_dir():
        raise FileNotFoundError(f"{folder} must have both folders train and test, or folders of images by class alone")
    names = class_names(folder / "train" if (folder / "train").is_dir() else folder)
    if not names:
        raise FileNotFoundError(
            f"{folder} holds neither IDX files, nor an .npz, nor images in folders by class (CLASS/*.png, or "
            "train/CLASS/*.png and test/CLASS/*.png)"
        )
    if not (folder / "train").is_dir():
        return _checked(folder, read_images(folder, names, side), None)
    if class_names(folder / "test") != names:
        raise ValueError(
            f"{folder}: train and test must have the same classes, got {', '.join(names)} and "
            f"{', '.join(class_names(folder / 'test')) or 'none'}"
        )
    return _checked(folder, *(read_images(folder / part, names, side) for part in ("train", "test")))


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


def _checked(where: Path, train: Arrays, test: Arrays | None) -> tuple[Arrays, Arrays | None]:
    check_examples(f"{where} (train)" if test else str(where), *train)
    if test is not None:
        check_examples(f"{where} (test)", *test)
    return train, test


def _one(folder: Path, pattern: str) -> Path:
    found = sorted(folder.glob(pattern))
    if len(found) != 1:
        raise FileNotFoundError(f"{folder} must hold one file {pattern}, but holds {len(found)}")
    return found[0]


def _read_npz(path: Path) -> tuple[Arrays, Arrays | None]:
    try:
        with np.load(path, allow_pickle=False) as held:
            if {"x", "y"} <= set(held.files):
                return (held["x"], held["y"]), None
            missing = {"x_train", "y_train", "x_test", "y_test"} - set(held.files)
            if missing:
                raise ValueError(f"it lacks {', '.join(sorted(missing))} (or x and y)")
            return (held["x_train"], held["y_train"]), (held["x_test"], held["y_test"])
    except (ValueError, EOFError, BadZipFile, zlib.error) as error:
        raise ValueError(f"{path} cannot be used: {error}") from None
