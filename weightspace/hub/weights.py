"""Anybody's weights on the Hub: a repository with safetensors, brought into a folder of this machine."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from weightspace.hub.errors import hub_errors
from weightspace.hub.repository import PREFIXES, Repository

WHOLE = "model.safetensors"
INDEX = "model.safetensors.index.json"


def on_hub(text: str | Path) -> bool:
    """Whether a name is that of a repository of the Hub: ``hf://owner/name``, and ``@revision`` may follow."""
    return str(text).startswith(PREFIXES["model"])


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
    weights = _first(repository, INDEX) or _first(repository, WHOLE)
    if weights is None:
        raise FileNotFoundError(
            f"{text} must hold {WHOLE}, or {INDEX} and its shards, but has neither; other formats may run code when "
            "opened, so they aren't fetched."
        )
    if weights.name == INDEX:
        for name in _shards(weights, text):
            repository.download(name)
    _first(repository, "config.json")
    return weights.parent


def _first(repository: Repository, name: str) -> Path | None:
    """A file of a repository; None if it has none of that name."""
    from huggingface_hub import errors, hf_hub_download

    with hub_errors(repository.name, file=name, kind=repository.kind, options=repository.options):
        try:
            return Path(hf_hub_download(repository.name, name, repo_type=repository.kind, **repository.options))
        except errors.EntryNotFoundError as error:
            if isinstance(error, errors.LocalEntryNotFoundError):
                raise
            return None


def _shards(index: Path, text: str) -> list[str]:
    try:
        names = sorted(set(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values()))
    except (ValueError, KeyError, TypeError, AttributeError):
        names = [""]
    if not all(isinstance(name, str) and name == Path(name).name and name.endswith(".safetensors") for name in names):
        raise ValueError(f"{INDEX} of {text} must map tensors to .safetensors files beside it.")
    return names
