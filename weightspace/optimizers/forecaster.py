"""Where the weights of a net will be some steps later, from its last states: a metanet on the traced weight space."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor, nn

from weightspace.graphs.structure.pieces import tensor_pieces
from weightspace.metanets.unf import IndexedPiece
from weightspace.pretrained.config import SavedConfig
from weightspace.pretrained.pretrained import Pretrained
from weightspace.space import WeightSpace

STATES = 5
"""That a forecast reads."""

READ = STATES + 4
"""Numbers of an entry: four differences and the weight, each over its size in the tensor, and four of the tensor."""

TINY = 1e-12


@dataclass(frozen=True)
class ForecasterConfig(SavedConfig):
    """What a `Forecaster` is told.

    Args:
        domain: what it was trained on.
        width: channels.
        layers: rounds of messages; with 0 every weight is forecast by itself, by one perceptron.
    """

    width: int = 24
    layers: int = 2

    def __post_init__(self) -> None:
        super().__post_init__()
        for name, least, most in (("width", 1, 1024), ("layers", 0, 64)):
            if not least <= getattr(self, name) <= most:
                raise ValueError(f"{name} must be from {least} to {most}, got {getattr(self, name)}.")


class Forecaster(Pretrained):
    r"""The change of every weight in the time of ``ahead`` states, from its last five states.

    $\Delta w = k \, (\sum_j a_j d_j + s\, b)$ with the horizon $k$, the four differences $d_j$ of states, their size
    $s$ in the tensor, and $a, b$ from messages between weights and the neurons that they join. No parameter belongs to
    an architecture: any traced space can come. It moves as permuted neurons move. After Knyazev et al. 2024,
    "Accelerating training with neuron interaction and nowcasting networks", section 3, with axes of the traced space
    in place of graphs by hand.

    Example::

        change = forecaster(space, states, ahead=20)  # states {name: [nets, 5, ...]}, change {name: [nets, ...]}
    """

    Config: ClassVar[type[ForecasterConfig]] = ForecasterConfig
    purpose: ClassVar[str] = "Forecasts the weights of a net in training from its last five states."
    usage: ClassVar[str] = """from weightspace.optimizers import Forecaster, Nowcaster

optimizer = Nowcaster(optimizer, model, Forecaster.from_pretrained("path/or/owner/name"), example=x)"""
    config: ForecasterConfig

    def __init__(self, config: ForecasterConfig):
        super().__init__(config)
        width = config.width
        self.embed = nn.Sequential(nn.Linear(READ, width), nn.ReLU(), nn.Linear(width, width))
        self.rounds = nn.ModuleList(_Round(width) for _ in range(config.layers))
        self.last = nn.Sequential(nn.Linear(width, width), nn.ReLU(), nn.Linear(width, STATES))
        with torch.no_grad():  # no change at first
            for parameter in self.last[2].parameters():
                parameter.zero_()

    def forward(
        self, space: WeightSpace, states: Mapping[str, Float[Tensor, "nets states ..."]], ahead: float | int | Tensor
    ) -> dict[str, Tensor]:
        """The change of every tensor that there are states of, ``[nets, ...]``.

        Args:
            space: of the nets. states: the last five, the newest last, at equal distances; tensors of the space.
            ahead: how far, in distances of two states; one for all nets, or one a net.

        Raises:
            ValueError: states that don't fit the space, or aren't five.
        """
        _check_states(space, states)
        like = next(iter(states.values()))
        ahead = torch.as_tensor(ahead, dtype=like.dtype, device=like.device).expand(len(like))
        pieces = {(name, n): piece for name in states for n, piece in enumerate(pieces_of(space, name))}
        parts = {name: _Parts.of(tensor) for name, tensor in states.items()}
        h = {key: self.embed(parts[key[0]].read(piece, ahead)) for key, piece in pieces.items()}
        for each in self.rounds:
            h = each(pieces, h)
        return self._written(pieces, parts, h, ahead)

    def _written(
        self, pieces: "Pieces", parts: dict[str, "_Parts"], h: dict[tuple[str, int], Tensor], ahead: Tensor
    ) -> dict[str, Tensor]:
        found: dict[str, Tensor] = {}
        for (name, number), piece in pieces.items():
            own, out = parts[name], self.last(h[name, number])
            moves = own.moves(piece)  # [nets, *indices, channels, 5]: differences, and ones at their size
            change = (moves * out).sum(-1).flatten(1) * ahead.unsqueeze(1)
            whole = found.setdefault(name, torch.zeros_like(own.states[:, -1]).flatten(1))
            found[name] = whole.index_copy(1, piece.entries.flatten().to(whole.device), change)
        return {name: change.view_as(parts[name].states[:, -1]) for name, change in found.items()}


Pieces = dict[tuple[str, int], IndexedPiece]


@lru_cache(maxsize=1024)
def pieces_of(space: WeightSpace, name: str) -> tuple[IndexedPiece, ...]:
    """The pieces of a tensor, their free neurons as indices."""
    return tuple(IndexedPiece(space, name, piece, free_ends=False) for piece in tensor_pieces(space.tensors[name]))


@dataclass
class _Parts:
    """A tensor's states, and the sizes of its differences and weights.

    Args:
        states: the newest last.
        step: root mean square of differences.
        size: of the weights.
    """

    states: Float[Tensor, "nets states ..."]
    step: Float[Tensor, " nets"]
    size: Float[Tensor, " nets"]

    @classmethod
    def of(cls, states: Float[Tensor, "nets states ..."]) -> "_Parts":
        rms = lambda x: x.flatten(1).square().mean(1).sqrt()  # noqa: E731
        return cls(states, rms(states.diff(dim=1)), rms(states[:, -1]))

    def read(self, piece: IndexedPiece, ahead: Tensor) -> Tensor:
        """``[nets, *indices, channels, READ]``."""
        lead = [len(self.states), *[1] * piece.entries.ndim]
        moved = self._of(piece, self.states.diff(dim=1)) / (self.step + TINY).view(*lead, 1)
        weight = self._of(piece, self.states[:, -1:]) / (self.size + TINY).view(*lead, 1)
        count = torch.full_like(ahead, float(len(piece.names)))
        many = torch.full_like(ahead, piece.entries.numel()).log() / 5
        own = [((self.step + TINY) / (self.size + self.step + TINY)).log() / 3, ahead.log() / 3, count, many]
        told = torch.stack(own, -1).view(len(ahead), *[1] * piece.entries.ndim, len(own))
        return torch.cat([moved, weight, told.expand(*moved.shape[:-1], -1)], -1)

    def moves(self, piece: IndexedPiece) -> Tensor:
        """What changes are made of: differences, and ones at their size, ``[nets, *indices, channels, 5]``."""
        moved = self._of(piece, self.states.diff(dim=1))
        size = self.step.view(-1, *[1] * (moved.ndim - 1)).expand(*moved.shape[:-1], 1)
        return torch.cat([moved, size], -1)

    @staticmethod
    def _of(piece: IndexedPiece, tensor: Float[Tensor, "nets several ..."]) -> Tensor:
        nets, several = tensor.shape[:2]
        return piece.read(tensor.flatten(0, 1)).unflatten(0, (nets, several)).movedim(1, -1)


class _Round(nn.Module):
    """Weights tell the neurons that they join, tensors and the net their means, and read these."""

    def __init__(self, width: int):
        super().__init__()
        self.own = nn.Linear(width, width)
        self.neuron = nn.ModuleList(nn.Linear(2 * width, width, bias=False) for _ in range(2))
        self.tensor, self.net = (nn.Linear(width, width, bias=False) for _ in range(2))

    def forward(self, pieces: Pieces, h: dict[tuple[str, int], Tensor]) -> dict[tuple[str, int], Tensor]:
        neurons = _neuron_means(pieces, h)
        means = {key: value.flatten(1, -2).mean(1) for key, value in h.items()}
        net = self.net(torch.stack(list(means.values())).mean(0))
        found = {}
        for key, piece in pieces.items():
            told = (self.tensor(means[key]) + net).view(len(net), *[1] * piece.entries.ndim, -1)
            for axis, name in enumerate(piece.names):
                value = self.neuron[min(axis, 1)](neurons[name])
                told = told + value.view(len(net), *_along(axis, piece.entries.ndim, value.shape[1]), -1)
            found[key] = h[key] + torch.relu(self.own(h[key]) + told)
        return found


def _neuron_means(pieces: Pieces, h: dict[tuple[str, int], Tensor]) -> dict[str, Tensor]:
    """For every set of neurons ``[nets, neurons, 2 * width]``: what weights tell with their first axis, and others."""
    told: dict[str, tuple[list[Tensor], list[Tensor]]] = {}
    for key, piece in pieces.items():
        for axis, name in enumerate(piece.names):
            rest = [n for n in range(1, piece.entries.ndim + 1) if n != axis + 1]
            told.setdefault(name, ([], []))[min(axis, 1)].append(h[key].mean(rest))
    found = {}
    for name, sides in told.items():
        like = next(part for side in sides for part in side)
        means = [torch.stack(side).mean(0) if side else torch.zeros_like(like) for side in sides]
        found[name] = torch.cat(means, -1)
    return found


def _along(axis: int, axes: int, size: int) -> list[int]:
    return [size if number == axis else 1 for number in range(axes)]


def _check_states(space: WeightSpace, states: Mapping[str, Tensor]) -> None:
    if not states:
        raise ValueError("There must be states of one tensor at least, got none.")
    for name, tensor in states.items():
        spec = space.tensors.get(name)
        wanted = None if spec is None else (STATES, *spec.shape)
        if wanted != tuple(tensor.shape[1:]):
            raise ValueError(
                f"The states of {name} must have the shape [nets, {', '.join(map(str, wanted or ['?']))}] of the "
                f"weight space {space.hash}, got {list(tensor.shape)}."
            )
