"""The canonical member among all products with matrices: singular vectors, in both directions alike; turned pairs."""

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from itertools import product
from math import prod
from typing import TYPE_CHECKING

import torch
from jaxtyping import Float
from torch import Tensor

from weightspace.space.forms.entries import plan
from weightspace.space.matrices import MatrixGroup, Side, entries_of, pair_places, rows_along, turns_of_pairs
from weightspace.space.symmetry import Symmetry

if TYPE_CHECKING:
    from weightspace.space.weightspace import WeightSpace

_FULL_RANK = 1e-7  # smallest over largest singular value, below which a side counts as deficient


def settle_matrices(
    space: "WeightSpace", weights: Mapping[str, Tensor], kinds: Sequence[str] = ("linear", "complex", "orthogonal")
) -> Symmetry:
    """The matrices that bring every group to its canonical form, but for order and signs of its neurons.

    Linear: what writes the neurons is ``X``, what reads them ``Y``, with neurons as rows; only ``X^T Y = U S V^T``
    matters to the function. It is computed by two QR decompositions and a singular value decomposition of the small
    core, and ``X`` becomes ``S^(1/2) U^T``, ``Y`` ``S^(1/2) V^T``: of all members that with the least sum of squares;
    the cubes of each row of ``X`` add up to something positive. Where either side doesn't have full rank (an adapter
    that hasn't been trained, more neurons than inputs), nothing changes; nor of groups that
    are `unsettled`.

    Complex: a pair of rows of ``X``, as one row of complex numbers, gets as long as that of ``Y``, and the squares of
    its entries add up to something real and positive, which leaves its sign.

    Orthogonal: everything that touches the neurons becomes singular vectors times singular values. Kinds are settled
    in the order in which they are named, each on what those before it left.
    """
    stacked, path = space.check(weights) is not None, Symmetry(space, {}, {})
    for kind in kinds:
        matrices = {}
        for index in settled_groups(space):
            group = space.matrices[index]
            if group.kind == kind:
                found = _SETTLERS[kind](group, *sides(space, group, weights, stacked))
                matrices[index] = found if stacked else found[0]
        if matrices:
            step = Symmetry(space, {}, {}, matrices)
            weights, path = space.apply(step, weights), step.compose(path)
    return path


@lru_cache(maxsize=128)
def settled_groups(space: "WeightSpace") -> tuple[int, ...]:
    """The groups of matrices that the canonical form settles: each by itself, from tensors that nothing else scales."""
    return tuple(index for index in range(len(space.matrices)) if not _obstacle(space, index))


def unsettled(space: "WeightSpace") -> tuple[str, ...]:
    """What a canonical form leaves open, in words: groups of matrices that can't be settled, and why."""
    return tuple(
        f"the matrices that mix {_neurons_of(space, index)}, {obstacle}"
        for index in range(len(space.matrices))
        if (obstacle := _obstacle(space, index))
    )


def mixed_places(space: "WeightSpace", groups: Iterable[int]) -> frozenset[tuple[str, str | None]]:
    """The tensors that groups of matrices mix, each with the name whose neurons are mixed."""
    found = (space.matrices[index] for index in groups)
    return frozenset((tensor, group.name) for group in found for tensor in group.powers)


def _obstacle(space: "WeightSpace", index: int) -> str:
    """Why a group can't be settled, or nothing."""
    group = space.matrices[index]
    if met := _met(space).get(index):
        return "as those of {} act on {!r} too".format(*met)
    size = group.shape(space)[1]
    powers = {"linear": (1, -1), "orthogonal": (1,), "complex": ()}[group.kind]
    if any(_columns(space, group, power) < size for power in powers):
        return "as they are more than what feeds or reads them"
    if group.kind == "orthogonal":
        return ""  # it changes no norm, so that others are settled whatever it is
    alone = [number for number in range(len(space.matrices)) if number not in _met(space)]
    order = plan(space, "scale", mixed_places(space, alone))
    told = [
        (action, [(entry.tensor, entry.dim, entry.occurrence) for entry in deciding])
        for action, deciding in order.steps
    ]
    told += [(action, [(t, d, o) for t, powers in space.actions[action].powers.items() for d, o, _ in powers])
             for action in order.rest]  # fmt: skip
    for action, places in told:
        name = space.actions[action].name
        if name not in (group.name, group.per) and any(_mixes(space, group, *place) for place in places):
            return f"as only what they mix tells the scales of {name!r}"
    return ""


@lru_cache(maxsize=128)
def separate_groups(space: "WeightSpace") -> tuple[int, ...]:
    """The groups of matrices that act on no entry of a tensor together with another, but for orthogonal ones.

    Those change neither the norms nor the inner products that the others are settled by.
    """
    return tuple(index for index in range(len(space.matrices)) if index not in _met(space))


@lru_cache(maxsize=128)
def _met(space: "WeightSpace") -> dict[int, tuple[str, str]]:
    """For each group that shares entries of a tensor with another what that one mixes, and the tensor."""
    bearing: dict[str, list[int]] = {}
    for index, group in enumerate(space.matrices):
        for tensor in group.powers if group.kind != "orthogonal" else ():
            bearing.setdefault(tensor, []).append(index)
    found: dict[int, tuple[str, str]] = {}
    for tensor, groups in bearing.items():
        for index, other in ((one, two) for one in groups for two in groups if one != two):
            if index not in found and _meet(space, tensor, index, other):
                found[index] = (_neurons_of(space, other), tensor)
    return found


def _neurons_of(space: "WeightSpace", index: int) -> str:
    """The neurons that a group mixes, in words."""
    group = space.matrices[index]
    return repr(group.name) if group.name is not None else f"channels of {', '.join(map(repr, group.powers))}"


def _meet(space: "WeightSpace", tensor: str, one: int, other: int) -> bool:
    axes = space.tensors[tensor].axes
    pairs = product(space.matrices[one].powers[tensor], space.matrices[other].powers[tensor])
    return any(
        left.dim != right.dim or bool((entries_of(axes[left.dim], left) & entries_of(axes[left.dim], right)).any())
        for left, right in pairs
    )


def _mixes(space: "WeightSpace", group: MatrixGroup, tensor: str, dim: int, occurrence: int) -> bool:
    """Whether a group acts on entries of a tensor that an atom of one of its axes stands behind."""
    axis, own = space.tensors[tensor].axes[dim], Side(dim, occurrence, 1)
    return any(
        side.dim != dim or bool((entries_of(axis, side) & entries_of(axis, own)).any())
        for side in group.powers.get(tensor, ())
    )


def _columns(space: "WeightSpace", group: MatrixGroup, power: int) -> int:
    """How many columns there are of what each matrix multiplies, or of what its inverse does."""
    count, size, _ = group.shape(space)
    total = 0
    for name, entries in group.powers.items():
        spec = space.tensors[name]
        for side in entries:
            rest = prod(length or 0 for axis, length in enumerate(spec.shape) if axis != side.dim)
            beside = int(entries_of(spec.axes[side.dim], side).sum()) // size
            total += rest * beside // count * (side.power == power)
    return total


def sides(
    space: "WeightSpace", group: MatrixGroup, weights: Mapping[str, Tensor], stacked: bool
) -> tuple[Float[Tensor, "nets per size written"], Float[Tensor, "nets per size read"]]:
    """All that a group multiplies with its matrices, and all that it multiplies with their inverses, float64.

    Orthogonal matrices are their own inverses, transposed: there the second has no columns.
    """
    found: dict[bool, list[Tensor]] = {True: [], False: []}
    for name, entries in group.powers.items():
        stack = weights[name].detach().double().cpu()
        stack = stack if stacked else stack.unsqueeze(0)
        for side in entries:
            rows, _, owners = rows_along(space.tensors[name].axes[side.dim], side, group.per, stack)
            order, count = owners.argsort(stable=True), int(owners.max()) + 1
            rows = rows.flatten(3) if rows.ndim > 3 else rows.unsqueeze(3)
            heads = rows[:, :, order].unflatten(2, (count, -1)).permute(0, 2, 1, 3, 4)
            found[side.power > 0].append(heads.flatten(3))
    write = torch.cat(found[True], 3)
    return write, torch.cat(found[False], 3) if found[False] else write[..., :0]


def _balancing(
    _: MatrixGroup, write: Float[Tensor, "*lead size a"], read: Float[Tensor, "*lead size b"]
) -> Float[Tensor, "..."]:
    size = write.shape[-2]
    stay = torch.eye(size, dtype=write.dtype).expand(*write.shape[:-2], size, size)
    if min(write.shape[-1], read.shape[-1]) < size:
        return stay
    one, other = (torch.linalg.qr(side.transpose(-1, -2)).R for side in (write, read))
    full = _full_rank(one) & _full_rank(other)
    one = torch.where(full[..., None, None], one, stay)
    left, values, _ = torch.linalg.svd(one @ torch.where(full[..., None, None], other, stay).transpose(-1, -2))
    wanted = values.sqrt().unsqueeze(-1) * left.transpose(-1, -2)  # M R1^T
    found = torch.linalg.solve(one, wanted.transpose(-1, -2)).transpose(-1, -2)
    return _signed(torch.where(full[..., None, None], found, stay), write)


def _signed(found: Tensor, write: Tensor) -> Tensor:
    cubes = (found @ write).pow(3).sum(-1, keepdim=True)
    return torch.where(cubes < 0, -found, found)


def _turning(
    _: MatrixGroup, write: Float[Tensor, "*lead size a"], __: Float[Tensor, "*lead size b"]
) -> Float[Tensor, "..."]:
    size = write.shape[-2]
    stay = torch.eye(size, dtype=write.dtype).expand(*write.shape[:-2], size, size)
    if write.shape[-1] < size:
        return stay
    core = torch.linalg.qr(write.transpose(-1, -2)).R
    full = _full_rank(core)
    left = torch.linalg.svd(torch.where(full[..., None, None], core, stay).transpose(-1, -2)).U
    return _signed(torch.where(full[..., None, None], left.transpose(-1, -2), stay), write)


def _pairing(
    group: MatrixGroup, write: Float[Tensor, "*lead size a"], read: Float[Tensor, "*lead size b"]
) -> Float[Tensor, "..."]:
    one, other = pair_places(write.shape[-2], group.pairs or "halves")
    ours, theirs = (torch.complex(side[..., one, :], side[..., other, :]) for side in (write, read))
    norms = [side.abs().square().sum(-1) for side in (ours, theirs)]
    alive = (norms[0] > 0) & (norms[1] > 0)
    lengths = torch.where(alive, norms[1] / norms[0].clamp_min(1e-300), torch.ones_like(norms[0])) ** 0.25
    squares = ours.square().sum(-1)
    angles = torch.where(squares.abs() > _FULL_RANK * norms[0], -squares.angle() / 2, torch.zeros_like(norms[0]))
    return turns_of_pairs(lengths, angles, group.pairs or "halves")


_SETTLERS = {"linear": _balancing, "complex": _pairing, "orthogonal": _turning}


def settle_signs_of_matrices(space: "WeightSpace", weights: Mapping[str, Tensor]) -> Symmetry:
    """Signs of what `settle_matrices` gave, once all else is settled: of single neurons, and of pairs.

    The cubes of each row of what writes the neurons add up to something positive; of a pair those of the first row.
    """
    stacked, matrices = space.check(weights) is not None, {}
    for index in settled_groups(space):
        group = space.matrices[index]
        if group.kind == "orthogonal":
            continue  # as actions, together with those of other names
        write, _ = sides(space, group, weights, stacked)
        rows = write if group.pairs is None else write[..., pair_places(write.shape[-2], group.pairs)[0], :]
        signs = torch.where(rows.pow(3).sum(-1) < 0, -1.0, 1.0).double()
        still = torch.zeros_like(signs)
        found = signs.diag_embed() if group.pairs is None else turns_of_pairs(signs, still, group.pairs)
        matrices[index] = found if stacked else found[0]
    return Symmetry(space, {}, {}, matrices)


def _full_rank(matrix: Tensor) -> Tensor:
    values = torch.linalg.svdvals(matrix)
    return values[..., -1] > _FULL_RANK * values[..., 0]
