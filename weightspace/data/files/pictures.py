"""Image files in folders by class."""

from pathlib import Path

import numpy as np
from PIL import Image

SKIPPED = ("Thumbs.db", "desktop.ini")
GREY, DEEP = ("1", "L", "LA"), ("I", "F")


def class_names(folder: Path) -> list[str]:
    """The classes of a folder: its folders, in the order of their names."""
    return sorted(path.name for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))


def read_images(folder: Path, names: list[str], side: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """The images of the classes in bytes, and their labels; all in colour if one is, and transparency is dropped.

    Args:
        side: scales each to so many pixels; 0 leaves them.

    Raises:
        ValueError: a file that is no image or has more than 8 bits a channel, a class without one, or different sizes.
    """
    images, labels = [], []
    for label, name in enumerate(names):
        files = [path for path in sorted((folder / name).iterdir()) if not _skipped(path.name)]
        if not files:
            raise ValueError(f"{folder / name} must hold images of the class {name!r}, but is empty")
        images += [_read(path, side) for path in files]
        labels += [label] * len(files)
    mode = "L" if all(image.mode in GREY for image in images) else "RGB"
    arrays = [np.asarray(image.convert(mode)) for image in images]
    shapes = {array.shape for array in arrays}
    if len(shapes) > 1:
        raise ValueError(
            f"all images under {folder} must have one shape, got {sorted(shapes)[:5]}; [data] side = 28 scales them"
        )
    return np.stack(arrays), np.array(labels, np.int64)


def _read(path: Path, side: int) -> Image.Image:
    try:
        with Image.open(path) as image:
            image.load()
    except OSError as error:  # cut short, or no image
        raise ValueError(f"{path} cannot be read as an image: {error}") from None
    if image.mode.startswith(DEEP):
        raise ValueError(f"{path} must have 8 bits a channel, got an image of mode {image.mode}; convert it")
    if side and image.size != (side, side):
        image = image.convert("L" if image.mode in GREY else "RGB").resize((side, side), Image.Resampling.BOX)
    return image


def _skipped(name: str) -> bool:
    return name.startswith(".") or name in SKIPPED
