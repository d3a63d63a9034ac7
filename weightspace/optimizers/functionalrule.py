"""An update rule that sees the whole net: universal neural functionals on weights, gradients and momenta."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from weightspace.graphs.structure.pieces import tensor_pieces
from weightspace.metanets.inputs.statistics import is_integer
from weightspace.metanets.unf import EquivariantLinear, IndexedPiece
from weightspace.pretrained.config import SpacesConfig
from weightspace.pretrained.pretrained import Pretrained
from weightspace.space import WeightSpace

DECAYS = (0.1, 0.5, 0.9, 0.99, 0.999, 0.9999)
"""Of the momenta that are read."""

TIMES = (1.0, 3.0, 10.0, 30.0, 100.0, 300.0, 1e3, 3e3, 1e4, 3e4, 1e5)
"""Steps around which the rule can tell early from late."""

FEATURES = 2 + len(DECAYS) + len(TIMES)


@dataclass(frozen=True)
class FunctionalRuleConfig(SpacesConfig):
    """What a `FunctionalRule` is told.

    Args:
        spaces: the one weight space that it is for.
        domain: what it was trained on.
        width: channels.
        layers: equivariant layers.
    """

    width: int = 16
    layers: int = 2

    def __post_init__(self) -> None:
        super().__post_init__()
        if len(self.spaces) != 1:
            raise ValueError(f"A functional rule is for one weight space, got {len(self.spaces)}.")
        for name, most in (("width", 1024), ("layers", 64)):
            if not 1 <= getattr(self, name) <= most:
                raise ValueError(f"{name} must be from 1 to {most}, got {getattr(self, name)}.")


class FunctionalRule(Pretrained):
    """What is added to the momentum for every weight, from all weights, gradients and momenta of the net.

    Layers of all equivariant linear maps on any traced space (Zhou et al. 2024, "Universal neural functionals", section
    4.2), so it commutes with permutations of neurons. 19 inputs a weight: the weight, its gradient, six momenta, each
    at unit root mean square over its tensor, and how late it is, in 11 numbers.
    """

    Config: ClassVar[type[FunctionalRuleConfig]] = FunctionalRuleConfig
    purpose: ClassVar[str] = "An update rule: it reads weights and gradients and gives the next weights."
    usage: ClassVar[str] = """from weightspace.optimizers import FunctionalRule, UNFOptimizer

optimizer = UNFOptimizer(model.named_parameters(), FunctionalRule.from_pretrained("path/or/owner/name"))"""
    config: FunctionalRuleConfig

    def __init__(self, config: FunctionalRuleConfig):
        super().__init__(config)
        space = self.space
        self.pieces = {
            f"{name}:{number}": IndexedPiece(space, name, piece, free_ends=False)
            for name in sorted(name for name, spec in space.tensors.items() if not is_integer(spec))
            for number, piece in enumerate(tensor_pieces(space.tensors[name]))
        }
        width, names = config.width, {key: piece.names for key, piece in self.pieces.items()}
        self.inputs = nn.ModuleList(
            nn.Linear(piece.channels * (FEATURES - len(TIMES)) + len(TIMES), width) for piece in self.pieces.values()
        )
        self.rounds = nn.ModuleList(EquivariantLinear(names, (width, width)) for _ in range(config.layers))
        self.outputs = nn.ModuleList(nn.Linear(width, piece.channels) for piece in self.pieces.values())

    @property
    def space(self) -> WeightSpace:
        """The weight space of the net that is trained."""
        return self.config.spaces[0]

    def forward(
        self,
        weights: Mapping[str, Tensor],
        gradient: Mapping[str, Tensor],
        momenta: Mapping[str, Tensor],
        step: int,
    ) -> dict[str, Tensor]:
        """A number for every weight.

        Args:
            weights: by name. gradient: by name. momenta: by name, ``[6, *shape]`` over `DECAYS`.
            step: from 1.

        Shapes:
            out: as ``weights``.
        """
        h = {}
        for (key, piece), embed in zip(self.pieces.items(), self.inputs, strict=True):
            name = piece.tensor
            stack = torch.cat([weights[name][None], gradient[name][None], momenta[name]])
            read = piece.read(_unit(stack)).movedim(0, -1).flatten(-2)
            times = torch.tanh(step / read.new_tensor(TIMES) - 1).expand(*read.shape[:-1], -1)
            h[key] = embed(torch.cat([read, times], -1))[None]
        for layer in self.rounds:
            new = layer({key: torch.relu(value) for key, value in h.items()})
            h = {key: h[key] + new[key] for key in h}
        return self._written(h, weights)

    def _written(self, h: Mapping[str, Tensor], weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
        parts: dict[str, list[tuple[Tensor, Tensor]]] = {}
        for (key, piece), last in zip(self.pieces.items(), self.outputs, strict=True):
            value = last(torch.relu(h[key])).flatten()
            parts.setdefault(piece.tensor, []).append((piece.entries.flatten(), value))
        found = {}
        for name, own in parts.items():
            place = torch.cat([entries for entries, _ in own]).argsort()
            flat = torch.cat([value for _, value in own])
            found[name] = flat[place.to(flat.device)].reshape(weights[name].shape)
        return found


def _unit(stack: Tensor) -> Tensor:
    """Each tensor of a stack at unit root mean square."""
    size = stack.reshape(len(stack), -1).square().mean(1).sqrt().clamp_min(1e-20)
    return stack / size.view(-1, *[1] * (stack.ndim - 1))
