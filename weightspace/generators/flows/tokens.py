"""A metanet of one weight space whose tokens are neurons: what a flow applies again and again."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from weightspace.graphs.structure.pieces import Piece, tensor_pieces
from weightspace.space import WeightSpace

HEADS = 4


@dataclass(frozen=True, eq=False)
class Patch:
    """Entries of a row that lie between the same neurons, or at the same ones.

    Args:
        names: the free names whose neurons they lie at, one an axis; a name of its own, with one place, for entries
            that no permutation moves.
        index: where each entry lies in a row, an axis for each name and a last one for all that is fixed.
    """

    names: tuple[str, ...]
    index: Int[Tensor, "... fixed"]


def patches(space: WeightSpace, tensors: Sequence[str]) -> list[Patch]:
    """The entries of a row of tensors, taken apart by free names; flattens and concatenations, too."""
    start, found, free = 0, [], set(space.free)
    for name in tensors:
        for number, piece in enumerate(tensor_pieces(space.tensors[name])):
            found.append(_patch(piece, free, start, f"{name}/{number}"))
        start += space.tensors[name].numel
    return found


def _patch(piece: Piece, free: set[str], start: int, alone: str) -> Patch:
    moving = [place for place, atom in enumerate(piece.atoms) if atom.name in free]
    fixed = [place for place in range(len(piece.atoms)) if place not in moving]
    index = (piece.index + start).permute(*moving, *fixed)
    if not moving:
        return Patch((alone,), index.reshape(1, -1))
    names = tuple(str(piece.atoms[place].name) for place in moving)
    return Patch(names, index.reshape(*index.shape[: len(moving)], -1))


class NeuronTokens(nn.Module):
    r"""Numbers for every weight of nets of one space, from numbers beside every weight.

    Each neuron is a token that reads the weights at it, inputs and outputs of the net being told apart; weights between
    two neurons keep features of their own. Tokens of all layers attend to each other; then the features of a
    weight become $e \leftarrow e + W\sigma(A e + \sum_a B_a h_a)$ and their means go back to the neurons $a$.
    Equivariant to permutations of neurons, unless ``marked``. Tokens as in Peebles et al. 2022, "Learning to learn with
    generative models of neural network checkpoints", there one a tensor; axes of weights as in Zhou et al. 2023,
    "Permutation equivariant neural functionals".

    Args:
        tensors: how they follow each other in a row. columns: numbers beside every weight. context: numbers of a net.
        marked: every neuron has a learned mark, so that it keeps its place: for nets that were aligned.

    Shapes:
        in: ``[nets, entries, columns]`` and ``[nets, context]``; out: ``[nets, entries]``, zero before training.
    """

    def __init__(
        self,
        space: WeightSpace,
        tensors: Sequence[str],
        columns: int,
        context: int,
        width: int,
        layers: int,
        marked: bool = False,
    ):
        super().__init__()
        self.patches = patches(space, tensors)
        sizes = {n: size for p in self.patches for n, size in zip(p.names, p.index.shape, strict=False)}
        self.slots, end = {}, 1  # the first token is the whole net's
        for name, size in sizes.items():
            self.slots[name], end = slice(end, end + size), end + size
        self.kinds = torch.tensor([0]).repeat(end)
        for number, slot in enumerate(self.slots.values()):
            self.kinds[slot] = 1 + number
        self.kind = nn.Parameter(torch.randn(1 + len(sizes), width) * 0.5)
        self.marks = nn.Parameter(torch.randn(end, width) * 0.5) if marked else None
        self.context = nn.Linear(context, width)
        self.read = nn.ModuleList(nn.Linear(patch.index.shape[-1] * columns, width) for patch in self.patches)
        self.attend = nn.ModuleList(
            nn.TransformerEncoderLayer(width, HEADS, 2 * width, 0.0, "gelu", batch_first=True, norm_first=True)
            for _ in range(layers)
        )
        inner = [patch for patch in self.patches if len(patch.names) > 1]
        self.between = nn.ModuleList(
            nn.ModuleList(Between(width, len(patch.names)) for patch in inner) for _ in range(layers)
        )
        self.norm = nn.LayerNorm(width)
        self.write = nn.ModuleList(_silent(nn.Linear(width, patch.index.shape[-1])) for patch in self.patches)
        order = torch.cat([patch.index.flatten() for patch in self.patches])
        self.back = order.argsort()

    def forward(self, rows: Float[Tensor, "nets entries columns"], context: Float[Tensor, "nets context"]) -> Tensor:
        read = [layer(rows[:, patch.index].flatten(-2)) for layer, patch in zip(self.read, self.patches, strict=True)]
        h = self.kind[self.kinds].expand(len(rows), -1, -1) + self.context(context)[:, None]
        h = h if self.marks is None else h + self.marks
        edges = []
        for part, patch in zip(read, self.patches, strict=True):
            for axis, name in enumerate(patch.names):
                h = self._added(h, name, _mean_but(part, axis, len(patch.names)))
            edges += [part] if len(patch.names) > 1 else []
        inner = [patch.names for patch in self.patches if len(patch.names) > 1]
        for attend, between in zip(self.attend, self.between, strict=True):
            h = attend(h)
            for number, (layer, names) in enumerate(zip(cast(nn.ModuleList, between), inner, strict=True)):
                edges[number], backs = layer(edges[number], [h[:, self.slots[name]] for name in names])
                for axis, back in enumerate(backs):
                    h = self._added(h, names[axis], back)
        return self._written(self.norm(h), [self.norm(edge) for edge in edges])

    def _added(self, h: Tensor, name: str, values: Tensor) -> Tensor:
        slot = self.slots[name]
        return torch.cat([h[:, : slot.start], h[:, slot] + values, h[:, slot.stop :]], 1)

    def _written(self, h: Tensor, edges: list[Tensor]) -> Tensor:
        found, inner = [], iter(edges)
        for patch, layer in zip(self.patches, self.write, strict=True):
            features = h[:, self.slots[patch.names[0]]] if len(patch.names) == 1 else next(inner)
            found.append(layer(features).flatten(1))
        return torch.cat(found, 1)[:, self.back]


class Between(nn.Module):
    """Features of weights between neurons, from theirs and those of the neurons; and what goes back to each axis."""

    def __init__(self, width: int, axes: int):
        super().__init__()
        self.norm, self.own, self.out = nn.LayerNorm(width), nn.Linear(width, width), nn.Linear(width, width)
        self.neurons = nn.ModuleList(nn.Linear(width, width, bias=False) for _ in range(axes))
        self.backs = nn.ModuleList(nn.Linear(width, width, bias=False) for _ in range(axes))

    def forward(self, edge: Tensor, neurons: list[Tensor]) -> tuple[Tensor, list[Tensor]]:
        axes, h = len(neurons), self.own(self.norm(edge))
        for axis, (layer, own) in enumerate(zip(self.neurons, neurons, strict=True)):
            shape = [len(edge), *(1,) * axes, edge.shape[-1]]
            shape[1 + axis] = own.shape[1]
            h = h + layer(own).reshape(shape)
        edge = edge + self.out(nn.functional.gelu(h))
        return edge, [layer(_mean_but(edge, axis, axes)) for axis, layer in enumerate(self.backs)]


def _mean_but(features: Tensor, axis: int, axes: int) -> Tensor:
    """The mean over all axes of neurons but one."""
    others = [1 + other for other in range(axes) if other != axis]
    return features.mean(others) if others else features


def _silent(linear: nn.Linear) -> nn.Linear:
    nn.init.zeros_(linear.weight)
    nn.init.zeros_(linear.bias)
    return linear
