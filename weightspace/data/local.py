"""Image collections from a local folder."""

from pathlib import Path

import numpy as np

from .idx import read_idx

Arrays = tuple[np.ndarray, np.ndarray]
IDX = {"train": ("train-images*idx3-ubyte*", "train-labels*idx1-ubyte*"), "test": ("t10k-images*", "t10k-labels*")}


def read_folder(folder: Path) -> tuple[Arrays, Arrays]:
    """Training and test images in bytes with labels.

    A folder holds IDX files as MNIST has them (``.gz`` or not), or one ``.npz`` with ``x_train``, ``y_train``,
    ``x_test`` and ``y_test``, or image folders ``train/CLASS/*.png`` and ``test/CLASS/*.png``.

    Raises:
        FileNotFoundError: none of these.
        ValueError: a damaged file, or arrays of the wrong type.
    """
    if list(folder.glob("*idx3-ubyte*")):
        return tuple(tuple(read_idx(_one(folder, pattern)) for pattern in IDX[part]) for part in ("train", "test"))
    archives = sorted(folder.glob("*.npz"))
    if archives:
        return _read_npz(archives[0])
    if (folder / "train").is_dir() and (folder / "test").is_dir():
        names = sorted(path.name for path in (folder / "train").iterdir() if path.is_dir())
        return _read_images(folder / "train", names), _read_images(folder / "test", names)
    raise FileNotFoundError(f"{folder} holds neither IDX files, nor an .npz, nor folders train and test with images")


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
            if held["x_train"].dtype != np.uint8:
                raise ValueError(f"x_train must be bytes, but is {held['x_train'].dtype}")
            return (held["x_train"], held["y_train"]), (held["x_test"], held["y_test"])
    except ValueError as error:
        raise ValueError(f"{path} cannot be used: {error}") from None


def _read_images(folder: Path, names: list[str]) -> Arrays:
    from PIL import Image

    images, labels = [], []
    for label, name in enumerate(names):
        for path in sorted((folder / name).glob("*")):
            images.append(np.asarray(Image.open(path)))
            labels.append(label)
    shapes = {image.shape for image in images}
    if len(shapes) != 1:
        raise ValueError(f"all images under {folder} must have one shape, but {sorted(shapes)} came")
    return np.stack(images), np.array(labels)
