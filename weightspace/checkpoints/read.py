"""Reads the checkpoints that people have as a plain dict of tensors; nothing that a file holds is ever run."""

import json
import pickle
import warnings
import zipfile
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from weightspace.checkpoints.find import INDEX
from weightspace.checkpoints.unwrap import clean_weights

_DAMAGED = (RuntimeError, EOFError, ValueError, LookupError, TypeError, AttributeError, AssertionError)
"""What torch raises on files that are damaged."""


def read_checkpoint(path: str | Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """The weights in a file by name, and the metadata that were saved with them (safetensors have some).

    Reads ``.safetensors``, whole or in shards, and what `torch.save` wrote (``.pt``, ``.pth``, ``.bin``), with
    ``weights_only=True``: tensors and plain values, no code. Weights that are nested under ``state_dict``, ``model`` or
    the like are found, the prefixes of `DataParallel` and `torch.compile` are removed, and floating types below 32 bits
    become float32. See `clean_weights`.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file isn't whole, holds code or objects besides tensors, or no weights.
    """
    path = Path(path)
    if path.is_dir():
        raise ValueError(f"A checkpoint must be a file, but {path} is a folder.")
    if not path.is_file():
        raise FileNotFoundError(f"There is no checkpoint {path}.")
    if path.name.endswith(INDEX):
        found, metadata = _shards(path), {}
    elif path.suffix == ".safetensors" and not _pickled(path):
        found, metadata = _safetensors(path)
    elif _pickled(path):
        found, metadata = _torch(path), {}
    else:
        raise ValueError(
            f"A checkpoint must be a .safetensors file or one that torch.save wrote, but {path} is neither."
        )
    return clean_weights(found, path), metadata


def _safetensors(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    try:
        with safe_open(path, framework="pt") as file:
            return {name: file.get_tensor(name) for name in file.keys()}, dict(file.metadata() or {})  # noqa: SIM118
    except SafetensorError as error:
        raise ValueError(f"{path} isn't a whole safetensors file ({error}); copy it again.") from error
    except MemoryError as error:
        raise ValueError(f"{path} must fit into memory to be read, but {error}.") from None


def _shards(index: Path) -> dict[str, Tensor]:
    """The tensors of all shards; names of files stay within the folder of the index."""
    try:
        names = sorted(set(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values()))
        inside = all(name == Path(name).name for name in names)
    except (ValueError, KeyError, AttributeError, TypeError):
        raise ValueError(f"{index} must be a JSON object whose 'weight_map' names files; copy it again.") from None
    if not inside:
        raise ValueError(f"{index} must name files beside it, got {', '.join(names)}.")
    missing = [name for name in names if not (index.parent / name).is_file()]
    if missing:
        raise ValueError(f"{index} names shards that aren't there: {', '.join(missing)}. Copy them beside it.")
    return {key: tensor for name in names for key, tensor in _safetensors(index.parent / name)[0].items()}


def _torch(path: Path) -> object:
    try:
        # torch reads a path called .safetensors in another way, and warns of pickles that it then reads or refuses
        with path.open("rb") as file, warnings.catch_warnings(action="ignore", category=UserWarning):
            return torch.load(file, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError:
        raise ValueError(
            f"{path} holds objects besides tensors (a whole module, perhaps), and reading those could run anything. "
            "Save the weights alone, where you trust it: torch.save(model.state_dict(), 'net.pt')."
        ) from None
    except _DAMAGED as error:
        first = (str(error).splitlines() or [type(error).__name__])[0]
        raise ValueError(f"{path} isn't a whole file of torch.save ({first}); copy it again.") from error


def _pickled(path: Path) -> bool:
    with path.open("rb") as file:
        start = file.read(2)
    return _zipped(path) or (start[:1] == b"\x80" and start[1:2] in (b"\x02", b"\x03", b"\x04", b"\x05"))


def _zipped(path: Path) -> bool:
    try:
        return zipfile.is_zipfile(path)
    except zipfile.BadZipFile:  # it looks like one, cut in parts
        return True
