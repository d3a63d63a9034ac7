"""What everything is told that is learned and kept, and how that is read and written."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, TypeVar, get_type_hints

from weightspace.reading import Unread
from weightspace.space import WeightSpace

MOST_WEIGHTS = 100_000_000
"""Weights of a net that a saved metanet may be for; a size that is a slip is refused before memory is asked for."""


@dataclass(frozen=True)
class SavedConfig:
    """What everything is told that is learned and kept.

    Args:
        domain: what is known of the nets that it was trained on, JSON values by name: how they are built
            (``"architectures"``), what they were fitted to (``"data"``), how implicit representations are rendered
            (``"convention"``), and what it was trained for beyond labels (``"editing"``).
    """

    domain: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "domain", _json_values(self.domain))

    def to_dict(self) -> dict[str, Any]:
        """JSON values; `read_config` reads them back."""
        values = {each.name: getattr(self, each.name) for each in fields(self)}
        values = {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}
        spaces = {name: [space.to_dict() for space in value] for name, value in values.items() if name == "spaces"}
        return values | spaces


@dataclass(frozen=True)
class SpacesConfig(SavedConfig):
    """What everything is told that is learned about nets of some weight spaces.

    Args:
        domain: what is known of the nets that it was trained on.
        spaces: the weight spaces it is for; JSON objects in ``config.json`` (`WeightSpace.to_dict`).
    """

    spaces: tuple[WeightSpace, ...] = ()

    def __post_init__(self) -> None:
        super().__post_init__()
        if not all(isinstance(space, WeightSpace) for space in self.spaces):
            kinds = ", ".join(type(space).__name__ for space in self.spaces)
            raise TypeError(f"spaces must be WeightSpaces, got {kinds}. Read JSON with WeightSpace.from_dict.")
        if not self.spaces:
            raise ValueError("spaces must hold one weight space at least, got none. Make it with WeightSpace.trace().")


C = TypeVar("C", bound=SavedConfig)


def read_config(kind: type[C], data: Mapping[str, Any], where: str = "config.json") -> C:
    """A configuration from JSON values, every one of the type that its field has.

    Raises:
        ValueError: an unknown or missing key, a value of another type, or one that the configuration refuses; names the
            file and the field.
    """
    known = [each.name for each in fields(kind)]
    unknown, missing = sorted(set(data) - set(known)), sorted(set(known) - set(data))
    if unknown or missing:
        raise ValueError(
            f"{where}: a {kind.__name__} has the keys {', '.join(known)}; unknown: {unknown or 'none'}, missing: "
            f"{missing or 'none'}. Was it saved by another version?"
        )
    types, found = get_type_hints(kind), Unread(data, where).entries()
    values = {name: value.typed(types[name]) for name, value in found.items() if name not in ("spaces", "domain")}
    values["domain"] = _read_domain(found["domain"])
    if "spaces" in known:
        values["spaces"] = tuple(read_space(space) for space in found["spaces"].items())
    try:
        return kind(**values)
    except (ValueError, TypeError) as error:
        raise ValueError(f"{where}: {error}") from error


def read_space(unread: Unread) -> WeightSpace:
    """A weight space with a sane size for every name; older files hold it as text.

    Raises:
        ValueError: it isn't one, or it is too large; names the place.
    """
    unread = unread.inner()
    sizes = unread.entries().get("names", Unread(None, f"{unread.place}.names"))
    for group in sizes.entries().values():
        group.items(3)[0].whole(1, MOST_WEIGHTS)
    try:
        space = WeightSpace.from_dict(unread.plain())
    except ValueError as error:
        raise ValueError(f"{unread.place} must be a weight space as to_dict() writes it: {error}") from error
    weights = sum(spec.numel for spec in space.tensors.values())
    if weights > MOST_WEIGHTS:
        raise ValueError(f"{unread.place} must have {MOST_WEIGHTS:,} weights at most, got {weights:,}.")
    return space


def _read_domain(unread: Unread) -> dict[str, Any]:
    """What is known of the nets of the training, each part a table or a list; older files hold it as text."""
    found = (Unread({}, unread.place) if unread.value == "" else unread.inner()).entries()
    for name in ("data", "convention", "editing"):
        if name in found:
            found[name].maybe(Unread.entries)
    if "architectures" in found:
        found["architectures"].items()
    return {name: value.plain() for name, value in found.items()}


def _json_values(domain: Mapping[str, Any]) -> dict[str, Any]:
    """The domain as it will be when it is read again: lists for tuples, names as text."""
    if not isinstance(domain, Mapping):
        raise TypeError(f"domain must be a mapping of JSON values, got {type(domain).__name__}.")
    try:
        return json.loads(json.dumps(domain, allow_nan=False, default=dict))
    except (TypeError, ValueError) as error:
        raise ValueError(f"domain must hold JSON values, got {domain!r} ({error}).") from error
