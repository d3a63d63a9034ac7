"""What nets a metanet was trained on, and whether others are of the same kind."""

import json
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any

from weightspace.reading import read_json
from weightspace.space import WeightSpace
from weightspace.zoo import Zoo


def domain_of(zoo: Zoo) -> dict[str, Any]:
    """What the weights of a zoo don't show: its data, and for implicit representations how they are rendered.

    Returns:
        ``data`` (settings of the recipe's dataset) and ``convention`` (`weightspace.zoo.Convention` as a dict), each
        only where the zoo has one of it for all of its nets; ``architectures``, how each is built.
    """
    built = sorted({part.architecture for part in zoo.by_space().values()}, key=lambda each: each.text)
    found: dict[str, Any] = {"architectures": [architecture.to_dict() for architecture in built]}
    with suppress(ValueError):  # merged or imported: its nets have no recipe in common
        found["data"] = dict(zoo.recipe.data)
    conventions = []
    for part in zoo.by_space().values():
        with suppress(ValueError):  # no implicit representations
            conventions.append(part.convention.to_dict())
    if conventions and all(convention == conventions[0] for convention in conventions):
        found["convention"] = conventions[0]
    return json.loads(json.dumps(found))


def read_domain(metadata: Mapping[str, str]) -> dict[str, Any]:
    """The domain in the metadata of a safetensors file; empty where it says nothing.

    Raises:
        ValueError: ``data`` or ``convention`` isn't a JSON object.
    """
    found = {}
    for key in ("data", "convention"):
        if key in metadata:
            entries = read_json(metadata[key], f"The file's metadata {key!r}").entries()
            found[key] = {name: entry.plain() for name, entry in entries.items()}
    return found


def compare_domains(trained: Mapping[str, Any], given: Mapping[str, Any]) -> tuple[list[str], list[str]]:
    """What differs between the nets that a metanet was trained on and others.

    Returns:
        Differences that make the same weights another function (the convention), and differences in what the nets were
        trained on (the data), each as a phrase; only what both domains say is compared.
    """
    convention, data = (
        [
            f"{name} is {_text(value)} here and was {_text(known[name])} in training"
            for known in [dict(_leaves(trained.get(key, {}), key))]
            for name, value in _leaves(given.get(key, {}), key)
            if name in known and known[name] != value
        ]
        for key in ("convention", "data")
    )
    return convention, data


def compare_spaces(trained: WeightSpace, given: WeightSpace) -> list[str]:
    """What differs between two weight spaces of the same tensors: activations and their settings, each as a phrase."""
    if len(trained.sites) != len(given.sites):
        return [f"they have {len(given.sites)} places of neurons, and had {len(trained.sites)} in training"]
    pairs = [(_activation(own), _activation(other)) for own, other in zip(trained.sites, given.sites, strict=True)]
    changed = dict.fromkeys((known, value) for known, value in pairs if known != value)
    return [f"the activation is {value} here and was {known} in training" for known, value in changed]


def _activation(site: Any) -> str:
    settings = ", ".join(f"{name}={value}" for name, value in sorted(site.settings.items()))
    return f"{site.activation}({settings})" if settings else site.activation


def _leaves(value: Any, name: str) -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _leaves(inner, f"{name}.{key}")
    else:
        yield name, value


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
