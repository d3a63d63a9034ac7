"""The weight spaces of a zoo, one an architecture."""

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from weightspace.inr.convention import Convention
from weightspace.nets import Architecture, example_inputs
from weightspace.reading import Unread, read_json
from weightspace.space import WeightSpace
from weightspace.zoo.manifest import SPACES


@functools.lru_cache(maxsize=1024)
def trace_architecture(architecture: Architecture) -> WeightSpace:
    """The weight space of an architecture, found by running a net on its example inputs."""
    net = architecture.build().eval()
    return WeightSpace.trace(net, *example_inputs(net))


def space_entry(architecture: Architecture, space: WeightSpace, convention: Convention | None = None) -> dict[str, Any]:
    """The JSON object of ``spaces.json`` for an architecture; ``convention`` says how its nets are rendered."""
    entry = {"architecture": [architecture.net, dict(sorted(architecture.settings.items()))], "space": space.to_dict()}
    return entry if convention is None else {**entry, "convention": convention.to_dict()}


@dataclass(frozen=True)
class StoredSpace:
    """What a zoo says of one architecture; each part is read when it is asked for.

    Args:
        entry: the JSON object that `space_entry` made.
    """

    entry: Unread

    @property
    def architecture(self) -> Architecture:
        """How its nets are built."""
        net, settings = self._fields()["architecture"].items(2)
        return Architecture.from_dict({"net": net.value, "settings": settings.value})

    @property
    def space(self) -> WeightSpace:
        """What each axis of its tensors means."""
        return WeightSpace.from_dict(self._fields()["space"].value)

    @property
    def convention(self) -> Convention | None:
        """How its nets are rendered; None where they are no implicit representations."""
        found = self._fields().get("convention")
        return None if found is None else Convention.from_dict(found.value)

    def _fields(self) -> dict[str, Unread]:
        return self.entry.fields("architecture", "space", optional=("convention",))


def read_spaces(folder: Path) -> Mapping[str, StoredSpace]:
    """The entries of ``spaces.json`` in a zoo's folder, by the name in column ``space``.

    Raises:
        ValueError: not a JSON object.
    """
    path = folder / SPACES
    return {name: StoredSpace(entry) for name, entry in read_json(path.read_bytes(), str(path)).entries().items()}
