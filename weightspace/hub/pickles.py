"""Files that may run code when they are opened: never opened, never published, named."""

from collections.abc import Iterable
from pathlib import PurePosixPath

SUFFIXES = {".pkl", ".pickle", ".pt", ".pth", ".bin", ".ckpt", ".joblib", ".dill"}


def pickles(names: Iterable[str]) -> list[str]:
    """Which files of a repository are pickles, by their names."""
    return [name for name in names if PurePosixPath(name).suffix.lower() in SUFFIXES]


def refuse_pickles(names: Iterable[str], where: str) -> None:
    """See that there is no pickle among the files.

    Raises:
        ValueError: there is one; says how to replace it.
    """
    found = pickles(names)
    if found:
        raise ValueError(
            f"{where} holds {', '.join(found[:3])}: such a file may run code when it is opened, so it is neither "
            "loaded nor published. Store the tensors with safetensors.torch.save_file, and delete it."
        )
