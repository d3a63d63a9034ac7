"""Which files are meant by a list of files, folders and patterns."""

from collections.abc import Iterable
from glob import glob, has_magic
from pathlib import Path

from weightspace.hub.weights import shard_names

SUFFIXES = (".safetensors", ".pt", ".pth", ".bin", ".ckpt", ".th")
"""Endings of files that `read_checkpoint` reads; files of another name are read by what is in them."""

INDEX = ".safetensors.index.json"
_OTHERS = ("optimizer", "scheduler", "rng_state", "training_args", "scaler")
"""What training programs save beside the weights under the same endings."""


def find_checkpoints(paths: Iterable[str | Path]) -> list[Path]:
    """The checkpoints meant by a list of files, folders and patterns such as ``"ckpts/*.pth"``.

    A folder means all checkpoints in it and below, in order of name. A checkpoint that is cut into shards is one entry,
    its ``*.safetensors.index.json``.

    Raises:
        FileNotFoundError: a path isn't there.
        ValueError: a folder or a pattern holds no checkpoint.
    """
    files: list[Path] = []
    for path in map(Path, paths):
        if path.is_dir():
            files += _inside(path)
        elif not path.exists() and has_magic(str(path)):
            found = sorted(file for name in glob(str(path), recursive=True) for file in _of(Path(name)))
            if not found:
                raise ValueError(f"The pattern {path} must match one checkpoint at least, but matches no file.")
            files += found
        elif not path.exists():
            raise FileNotFoundError(f"There is no checkpoint {path}.")
        else:
            files.append(path)
    return files


def _of(path: Path) -> list[Path]:
    return _inside(path) if path.is_dir() else [path]


def _inside(folder: Path) -> list[Path]:
    files = [path for path in folder.rglob("*") if path.is_file() and not _hidden(path.relative_to(folder))]
    indices = [path for path in files if path.name.endswith(INDEX)]
    shards = {index.parent / name for index in indices for name in shard_names(index)}
    whole = [
        path for path in files if path.suffix in SUFFIXES and path not in shards and not path.name.startswith(_OTHERS)
    ]
    if not whole and not indices:
        raise ValueError(f"The folder {folder} must hold checkpoints ({', '.join(SUFFIXES)}), but has none.")
    return sorted([*whole, *indices])


def _hidden(path: Path) -> bool:
    return any(part.startswith(".") for part in path.parts)
