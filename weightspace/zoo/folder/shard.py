"""One shard: the saved states of consecutive nets in one safetensors file."""

import hashlib
import stat
from collections.abc import Iterable
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from weightspace.machine.whole_file import whole_file

SEPARATOR = "/"


def state_checksum(weights: dict[str, Tensor]) -> str:
    """Hex digest of one net's tensors, by name, shape and bytes."""
    digest = hashlib.blake2b(digest_size=8)
    for name in sorted(weights):
        digest.update(f"{name}{tuple(weights[name].shape)}".encode())
        digest.update(weights[name].detach().contiguous().reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def stack_states(states: Iterable[tuple[str, dict[str, Tensor]]]) -> tuple[dict[str, Tensor], list[int]]:
    """Stacks states by weight space: tensors named ``space/tensor`` of shape ``[rows, ...]``, and each state's row."""
    groups: dict[str, list[dict[str, Tensor]]] = {}
    rows = []
    for space, weights in states:
        group = groups.setdefault(space, [])
        rows.append(len(group))
        group.append(weights)
    tensors = {
        f"{space}{SEPARATOR}{name}": torch.stack([weights[name] for weights in group])
        for space, group in groups.items()
        for name in group[0]
    }
    return tensors, rows


def write_tensors(path: Path, tensors: dict[str, Tensor]) -> None:
    """Writes a safetensors file that is either whole or absent.

    Raises:
        OSError: the file cannot be written; names it.
    """
    with whole_file(path) as temporary:
        try:
            save_file(tensors, temporary)
        except SafetensorError as error:
            raise OSError(f"{error}") from None


def check_regular(path: Path) -> None:
    """Refuses what only looks like a file: a pipe or a device would be read forever. A link to a file is one.

    Raises:
        OSError: nothing there, or no regular file.
    """
    if not stat.S_ISREG(path.stat().st_mode):
        raise OSError(f"{path} must be a file, got a folder, a pipe or a device")


def file_checksum(path: Path) -> str:
    """Hex SHA-256 of a file."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def open_shard(path: Path, space: str) -> dict[str, Tensor]:
    """The mapped tensors of one weight space in a shard, ``[rows, ...]``.

    Raises:
        ValueError: the file is missing, cut short or no safetensors file.
    """
    try:
        check_regular(path)
        with safe_open(path, framework="pt") as file:
            pairs = [(key, *key.partition(SEPARATOR)[::2]) for key in file.keys()]  # noqa: SIM118  (not a dict)
            return {name: file.get_tensor(key) for key, owner, name in pairs if owner == space}
    except (OSError, SafetensorError, MemoryError) as error:
        raise ValueError(f"{path} is damaged ({error}); fetch or build it again") from None
