"""What an editing metanet is told, and what is saved with it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from weightspace.tasks.edits import parse_edits


@dataclass(frozen=True)
class EditSettings:
    """What an editing metanet does with the nets that come; saved with it.

    Args:
        edits: what it was trained for, each the text of one edit or of several in a row, ``dilate:size=3``.
        space: the weight space of the nets, as JSON text.
        convention: how they are rendered, `Convention.to_dict`.
        gradients: whether it also reads the gradient of the edit's error. That needs no ground truth: the net is
            rendered, the picture edited, and the squared difference differentiated.
        passes: how often it looks at the net and changes it.
        candidates: how many edited nets it makes; their outputs are averaged, which is again one net, a wider one.
        scale: a change is this many times what the metanet says.
        weight_sizes: the usual size of every tensor, by name. gradient_sizes: of its gradient.
    """

    edits: tuple[str, ...]
    space: str
    convention: Mapping[str, Any]
    gradients: bool = False
    passes: int = 1
    candidates: int = 1
    scale: float = 0.3
    weight_sizes: Mapping[str, float] | None = None
    gradient_sizes: Mapping[str, float] | None = None

    def __post_init__(self) -> None:
        for name in ("passes", "candidates"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be 1 or more, got {getattr(self, name)}.")
        if not self.edits:
            raise ValueError("edits must name one edit at least, got none.")
        for text in self.edits:
            parse_edits(text)
        if self.candidates > 1 and self.convention["net"] != "siren":
            raise ValueError(f"Only SIRENs can be averaged into one net, got candidates = {self.candidates} for a net "
                             f"{self.convention['net']!r}. Take candidates = 1.")  # fmt: skip

    @property
    def channels(self) -> int:
        """How many numbers a weight has on its way into and out of the metanet."""
        which = len(self.edits) if len(self.edits) > 1 else 0
        return max(1 + self.gradients + which, self.candidates + self.gradients)
