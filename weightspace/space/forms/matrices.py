"""The canonical member among all products with invertible matrices: singular vectors, in both directions alike."""

from collections.abc import Iterable, Mapping
from functools import lru_cache
from math import prod
from typing import TYPE_CHECKING

import torch
from jaxtyping import Float
from torch import Tensor

from weightspace.space.forms.entries import neurons_along, plan
from weightspace.space.matrices import MatrixGroup, rows_along
from weightspace.space.symmetry import Symmetry

if TYPE_CHECKING:
    from weightspace.space.weightspace import WeightSpace

_FULL_RANK = 1e-7  # smallest over largest singular value, below which a side counts as deficient


def settle_matrices(space: "WeightSpace", weights: Mapping[str, Tensor]) -> Symmetry:
    """The matrices that bring every group to its canonical form, but for order and signs of its neurons.

    What writes the neurons is ``X``, what reads them ``Y``, with neurons as rows; only ``X^T Y = U S V^T`` matters to
    the function. It is computed by two QR decompositions and a singular value decomposition of the small core, and
    ``X`` becomes ``S^(1/2) U^T``, ``Y`` ``S^(1/2) V^T``: of all members that with the smallest sum of squares; the
    cubes of each row of ``X`` add up to something positive. Where either side doesn't have full rank (an adapter that
    hasn't been trained, more neurons than inputs), nothing changes; nor of groups that are
    `unsettled`.
    """
    stacked = space.check(weights) is not None
    matrices = {}
    for index in settled_groups(space):
        group = space.matrices[index]
        write, read = sides(space, group, weights, stacked)
        found = _balancing(write, read)
        cubes = (found @ write).pow(3).sum(-1, keepdim=True)
        found = torch.where(cubes < 0, -found, found)
        matrices[index] = found if stacked else found[0]
    return Symmetry(space, {}, {}, matrices)


@lru_cache(maxsize=128)
def settled_groups(space: "WeightSpace") -> tuple[int, ...]:
    """The groups of matrices that the canonical form settles: each by itself, from tensors that nothing else scales."""
    return tuple(index for index in range(len(space.matrices)) if not _obstacle(space, index))


def unsettled(space: "WeightSpace") -> tuple[str, ...]:
    """What a canonical form leaves open, in words: groups of matrices that can't be settled, and why."""
    return tuple(
        f"the matrices that mix {space.matrices[index].name!r}, {obstacle}"
        for index in range(len(space.matrices))
        if (obstacle := _obstacle(space, index))
    )


def mixed_places(space: "WeightSpace", groups: Iterable[int]) -> frozenset[tuple[str, str]]:
    """The tensors that groups of matrices mix, each with the name whose neurons are mixed."""
    found = (space.matrices[index] for index in groups)
    return frozenset((tensor, group.name) for group in found for tensor in group.powers)


def _obstacle(space: "WeightSpace", index: int) -> str:
    """Why a group can't be settled, or nothing."""
    group = space.matrices[index]
    if met := _met(space).get(index):
        return "as those of {!r} act on {!r} too".format(*met)
    if min(_columns(space, group, power) for power in (1, -1)) < (space.names[group.name].size or 1):
        return "as they are more than what feeds or reads them"
    alone = [number for number in range(len(space.matrices)) if number not in _met(space)]
    order = plan(space, "scale", mixed_places(space, alone))
    told = [(action, {entry.tensor for entry in deciding}) for action, deciding in order.steps]
    told += [(action, set(space.actions[action].powers)) for action in order.rest]
    for action, tensors in told:
        name = space.actions[action].name
        if name not in (group.name, group.per) and tensors & set(group.powers):
            return f"as only what they mix tells the scales of {name!r}"
    return ""


@lru_cache(maxsize=128)
def _met(space: "WeightSpace") -> dict[int, tuple[str, str]]:
    """For each group that shares a tensor with another that one's name, and the tensor."""
    bearing: dict[str, list[int]] = {}
    for index, group in enumerate(space.matrices):
        for tensor in group.powers:
            bearing.setdefault(tensor, []).append(index)
    found: dict[int, tuple[str, str]] = {}
    for tensor, groups in bearing.items():
        for index in groups if len(groups) > 1 else ():
            other = next(own for own in groups if own != index)
            found.setdefault(index, (space.matrices[other].name, tensor))
    return found


def _columns(space: "WeightSpace", group: MatrixGroup, power: int) -> int:
    """How many columns there are of what each matrix multiplies, or of what its inverse does."""
    count = (space.names[group.per].size or 1) if group.per else 1
    total = 0
    for name, entries in group.powers.items():
        spec = space.tensors[name]
        for dim, occurrence, own in entries:
            rest = prod(size or 0 for axis, size in enumerate(spec.shape) if axis != dim)
            beside = int((neurons_along(spec.axes[dim], occurrence) == 1).sum())
            total += rest * beside // count * (own == power)
    return total


def sides(
    space: "WeightSpace", group: MatrixGroup, weights: Mapping[str, Tensor], stacked: bool
) -> tuple[Float[Tensor, "nets per size written"], Float[Tensor, "nets per size read"]]:
    """All that a group multiplies with its matrices, and all that it multiplies with their inverses, float64."""
    found: dict[bool, list[Tensor]] = {True: [], False: []}
    for name, entries in group.powers.items():
        stack = weights[name].detach().double().cpu()
        stack = stack if stacked else stack.unsqueeze(0)
        for dim, occurrence, power in entries:
            rows, _, owners = rows_along(space.tensors[name].axes[dim], occurrence, group.per, stack, dim + 1)
            order, count = owners.argsort(stable=True), int(owners.max()) + 1
            rows = rows.flatten(3) if rows.ndim > 3 else rows.unsqueeze(3)
            heads = rows[:, :, order].unflatten(2, (count, -1)).permute(0, 2, 1, 3, 4)
            found[power > 0].append(heads.flatten(3))
    return torch.cat(found[True], 3), torch.cat(found[False], 3)


def _balancing(write: Float[Tensor, "*lead size a"], read: Float[Tensor, "*lead size b"]) -> Float[Tensor, "..."]:
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
    return torch.where(full[..., None, None], found, stay)


def _full_rank(matrix: Tensor) -> Tensor:
    values = torch.linalg.svdvals(matrix)
    return values[..., -1] > _FULL_RANK * values[..., 0]
