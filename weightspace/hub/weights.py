"""Anybody's weights on the Hub: a repository with safetensors, brought into a folder of this machine."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from weightspace.hub.repository import PREFIXES, Repository

WHOLE = "model.safetensors"
INDEX = "model.safetensors.index.json"


def on_hub(text: str | Path) -> bool:
    """Whether a name is that of a model of the Hub: ``hf://owner/name``, and ``@revision`` may follow."""
    return str(text).startswith(PREFIXES["model"]) and not str(text).startswith(PREFIXES["dataset"])


def fetch_weights(text: str, options: Mapping[str, Any] | None = None) -> Path:
    """The folder in the cache that holds a repository's configuration, where it has one, and weights.

    Only ``config.json`` and safetensors are fetched, the shards that their index names included.

    Args:
        text: ``hf://owner/name``, ``@revision`` may follow.
        options: ``revision``, ``token``, ``cache_dir``, ``force_download``, ``local_files_only``.

    Raises:
        ValueError: no such name; an index that names files outside its folder.
        FileNotFoundError: no safetensors.
        FileNotFoundError, PermissionError, ConnectionError: as `Repository.download` says.
    """
    repository = Repository.parse(text, "model", options)
    weights = repository.find(INDEX) or repository.find(WHOLE)
    if weights is None:
        raise FileNotFoundError(
            f"{text} must hold {WHOLE}, or {INDEX} and its shards, but has neither; other formats may run code when "
            "opened, so they aren't fetched."
        )
    if weights.name == INDEX:
        for name in _shards(weights, text):
            repository.download(name)
    repository.find("config.json")
    return weights.parent


def shard_names(index: Path) -> set[str]:
    """The files that the index of a checkpoint in shards names; none where it isn't such an index."""
    try:
        return set(map(str, json.loads(index.read_text(encoding="utf-8"))["weight_map"].values()))
    except (ValueError, KeyError, AttributeError, TypeError):
        return set()  # reading it says what is wrong


def _shards(index: Path, text: str) -> list[str]:
    names = sorted(shard_names(index))
    if not names or not all(name == Path(name).name and name.endswith(".safetensors") for name in names):
        raise ValueError(f"{INDEX} of {text} must map tensors to .safetensors files beside it.")
    return names
