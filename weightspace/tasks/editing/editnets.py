"""Implicit representations with what they should show after each edit, in memory."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from weightspace.data import load_signals
from weightspace.inr import Convention, render_stack
from weightspace.inr.edits import apply_edits, check_edits, parse_edits
from weightspace.space import WeightSpace
from weightspace.tasks.labelled.domain import domain_of
from weightspace.zoo import Zoo
from weightspace.zoo.recipe.trial import draw_trial

SOURCES = ("render", "signal")


@dataclass(frozen=True)
class EditNets:
    """Nets of one weight space, and for each edit their targets.

    Args:
        space: their weight space.
        convention: how they are rendered.
        weights: stacked, ``[nets, ...]``.
        renders: what they show, ``[nets, channels, points]``.
        edited: for each edit their renders, edited: what can be known of a net without its data.
        targets: for each edit what is aimed at: ``edited``, or the edited signals that they were fitted to.
        data: settings of the dataset that they were fitted to, where it is known.
    """

    space: WeightSpace
    convention: Convention
    weights: dict[str, Tensor]
    renders: Float[Tensor, "nets channels points"]
    edited: Float[Tensor, "edits nets channels points"]
    targets: Float[Tensor, "edits nets channels points"]
    data: Mapping[str, Any] | None = None

    @classmethod
    def from_zoo(cls, zoo: Zoo, edits: Sequence[str], source: str = "render") -> "EditNets":
        """The last states of a zoo of implicit representations that didn't diverge.

        Args:
            source: ``"render"`` aims at the edited render of each net; ``"signal"`` at its edited signal, as the
                published benchmarks do, which needs the recipe that the zoo was built from.

        Raises:
            ValueError: an unknown source or edit, an edit that isn't for what the nets show, no net, nets of several
                spaces, or a zoo of nets that render nothing.
        """
        if source not in SOURCES:
            raise ValueError(f"source must be one of {', '.join(SOURCES)}, got {source!r}.")
        zoo = zoo.filter(status="ok").final()
        if not len(zoo):
            raise ValueError("There is no net to edit: the zoo (or this split of it) holds none with status 'ok'.")
        convention = zoo.convention
        check_edits([edit for text in edits for edit in parse_edits(text)], convention)
        weights = zoo.weights()
        points = convention.points()
        with torch.no_grad():
            parts = torch.arange(len(zoo)).split(256)
            renders = [render_stack({k: v[part] for k, v in weights.items()}, convention, points) for part in parts]
        renders = torch.cat(renders)
        edited = edit_signals(edits, renders, convention)
        targets = edited if source == "render" else edit_signals(edits, zoo_signals(zoo), convention)
        return cls(zoo.space, convention, weights, renders, edited, targets, domain_of(zoo).get("data"))

    def __len__(self) -> int:
        return len(self.renders)

    def fingerprint(self) -> str:
        """A short text that is another one for other nets or targets; it tells whether a run still fits its data."""
        content = self.renders.cpu().numpy().tobytes() + self.targets.cpu().numpy().tobytes()
        return hashlib.sha256(content).hexdigest()[:16]

    def select(self, nets: Tensor) -> dict[str, Tensor]:
        """The weights of some of the nets."""
        return {name: tensor[nets] for name, tensor in self.weights.items()}

    def net(self, number: int) -> dict[str, Tensor]:
        """The weights of one net."""
        return {name: tensor[number] for name, tensor in self.weights.items()}

    def to(self, device: torch.device | str) -> "EditNets":
        """The same with everything on `device`."""
        weights = {name: tensor.to(device) for name, tensor in self.weights.items()}
        tensors = {name: getattr(self, name).to(device) for name in ("renders", "edited", "targets")}
        return replace(self, weights=weights, **tensors)


def edit_signals(edits: Sequence[str], signals: Tensor, convention: Convention) -> Tensor:
    """Signals ``[nets, channels, points]`` after each of the edits, ``[edits, nets, channels, points]``."""
    grids = signals.reshape(*signals.shape[:2], *convention.shape)
    return torch.stack([apply_edits(parse_edits(text), grids, convention).flatten(2) for text in edits])


def zoo_signals(zoo: Zoo) -> Float[Tensor, "nets channels points"]:
    """What every net of a zoo was fitted to, in the order of its rows."""
    recipe = zoo.recipe
    signals = load_signals(grid=recipe.fit.grid, **recipe.data)
    places = [draw_trial(recipe, net).signal(signals) for net in zoo.table["net"].to_pylist()]
    return signals.values[torch.tensor(places)]
