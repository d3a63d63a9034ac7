"""The weight spaces of a zoo, one an architecture."""

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from weightspace.inr.convention import Convention
from weightspace.nets import NETS, Architecture, example_inputs
from weightspace.reading import Unread, read_json_file
from weightspace.space import WeightSpace
from weightspace.zoo.folder.manifest import SPACES


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

    @cached_property
    def architecture(self) -> Architecture:
        """How its nets are built."""
        net, settings = self._fields()["architecture"].items(2)
        return Architecture(net.text(), {name: value.plain() for name, value in settings.entries().items()})

    @cached_property
    def space(self) -> WeightSpace:
        """What each axis of its tensors means."""
        found = self._fields()["space"]
        parts = {name: part.value for name, part in found.entries().items()}
        try:
            return WeightSpace.from_dict(parts)
        except ValueError as error:
            raise ValueError(f"{found.place}: {error}") from error

    @property
    def convention(self) -> Convention | None:
        """How its nets are rendered; None where they are no implicit representations."""
        found = self._fields().get("convention")
        if found is None:
            return None
        convention = Convention.read(found)
        if convention.architecture.net != self.architecture.net:
            found.entries()["net"].fail(f"{self.architecture.net!r}, as the architecture says")
        return convention

    def read(self) -> None:
        """See that all parts are there and of their types; raises ValueErrors that name the place."""
        _ = self.architecture, self.convention, self._fields()["space"].entries()

    def check(self, weights: Mapping[str, Tensor], where: str) -> None:
        """See that one net's weights are those of the architecture, before anything of its size is made.

        Raises:
            ValueError: begins with ``where`` and names the tensors that differ.
        """
        wanted = tensor_kinds(self.architecture)[1]
        given = {name: (tuple(tensor.shape), tensor.dtype) for name, tensor in weights.items()}
        differing = [name for name in {**wanted, **given} if wanted.get(name) != given.get(name)]
        if differing:
            net = self.architecture.net
            raise ValueError(
                f"{where} has other weights than the {net} of its settings; check {', '.join(differing[:5])}"
            )

    def _fields(self) -> dict[str, Unread]:
        return self.entry.fields("architecture", "space", optional=("convention",))


def read_spaces(folder: Path) -> Mapping[str, StoredSpace]:
    """The entries of ``spaces.json`` in a zoo's folder, by the name in column ``space``.

    Architectures and conventions are read at once; the weight spaces themselves when they are asked for.

    Raises:
        OSError: there is no such file.
        ValueError: a field is missing, unknown or of another type; names the place.
    """
    found = {name: StoredSpace(entry) for name, entry in read_json_file(folder / SPACES).entries().items()}
    for stored in found.values():
        stored.read()
    return found


@functools.lru_cache(maxsize=64)
def tensor_kinds(architecture: Architecture) -> tuple[dict[str, tuple], dict[str, tuple]]:
    """Shapes and types of a net's parameters, and of its whole state dict, by name."""
    with torch.device("meta" if architecture.net in NETS else "cpu"):  # settings from outside may ask for any size
        module = architecture.build()
    kinds = [dict(module.named_parameters()), module.state_dict()]
    parameters, everything = [{name: (tuple(t.shape), t.dtype) for name, t in kind.items()} for kind in kinds]
    return parameters, everything
