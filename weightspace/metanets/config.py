"""What all metanet configurations share, and how they are read and written."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, TypeVar

from weightspace.space import WeightSpace

HEADS = ("graph", "weights", "neurons")


@dataclass(frozen=True)
class MetanetConfig:
    """What every metanet is told.

    Args:
        spaces: the weight spaces it is for, each as JSON text (`WeightSpace.to_json`).
        outputs: numbers for each net; with ``head="neurons"`` for each neuron; unused for ``"weights"``.
        head: ``"graph"`` (a vector for each net), ``"weights"`` (a change for every weight) or ``"neurons"`` (a vector
            for each neuron).
        labels: what the outputs mean, where they are labels of a zoo; outputs are then in standard units:
        label_mean: and label_std: label = label_mean + label_std * output.
        classes: what the outputs stand for, one each, where the label is a class; outputs are then logits, and
            ``labels`` has one name.
        domain: JSON text about the nets that it was trained on, where that is known: their data and, for implicit
            representations, how they are rendered.
    """

    spaces: tuple[str, ...] = ()
    outputs: int = 1
    head: str = "graph"
    labels: tuple[str, ...] = ()
    label_mean: tuple[float, ...] = ()
    label_std: tuple[float, ...] = ()
    classes: tuple[str, ...] = ()
    domain: str = ""

    def __post_init__(self) -> None:
        if self.head not in HEADS:
            raise ValueError(f"head must be one of {', '.join(HEADS)}, got {self.head!r}.")
        if not self.spaces:
            raise ValueError("spaces must name one weight space at least, got none. Give space.to_json().")
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
        for field in fields(self):
            value = getattr(self, field.name)
            least = 0 if field.name.startswith(("dropout", "noise", "probes")) else 1
            if isinstance(value, int | float) and not isinstance(value, bool) and value < least:
                raise ValueError(f"{field.name} must be {least} or more, got {value}.")

    def weight_spaces(self) -> tuple[WeightSpace, ...]:
        """The weight spaces, read."""
        return tuple(WeightSpace.from_json(text) for text in self.spaces)

    def to_dict(self) -> dict[str, Any]:
        """JSON values; `read_config` reads them back."""
        return {key: list(value) if isinstance(value, tuple) else value for key, value in asdict(self).items()}


C = TypeVar("C", bound=MetanetConfig)


def read_config(kind: type[C], data: Mapping[str, Any], where: str = "config.json") -> C:
    """A configuration from JSON values.

    Raises:
        ValueError: an unknown or missing key, or a value that the configuration refuses; names the file.
    """
    known = [field.name for field in fields(kind)]
    unknown, missing = sorted(set(data) - set(known)), sorted(set(known) - set(data))
    if unknown or missing:
        raise ValueError(
            f"{where}: a {kind.__name__} has the keys {', '.join(known)}; unknown: {unknown or 'none'}, missing: "
            f"{missing or 'none'}. Was it saved by another version?"
        )
    values = {key: tuple(value) if isinstance(value, list) else value for key, value in data.items()}
    try:
        return kind(**values)
    except (ValueError, TypeError) as error:
        raise ValueError(f"{where}: {error}") from error
