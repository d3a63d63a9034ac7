"""What an editing metanet is told, and what is saved with it."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, get_type_hints

from weightspace.inr.convention import Convention
from weightspace.inr.edits import check_edits, parse_edits
from weightspace.pretrained.config import read_space
from weightspace.reading import Unread
from weightspace.space import WeightSpace

MOST_PASSES = 100


@dataclass(frozen=True)
class EditSettings:
    """What an editing metanet does with the nets that come; saved with it.

    Args:
        edits: what it was trained for, each the text of one edit or of several in a row, ``dilate:size=3``.
        space: the weight space of the nets.
        convention: how they are rendered.
        data: what they were fitted to, the settings of the recipe's dataset; None if unknown.
        gradients: whether it also reads the gradient of the edit's error. That needs no ground truth: the net is
            rendered, the picture edited, and the squared difference differentiated.
        passes: how often it looks at the net and changes it.
        candidates: how many edited nets it makes; their outputs are averaged, which is again one net, a wider one.
        readout: if above 0, the last layer is solved for before and after each change: least squares against the edited
            render, with this ridge. The gradient is then that of variable projection: which way the hidden layers have
            to go when the last one follows. Like the gradient it needs no ground truth.
        scale: a change is this many times what the metanet says.
        weight_sizes: the usual size of every tensor, by name.
        gradient_sizes: of its gradient.
    """

    edits: tuple[str, ...]
    space: WeightSpace
    convention: Convention
    data: Mapping[str, Any] | None = None
    gradients: bool = False
    passes: int = 1
    candidates: int = 1
    readout: float = 0.0
    scale: float = 0.3
    weight_sizes: Mapping[str, float] = field(default_factory=dict)
    gradient_sizes: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in ("passes", "candidates"):
            if not 1 <= getattr(self, name) <= MOST_PASSES:
                raise ValueError(f"{name} must be from 1 to {MOST_PASSES}, got {getattr(self, name)}.")
        if not self.edits:
            raise ValueError("edits must name one edit at least, got none.")
        for text in self.edits:
            check_edits(parse_edits(text), self.convention)
        if not 0 <= self.readout <= 1e6 or not 0 < self.scale <= 1e6:
            raise ValueError(
                f"readout must be from 0 to 1e6, scale above 0 and up to 1e6, got {self.readout} and {self.scale}."
            )
        for name in ("weight_sizes", "gradient_sizes") if self.gradients else ():
            sizes = getattr(self, name)
            if sizes and (set(sizes) != set(self.space.tensors) or not all(size > 0 for size in sizes.values())):
                raise ValueError(f"{name} must have a number above 0 for every tensor of the space, got {dict(sizes)}.")
        if (self.candidates > 1 or self.readout) and self.convention.architecture.net != "siren":
            raise ValueError(
                "Outputs are averaged and last layers solved for SIRENs only, got a net "
                f"{self.convention.architecture.net!r}. Take candidates = 1 and readout = 0."
            )

    @classmethod
    def from_dict(cls, data: Mapping[str, Any], where: str = "domain.editing") -> "EditSettings":
        """The inverse of `to_dict`; ``where`` begins every error.

        Raises:
            ValueError: an unknown or missing key, or a value of another type or range.
        """
        found = Unread(data, where).fields(*(each.name for each in fields(cls)))
        kinds, space = get_type_hints(cls), read_space(found.pop("space"))
        convention = Convention.read(found.pop("convention"))
        try:
            return cls(
                space=space, convention=convention, **{name: value.typed(kinds[name]) for name, value in found.items()}
            )
        except ValueError as error:
            raise ValueError(str(error) if str(error).startswith(where) else f"{where}: {error}") from error

    def to_dict(self) -> dict[str, Any]:
        """JSON values; `from_dict` reads them back."""
        values = {each.name: getattr(self, each.name) for each in fields(self)}
        return values | {"space": self.space.to_dict(), "convention": self.convention.to_dict()}

    @property
    def reads(self) -> str:
        """What it knows of a net, in words."""
        more = [name for name, used in (("gradient", self.gradients), ("readout", self.readout)) if used]
        return " and ".join(["weights", *more])

    @property
    def channels(self) -> int:
        """How many numbers a weight has on its way into and out of the metanet."""
        which = len(self.edits) if len(self.edits) > 1 else 0
        return max(1 + self.gradients + which, self.candidates)
