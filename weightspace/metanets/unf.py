"""Universal neural functionals: every equivariant linear layer, read off the axes of a weight space."""

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch_geometric.data import Batch, Data

from weightspace.graphs import by_skeleton, from_graph, in_order, skeleton
from weightspace.graphs.structure.pieces import Piece, tensor_pieces
from weightspace.metanets.base import SingleMetanet, unknown_space
from weightspace.metanets.config import MetanetConfig
from weightspace.metanets.frames.make import check_finite
from weightspace.metanets.inputs.scaling import usual_size
from weightspace.metanets.inputs.statistics import is_integer
from weightspace.metanets.layers.basis import Pooling, Spreading, basis
from weightspace.space import WeightSpace


@dataclass(frozen=True)
class UNFConfig(MetanetConfig):
    """Configuration of `UNF`.

    Args:
        width: channels.
        layers: equivariant layers.
        dropout: before the last layer.
        free_ends: also equivariant to permutations of inputs and outputs: NFN_NP; else NFN_HNP.
    """

    width: int = 16
    layers: int = 3
    dropout: float = 0.0
    free_ends: bool = False


class IndexedPiece:
    """How a piece of a tensor becomes ``[nets, *indices, channels]``: named neurons are indices, the rest channels.

    Args:
        space: the weight space.
        tensor: the name of the tensor.
        piece: all of it, or one term of an axis that is a sum.
        free_ends: whether names of inputs and outputs are indices, too.
    """

    def __init__(self, space: WeightSpace, tensor: str, piece: Piece, free_ends: bool):
        self.tensor = tensor
        index = [n for n, a in enumerate(piece.atoms) if a.name and (free_ends or space.names[a.name].free)]
        rest = [n for n in range(len(piece.atoms)) if n not in index]
        self.names = tuple(str(piece.atoms[n].name) for n in index)
        sizes = [piece.index.shape[n] for n in index]
        self.entries = piece.index.permute([*index, *rest]).reshape(*sizes, -1)
        self.channels = self.entries.shape[-1]

    def read(self, tensor: Tensor) -> Tensor:
        """``[nets, *shape]`` to ``[nets, *indices, channels]``."""
        flat = tensor.reshape(tensor.shape[0], -1)
        return flat[:, self.entries.flatten().to(flat.device)].reshape(-1, *self.entries.shape)


class EquivariantLinear(nn.Module):
    """All equivariant linear maps from every tensor to every tensor of a weight space, averages instead of sums.

    Maps that write alike are applied together: what they read is averaged once and goes through one matrix.

    Args:
        names: for each tensor the names of its indices.
        channels: in and out.
    """

    def __init__(self, names: dict[str, tuple[str, ...]], channels: tuple[int, int]):
        super().__init__()
        self.reads: list[list[tuple[Spreading, list[tuple[str, Pooling]]]]] = []
        self.maps = nn.ModuleList()
        for target in names.values():
            found: dict[Spreading, list[tuple[str, Pooling]]] = {}
            for source, own in names.items():
                for pooling, spreading in basis(own, target):
                    if (source, pooling) not in found.setdefault(spreading, []):
                        found[spreading].append((source, pooling))
            self.reads.append(list(found.items()))
            inputs = [len(reads) * channels[0] for reads in found.values()]
            self.maps.append(nn.ModuleList(nn.Linear(size, channels[1]) for size in inputs))

    def forward(self, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
        """``[nets, *indices, channels]`` for each tensor to the same with other channels."""
        pooled: dict[tuple[str, Pooling], Tensor] = {}
        result = {}
        for name, maps, found in zip(tensors, self.maps, self.reads, strict=True):
            total, sizes = None, tuple(tensors[name].shape[1:-1])
            for linear, (spreading, reads) in zip(maps, found, strict=True):
                for read in reads:
                    if read not in pooled:
                        pooled[read] = read[1](tensors[read[0]])
                value = spreading(linear(torch.cat([pooled[read] for read in reads], -1)), sizes)
                total = value if total is None else total + value
            assert total is not None
            result[name] = total.expand(*tensors[name].shape[:-1], -1) / len(found) ** 0.5
        return result


class NeuralFunctional(nn.Module):
    """The layers for one architecture."""

    def __init__(self, space: WeightSpace, config: UNFConfig):
        super().__init__()
        self.tensors = sorted(name for name, spec in space.tensors.items() if not is_integer(spec))
        self.pieces = {
            f"{name}:{number}": IndexedPiece(space, name, piece, config.free_ends)
            for name in self.tensors
            for number, piece in enumerate(tensor_pieces(space.tensors[name]))
        }
        self.register_buffer("sizes", torch.tensor([_start_size(space, name) for name in self.tensors]))
        width, names = config.width, {key: piece.names for key, piece in self.pieces.items()}
        self.inputs = nn.ModuleList(nn.Linear(piece.channels, width) for piece in self.pieces.values())
        self.rounds = nn.ModuleList(EquivariantLinear(names, (width, width)) for _ in range(config.layers))
        if config.head == "weights":
            self.outputs = nn.ModuleList(nn.Linear(width, piece.channels) for piece in self.pieces.values())
            self.gates = nn.ModuleList(nn.Linear(width, piece.channels) for piece in self.pieces.values())
            for gate in self.gates:  # multiples of the old weights, none at first
                nn.init.zeros_(gate.weight)
                nn.init.zeros_(gate.bias)
        else:
            self.outputs = nn.Linear(len(self.pieces) * width, 4 * width)

    def forward(self, weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Features of every piece of a tensor, ``[nets, *indices, width]``."""
        scaled = {name: torch.asinh(weights[name] / size) for name, size in zip(self.tensors, self.sizes, strict=True)}
        pairs = zip(self.pieces.items(), self.inputs, strict=True)
        h = {key: embed(piece.read(scaled[piece.tensor])) for (key, piece), embed in pairs}
        for layer in self.rounds:
            new = layer({key: torch.relu(value) for key, value in h.items()})
            h = {key: h[key] + new[key] for key in h}
        return h

    def changes(self, weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """A change for every tensor: in units of its usual size, plus a multiple of the old entry."""
        found, parts = self(weights), {}
        sizes = dict(zip(self.tensors, self.sizes, strict=True))
        for (key, piece), last, gate in zip(self.pieces.items(), self.outputs, self.gates, strict=True):
            h, old = torch.relu(found[key]), piece.read(weights[piece.tensor])
            change = last(h) * sizes[piece.tensor] + gate(h) * old
            parts.setdefault(piece.tensor, []).append((piece.entries.flatten(), change.flatten(1)))
        changed = {name: torch.zeros_like(tensor, dtype=self.sizes.dtype) for name, tensor in weights.items()}
        for name in self.tensors:
            place = torch.cat([entries for entries, _ in parts[name]]).argsort()
            flat = torch.cat([value for _, value in parts[name]], 1)
            changed[name] = flat[:, place.to(flat.device)].reshape(weights[name].shape)
        return changed

    def vector(self, weights: Mapping[str, Tensor]) -> Tensor:
        """The mean of every tensor's features through a linear layer, ``[nets, 4 width]``."""
        found = [torch.relu(value).flatten(1, -2).mean(1) if value.ndim > 2 else torch.relu(value) for value in
                 self(weights).values()]  # fmt: skip
        return self.outputs(torch.cat(found, 1))


class FunctionalNet(SingleMetanet):
    """A `NeuralFunctional` for every architecture of ``config.spaces``, and a head; what `UNF` and `DWSNet` share."""

    Config = UNFConfig
    heads = ("graph", "weights")

    def __init__(self, config: UNFConfig):
        super().__init__(config)
        self.functionals = nn.ModuleDict()
        for space in self.spaces:
            self.check_space(space)
            if skeleton(space) not in self.functionals:
                self.functionals[skeleton(space)] = NeuralFunctional(space, config)
        if config.head == "graph":
            width = 4 * config.width
            self.last = nn.Sequential(nn.SiLU(), nn.Linear(width, width), nn.SiLU(), nn.Dropout(config.dropout))
            self.out = nn.Linear(width, config.outputs)

    @abstractmethod
    def check_space(self, space: WeightSpace) -> None:
        """Raise a ValueError where the class can't take a space."""

    def learn_inputs(self, weights: Mapping[WeightSpace, Mapping[str, Tensor]]) -> None:
        for space, stack in weights.items():
            functional = self.functionals[skeleton(space)]
            functional.sizes.copy_(torch.stack([usual_size(stack[name]) for name in functional.tensors]))

    def forward(self, graph: Data | Batch) -> Tensor | dict[str, Tensor]:
        places, found = [], []
        for nets, group in by_skeleton(graph):
            check_finite(group, nets)
            space = group.space[0] if isinstance(group, Batch) else group.space
            if skeleton(space) not in self.functionals:
                raise unknown_space(self, space)
            weights = from_graph(group)
            if not isinstance(group, Batch):
                weights = {name: tensor[None] for name, tensor in weights.items()}
            functional = self.functionals[skeleton(space)]
            if self.config.head == "weights":
                return self._changes(functional, weights, graph, len(nets))
            places.append(nets)
            found.append(functional.vector(weights))
        return self.out(self.last(in_order(places, found)))

    def _changes(
        self, functional: NeuralFunctional, weights: dict, graph: Data | Batch, nets: int
    ) -> dict[str, Tensor]:
        if isinstance(graph, Batch) and nets < graph.num_graphs:
            raise ValueError("Changes of weights need a batch of one architecture. Split it with by_skeleton().")
        changes = functional.changes(weights)
        return changes if isinstance(graph, Batch) else {name: change[0] for name, change in changes.items()}


class UNF(FunctionalNet):
    """Universal neural functionals (UNF): layers of all equivariant linear maps, for the axes of any weight space.

    With ``free_ends=False`` on perceptrons and convolutional nets this is NFN_HNP, with True NFN_NP (Zhou et al. 2023,
    "Permutation equivariant neural functionals"); on residual, recurrent and attention nets it is UNF (Zhou et al.
    2024, "Universal neural functionals"). Every architecture of ``config.spaces`` has parameters of its own.
    Equivariant to permutations of neurons.
    """

    def check_space(self, space: WeightSpace) -> None:
        """It takes all."""


class DWSNet(FunctionalNet):
    """Deep weight-space networks (DWSNet): affine equivariant layers for perceptrons.

    Their layers are the complete basis of equivariant affine maps on weights and biases of a perceptron, inputs and
    outputs fixed, which is what `UNF` builds there. Navon et al. 2023, "Equivariant architectures for learning in deep
    weight spaces", theorem 5.1. Refuses other architectures; `UNF` takes them.
    """

    def check_space(self, space: WeightSpace) -> None:
        """Refuse anything but a perceptron: matrices of two names, vectors of one.

        Raises:
            ValueError: names the tensor and the class that takes it.
        """
        for name, spec in space.tensors.items():
            axes = " ".join(map(str, spec.axes))
            plain = len(spec.axes) == (2 if spec.role == "weight" else 1) and all(
                len(a.atoms()) == 1 for a in spec.axes
            )
            if space.links or not plain or spec.slot not in ("weight", "bias"):
                found = "residual or other links" if space.links else f"{name!r}, a {spec.slot} with '{axes}'"
                raise ValueError(f"DWSNet takes perceptrons only, but the space has {found}. Take UNF or GraphMetanet.")


def _start_size(space: WeightSpace, name: str) -> float:
    spec = space.tensors[name]
    fan_in = spec.numel / max(1, spec.shape[spec.target[0]]) if spec.role == "weight" and spec.target else 1
    return max(fan_in, 1.0) ** -0.5
