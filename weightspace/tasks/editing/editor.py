"""A metanet that edits implicit representations: a change of every weight, so that the rendered signal is edited."""

from collections.abc import Mapping
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

from weightspace.inr import Convention, render_stack
from weightspace.inr.average import average_nets
from weightspace.inr.edits import apply_edits, parse_edits
from weightspace.inr.gradient import error_gradient
from weightspace.inr.readout import solve_readout
from weightspace.metanets import Metanet
from weightspace.space.channels import channel, stack_channels, with_channels
from weightspace.tasks.editing.editsettings import EditSettings

Weights = Mapping[str, Tensor]


class Editor:
    r"""Edits stacks of implicit representations with a metanet that has a head for weights.

    $w' = w + s\,c(w, g)$, where $g$ is the gradient of the edit's error, if it is read, each tensor brought to the
    usual size of its weights, and $c$ is what the metanet gives for each weight. Moves as the neurons move, like the
    metanet.

    Args:
        metanet: with what it edits in ``config.domain``; see `make_editor`.

    Example::

        editor = Editor(load_metanet("runs/dilate/metanet"))
        edited, convention = editor.edit(weights, "dilate")

    Raises:
        ValueError: the metanet wasn't trained to edit.
    """

    def __init__(self, metanet: Metanet):
        domain = metanet.config.domain
        if metanet.config.head != "weights" or "editing" not in domain or "convention" not in domain:
            raise ValueError(
                f"An editing metanet is needed, got a {type(metanet).__name__} with the head {metanet.config.head!r}. "
                "scripts/train_editor.py trains one."
            )
        self.metanet = metanet
        apart = {"convention": domain["convention"], "data": domain.get("data")}
        self.settings = EditSettings.from_dict(domain["editing"] | apart)
        self.space = self.settings.space
        self.convention = self.settings.convention
        self.points = self.convention.points()
        if metanet.spaces != (with_channels(self.space, self.settings.channels),):
            raise ValueError(
                f"The metanet must read {self.settings.channels} numbers for each weight of the space that it edits, "
                f"{self.space.hash}, got one for {', '.join(space.hash for space in metanet.spaces)}."
            )

    def candidates(
        self,
        weights: Weights,
        targets: Float[Tensor, "nets channels points"],
        which: Int[Tensor, "nets"],
        strength: float = 1.0,
    ) -> list[dict[str, Tensor]]:
        """Edited nets, differentiable in the metanet's parameters; several where ``candidates`` says so.

        Args:
            weights: stacked ``[nets, ...]``.
            targets: the edited renders of these nets, for the gradients; unused without.
            which: the number of the edit of each net. strength: a factor on the change.
        """
        found = [self.solved(weights, targets)]
        for number in range(self.settings.passes):
            ways = self.settings.candidates if number == self.settings.passes - 1 else 1
            found = [self.solved(net, targets) for net in self._pass(found[0], targets, which, ways)]
        return [{name: weights[name] + strength * (net[name] - weights[name]) for name in weights} for net in found]

    def solved(self, weights: Weights, targets: Float[Tensor, "nets channels points"]) -> dict[str, Tensor]:
        """The nets with their last layer solved for, if ``readout`` says so; else as they are."""
        if not self.settings.readout:
            return dict(weights)
        return solve_readout(weights, self.convention, self.points.to(targets), targets, self.settings.readout)

    def render(self, nets: list[dict[str, Tensor]]) -> Float[Tensor, "nets channels points"]:
        """The mean of the candidates' outputs on the grid of the fit."""
        points = self.points.to(next(iter(nets[0].values())))
        return torch.stack([render_stack(net, self.convention, points) for net in nets]).mean(0)

    @torch.no_grad()
    def edit(self, weights: Weights, edit: str | None = None, strength: float = 1.0) -> tuple[dict, Convention]:
        """Edits one net, or each of a stack ``[nets, ...]``.

        Args:
            edit: which of ``settings.edits``, where there are several. strength: a factor on the change.

        Returns:
            Weights that are a net like any other, and how they are rendered: as before, but wider where outputs of
            several candidates are averaged.

        Raises:
            ValueError: the weights don't fit; an edit that the metanet wasn't trained for.
        """
        number, count = self.number(edit), self.space.check(weights)
        stack = {name: tensor if count is not None else tensor[None] for name, tensor in weights.items()}
        parts = [self._edit_part(part, number, strength) for part in _parts(stack, 256)]
        edited = {name: torch.cat([part[name] for part in parts]) for name in parts[0]}
        convention = average_nets([{}] * self.settings.candidates, self.convention)[1]
        return edited if count is not None else {name: tensor[0] for name, tensor in edited.items()}, convention

    def number(self, edit: str | None) -> int:
        """The number of an edit, by its whole text or, where that tells it, by its names alone.

        Raises:
            ValueError: it isn't one that the metanet was trained for; lists those.
        """
        known, names = self.settings.edits, [edit_names(text) for text in self.settings.edits]
        if edit is None and len(known) == 1:
            return 0
        if edit in known:
            return known.index(edit)
        if names.count(str(edit)) == 1:
            return names.index(str(edit))
        asked = "no name" if edit is None else repr(edit)
        raise ValueError(f"This metanet edits by {', '.join(known)}; got {asked}. Say which of them you want.")

    def apply(self, edit: str | None, signals: Tensor) -> Tensor:
        """What an edit makes of signals ``[nets, channels, *grid]``: what is aimed at."""
        edits = parse_edits(self.settings.edits[self.number(edit)])
        return apply_edits(edits, signals, self.convention)

    def _edit_part(self, stack: dict[str, Tensor], number: int, strength: float) -> dict[str, Tensor]:
        count = len(next(iter(stack.values())))
        renders = self.render([stack])
        grids = renders.reshape(*renders.shape[:2], *self.convention.shape)
        targets = self.apply(self.settings.edits[number], grids).flatten(2)
        found = self.candidates(stack, targets, torch.full((count,), number), strength)
        return average_nets(found, self.convention)[0]

    def _pass(self, weights: Weights, targets: Tensor, which: Tensor, ways: int) -> list[dict[str, Tensor]]:
        s, parts = self.settings, [dict(weights)]
        if s.gradients:
            parts.append(self._gradient(weights, targets))
        if len(s.edits) > 1:
            parts += [_constants(weights, (which == number).float()) for number in range(len(s.edits))]
        known = self.metanet.spaces[0]
        given = self.metanet(self.metanet.graph(known, stack_channels(parts, s.channels)))
        changes = [channel(given, way, s.channels) for way in range(ways)]
        return [{name: weights[name] + s.scale * change[name] for name in weights} for change in changes]

    def _gradient(self, weights: Weights, targets: Tensor) -> dict[str, Tensor]:
        """The gradient of the squared error, each tensor brought to the usual size of its weights."""
        s, points = self.settings, self.points.to(targets)
        found = error_gradient(weights, self.convention, points, targets)
        return {name: grad * (s.weight_sizes[name] / s.gradient_sizes[name]) for name, grad in found.items()}


def make_editor(kind: type[Metanet], settings: EditSettings, **metanet: Any) -> Editor:
    """An editor with a fresh metanet of class `kind`; ``metanet`` are fields of its `Config`."""
    space, values = with_channels(settings.space, settings.channels), settings.to_dict()
    domain = {"convention": values.pop("convention"), "data": values.pop("data"), "editing": values}
    return Editor(kind.for_spaces(space, head="weights", domain=domain, **metanet))


def edit_names(text: str) -> str:
    """The names in the text of edits: ``dilate+blur`` of ``dilate:size=3+blur:sigma=1.0``."""
    return "+".join(edit.name for edit in parse_edits(text))


def _constants(weights: Weights, values: Tensor) -> dict[str, Tensor]:
    return {
        name: values.to(tensor).reshape(-1, *[1] * (tensor.ndim - 1)).expand_as(tensor)
        for name, tensor in weights.items()
    }


def _parts(stack: Weights, size: int) -> list[dict[str, Tensor]]:
    count = len(next(iter(stack.values())))
    return [{name: tensor[start : start + size] for name, tensor in stack.items()} for start in range(0, count, size)]
