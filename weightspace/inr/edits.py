"""What can be done to a rendered signal: the edits that metanets are trained for, as plain functions on tensors."""

import inspect
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import torch
from torch import Tensor

from weightspace.inr.convention import Convention
from weightspace.inr.fields import blend, inflate, smooth
from weightspace.inr.images import blur, contrast, denoise, dilate, erode, gamma, gradient, rotate
from weightspace.suggest import suggestion

EDITS: dict[str, Callable[..., Tensor]] = {
    "dilate": dilate,
    "erode": erode,
    "gradient": gradient,
    "gamma": gamma,
    "contrast": contrast,
    "blur": blur,
    "denoise": denoise,
    "rotate": rotate,
    "smooth": smooth,
    "inflate": inflate,
    "blend": blend,
}
"""Every edit by its name; its parameters and their defaults are those of the function."""

FIELD_EDITS = ("smooth", "inflate", "blend")
"""Those for signed distance fields ``[N, 1, D, H, W]`` on a cube of side 2; the others are for images ``[N, C, H, W]``
with values in [0, 1]."""

ON_GRID = ("blend",)
"""Those that must know where the points of a signal lie."""


@dataclass(frozen=True)
class Edit:
    """One edit with its parameters, all of them; its text is ``dilate:size=3``.

    Args:
        name: in `EDITS`.
        parameters: pairs of name and value, in the order of the function.
    """

    name: str
    parameters: tuple[tuple[str, int | float], ...]

    @classmethod
    def parse(cls, text: str) -> "Edit":
        """Reads ``name`` or ``name:parameter=value,...``; parameters that aren't named keep their defaults.

        Raises:
            ValueError: an unknown edit or parameter, with those that there are; a value that isn't a number.
        """
        name, _, rest = text.partition(":")
        if name not in EDITS:
            raise ValueError(f"An edit must be one of {', '.join(EDITS)}, got {name!r}{suggestion(name, EDITS)}.")
        values = defaults(name)
        for part in filter(None, rest.split(",")):
            key, _, value = part.partition("=")
            if key not in values:
                raise ValueError(f"{name} has the parameters {', '.join(values)}, got {key!r} in {text!r}.")
            try:
                values[key] = type(values[key])(value)
            except ValueError:
                kind = type(values[key]).__name__
                raise ValueError(f"{key} of {name} must be a number ({kind}), got {value!r}.") from None
        return cls(name, tuple(values.items()))

    def __str__(self) -> str:
        return f"{self.name}:" + ",".join(f"{key}={value}" for key, value in self.parameters)

    @property
    def field(self) -> bool:
        """Whether it is for signed distance fields."""
        return self.name in FIELD_EDITS

    def __call__(self, signals: Tensor, grid: str = "corners") -> Tensor:
        """The edited signals, of the same shape.

        Args:
            grid: where their points lie, see ``grid_coordinates``.

        Raises:
            ValueError: an image edit on fields, or a field edit on images.
        """
        if signals.ndim - 2 != (3 if self.field else 2) or (self.field and signals.shape[1] != 1):
            wanted = "fields [N, 1, D, H, W]" if self.field else "images [N, C, H, W]"
            raise ValueError(f"{self.name} takes {wanted}, got a tensor of shape {tuple(signals.shape)}.")
        more = {"grid": grid} if self.name in ON_GRID else {}
        return EDITS[self.name](signals, **dict(self.parameters), **more)


def defaults(name: str) -> dict[str, int | float]:
    """The parameters of an edit with their defaults."""
    parameters = list(inspect.signature(EDITS[name]).parameters.items())[1:]
    return {key: p.default for key, p in parameters if p.kind is not p.KEYWORD_ONLY}


def parse_edits(text: str) -> tuple[Edit, ...]:
    """Edits one after the other: ``dilate+blur:sigma=0.5``."""
    return tuple(Edit.parse(part) for part in text.split("+"))


def check_edits(edits: Iterable[Edit], convention: Convention) -> None:
    """Refuses edits that aren't for what nets of a convention show.

    Raises:
        ValueError: names the edit, what the nets show, and the edits that there are for that.
    """
    axes, channels = len(convention.shape), convention.architecture.settings.get("out_features", 1)
    field = axes == 3 and channels == 1
    known = [name for name in EDITS if (name in FIELD_EDITS) == field] if field or axes == 2 else []
    for edit in edits:
        if edit.name not in known:
            kind = "signed distance fields (three axes, one output)" if edit.field else "images (two axes)"
            shown = f"these nets show signals with axes: {axes}, outputs: {channels}"
            choice = f"take one of {', '.join(known)}" if known else "no edit is for them"
            raise ValueError(f"{edit.name} edits {kind}, but {shown}; {choice}.")


@torch.no_grad()
def apply_edits(edits: Iterable[Edit], signals: Tensor, convention: Convention | None = None) -> Tensor:
    """The signals after all of the edits, in their order.

    Args:
        convention: of the nets that show them; values in [0, 1], coordinates in [-1, 1] and a grid with points in its
            corners without one. Image edits see values brought to [0, 1] and cut there (a render overshoots), field
            edits see distances in halves of the cube's side.
    """
    low, peak, half, grid = 0.0, 1.0, 1.0, "corners"
    if convention is not None:
        low, peak, grid = convention.low, convention.peak, convention.grid
        half = (convention.coordinates[1] - convention.coordinates[0]) / 2
    for edit in edits:
        if edit.field:
            signals = edit(signals / half, grid) * half
        else:
            signals = edit(((signals - low) / peak).clamp(0, 1)) * peak + low
    return signals
