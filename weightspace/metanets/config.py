"""What all metanet configurations share, and how they are read and written."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, TypeVar, get_type_hints

from weightspace.reading import Unread
from weightspace.space import WeightSpace

HEADS = ("graph", "weights", "neurons")

MOST = {"layers": 1_000, "outputs": 1_000_000}
"""The largest of each setting that counts something; of those not named here `MOST_OF_ALL`."""

MOST_OF_ALL = 65_536

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


@dataclass(frozen=True)
class MetanetConfig(SpacesConfig):
    """What every metanet is told.

    Args:
        spaces: the weight spaces it is for.
        domain: what is known of the nets that it was trained on.
        outputs: numbers for each net; with ``head="neurons"`` for each neuron; unused for ``"weights"``.
        head: ``"graph"`` (a vector for each net), ``"weights"`` (a change for every weight) or ``"neurons"`` (a vector
            for each neuron).
        labels: what the outputs mean, where they are labels of a zoo; outputs are then in standard units:
        label_mean: and label_std: label = label_mean + label_std * output.
        classes: what the outputs stand for, one each, where the label is a class; outputs are then logits, and
            ``labels`` has one name.
    """

    outputs: int = 1
    head: str = "graph"
    labels: tuple[str, ...] = ()
    label_mean: tuple[float, ...] = ()
    label_std: tuple[float, ...] = ()
    classes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.head not in HEADS:
            raise ValueError(f"head must be one of {', '.join(HEADS)}, got {self.head!r}.")
        if not (len(self.labels) == len(self.label_mean) == len(self.label_std)):
            raise ValueError(
                f"Each label needs a mean and a std, got {len(self.labels)} labels, {len(self.label_mean)} and "
                f"{len(self.label_std)}."
            )
        if self.classes and (len(self.labels) != 1 or len(self.classes) != self.outputs):
            raise ValueError(
                f"Classes need one label and as many outputs, got {len(self.classes)} classes, {len(self.labels)} "
                f"labels and {self.outputs} outputs."
            )
        for each in fields(self):
            value = getattr(self, each.name)
            if isinstance(value, int | float) and not isinstance(value, bool):
                _check_size(each.name, value)


def _check_size(name: str, value: int | float) -> None:
    """See that a number among the settings is sane, before anything of that size is made."""
    least, most = 0 if name.startswith(("dropout", "noise", "probes")) else 1, MOST.get(name, MOST_OF_ALL)
    if name.startswith("dropout") and not 0 <= value < 1:
        raise ValueError(f"{name} must be from 0 up to 1, 1 left out, got {value}.")
    if not least <= value <= most:  # also false for NaN
        bound = f"{least} or more" if value < least else f"{most} or less"
        raise ValueError(f"{name} must be {bound}, got {value}.")


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
