"""What all metanet configurations share."""

from dataclasses import dataclass, fields

from weightspace.pretrained.config import SpacesConfig

HEADS = ("graph", "weights", "neurons")

MOST = {"layers": 1_000, "outputs": 1_000_000}
"""The largest of each setting that counts something; of those not named here `MOST_OF_ALL`."""

MOST_OF_ALL = 65_536


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
