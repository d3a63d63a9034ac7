"""What the weights of one net look like: norms and spectra of its tensors, and neurons that are dead or tied."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

from weightspace.space import TensorSpec, WeightSpace
from weightspace.space.axes import Atom, Axis, Product

LARGEST_SPECTRUM = 4096
"""The shorter side of a matrix above which singular values take too long."""
NOTHING = 1e-6
"""What is smaller than this, relative to the largest of its kind, counts as zero."""


@dataclass(frozen=True)
class TensorFacts:
    """One tensor of floating numbers.

    Args:
        axes: in the notation of `WeightSpace`; empty where the architecture isn't known.
        shape: of the tensor.
        norm: the root of the sum of squares.
        std: of the entries.
        largest: absolute value.
        zeros: share of entries.
        singular: the largest and the smallest singular value of a weight as a matrix, targets by all other axes.
        stable_rank: ``norm ** 2 / singular[0] ** 2``, between 1 and the rank.
        broken: entries that are infinite or NaN; then the other figures are of the finite ones.
    """

    name: str
    axes: str
    shape: tuple[int, ...]
    norm: float
    std: float
    largest: float
    zeros: float
    singular: tuple[float, float] | None
    stable_rank: float | None
    broken: int


@dataclass(frozen=True)
class NeuronFacts:
    """One set of neurons that can be permuted.

    Args:
        name: of the set.
        size: how many neurons.
        constant: neurons to which no weight leads.
        unread: neurons from which no weight leads. Both are dead.
        tied: neurons whose incoming weights and own entries are those of another one, so that the two always agree.
    """

    name: str
    size: int
    constant: int
    unread: int
    tied: int


@dataclass(frozen=True)
class Inspection:
    """What `inspect_weights` found."""

    tensors: tuple[TensorFacts, ...]
    neurons: tuple[NeuronFacts, ...]

    def to_dict(self) -> dict[str, Any]:
        """JSON values."""
        return asdict(self)


@torch.no_grad()
def inspect_weights(weights: Mapping[str, Tensor], space: WeightSpace | None = None) -> Inspection:
    """Looks at the weights of one net.

    Args:
        weights: a plain dict of tensors.
        space: their weight space; without it tensors are described, and the first axis is taken for the targets.

    Raises:
        ValueError: the weights don't fit the space.
    """
    if space is not None:
        space.check(weights)
    specs = space.tensors if space is not None else {}
    tensors = tuple(
        _tensor_facts(name, tensor.detach().cpu(), specs.get(name))
        for name, tensor in weights.items()
        if tensor.is_floating_point()
    )
    neurons = tuple(_neuron_facts(space, name, weights) for name in space.free) if space is not None else ()
    return Inspection(tensors, neurons)


def _tensor_facts(name: str, tensor: Tensor, spec: TensorSpec | None) -> TensorFacts:
    whole = tensor.double()
    finite = torch.isfinite(whole)
    entries = whole[finite]
    target = (0,) if spec is None else spec.target
    is_matrix = tensor.ndim >= 2 and bool(target) and (spec is None or spec.role == "weight") and bool(finite.all())
    singular = _singular_values(whole, target) if is_matrix else None
    norm = float(entries.norm())
    return TensorFacts(
        name=name,
        axes="" if spec is None else " ".join(map(str, spec.axes)),
        shape=tuple(tensor.shape),
        norm=norm,
        std=float(entries.std(correction=0)) if len(entries) else 0.0,
        largest=float(entries.abs().max()) if len(entries) else 0.0,
        zeros=float((entries == 0).double().mean()) if len(entries) else 0.0,
        singular=singular,
        stable_rank=norm**2 / singular[0] ** 2 if singular and singular[0] > 0 else None,
        broken=int((~finite).sum()),
    )


def _singular_values(tensor: Tensor, target: tuple[int, ...]) -> tuple[float, float] | None:
    rest = [axis for axis in range(tensor.ndim) if axis not in target]
    rows = torch.Size([tensor.shape[axis] for axis in target]).numel()
    matrix = tensor.permute(*target, *rest).reshape(rows, -1) if rows else tensor.reshape(0, 0)
    if not 0 < min(matrix.shape) <= LARGEST_SPECTRUM:
        return None
    values = torch.linalg.svdvals(matrix)
    return float(values[0]), float(values[-1])


def _neuron_facts(space: WeightSpace, name: str, weights: Mapping[str, Tensor]) -> NeuronFacts:
    size = space.names[name].size or 0
    incoming, outgoing, own = [], [], []
    for key, spec in space.tensors.items():
        if not weights[key].is_floating_point():
            continue
        for axis in range(len(spec.axes)):
            rows = _rows(weights[key].detach().cpu().double(), axis, _neurons(spec.axes[axis], name), size)
            if rows is None:
                continue
            into = axis in spec.target or spec.role == "vector"
            if spec.role == "weight":
                (incoming if into else outgoing).append(rows)
            if into:
                own.append(rows)
    return NeuronFacts(name, size, _silent(incoming), _silent(outgoing), _tied(own))


def _silent(rows: list[Tensor]) -> int:
    """Neurons all of whose weights are nothing beside those of the largest one."""
    if not rows:
        return 0
    size = torch.cat(rows, 1).abs().amax(1)
    return int((size <= NOTHING * size.max()).sum())


def _tied(rows: list[Tensor]) -> int:
    if not rows:
        return 0
    _, counts = torch.unique(torch.cat(rows, 1), dim=0, return_counts=True)
    return int(counts[counts > 1].sum())


def _rows(
    tensor: Tensor, axis: int, neurons: Int[Tensor, " entries"] | None, size: int
) -> Float[Tensor, "size others"] | None:
    """What a tensor holds of each neuron of a set along an axis, a row a neuron; None where the axis has none."""
    if neurons is None:
        return None
    kept = neurons >= 0
    order = neurons[kept].argsort(stable=True)
    return tensor.movedim(axis, 0)[kept][order].reshape(size, -1)


def _neurons(axis: Axis, name: str) -> Int[Tensor, " entries"] | None:
    """For each entry of an axis the number of the neuron of a set, -1 where it is none of them; None without any."""
    if all(atom.name != name for atom in axis.atoms()):
        return None
    return _numbers(axis, name)


def _numbers(axis: Axis, name: str) -> Int[Tensor, " entries"]:
    size = axis.size or 0
    if isinstance(axis, Atom):
        return torch.arange(size) if axis.name == name else torch.full((size,), -1)
    if not isinstance(axis, Product):
        return torch.cat([_numbers(term, name) for term in axis.terms])
    found = torch.full((1,), -1)
    for factor in axis.factors:
        inner = _numbers(factor, name)
        found = torch.maximum(found[:, None], inner[None, :]).flatten()
    return found
