"""What can be done to a rendered signal: the edits that metanets are trained for, as plain functions on tensors."""

import inspect
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from weightspace.inr.fields import blend, offset, smooth
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
    "offset": offset,
    "blend": blend,
}
"""Every edit by its name; its parameters and their defaults are those of the function."""

FIELD_EDITS = ("smooth", "offset", "blend")
"""Those for signed distance fields ``[N, 1, D, H, W]``; the others are for images ``[N, C, H, W]``
with values in [0, 1]."""


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

    def __call__(self, signals: Tensor) -> Tensor:
        """The edited signals, of the same shape.

        Raises:
            ValueError: an image edit on fields, or a field edit on images.
        """
        field, dims = self.name in FIELD_EDITS, signals.ndim - 2
        if dims != (3 if field else 2):
            wanted = "fields [N, 1, D, H, W]" if field else "images [N, C, H, W]"
            raise ValueError(f"{self.name} takes {wanted}, got a tensor of shape {tuple(signals.shape)}.")
        return EDITS[self.name](signals, **dict(self.parameters))


def defaults(name: str) -> dict[str, int | float]:
    """The parameters of an edit with their defaults."""
    return {key: p.default for key, p in list(inspect.signature(EDITS[name]).parameters.items())[1:]}


def parse_edits(text: str) -> tuple[Edit, ...]:
    """Edits one after the other: ``dilate+blur:sigma=0.5``."""
    return tuple(Edit.parse(part) for part in text.split("+"))


@torch.no_grad()
def apply_edits(edits: tuple[Edit, ...], signals: Tensor, low: float = 0.0, peak: float = 1.0) -> Tensor:
    """The signals after all of the edits, in their order.

    Args:
        low: the smallest value of an image, peak: its span; image edits see it brought to [0, 1] and cut there (a
            render overshoots), fields stay as they are.
    """
    for edit in edits:
        field = edit.name in FIELD_EDITS
        signals = edit(signals) if field else edit(((signals - low) / peak).clamp(0, 1)) * peak + low
    return signals
