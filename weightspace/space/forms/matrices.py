"""The canonical member among all products with invertible matrices: singular vectors, in both directions alike."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import torch
from jaxtyping import Float
from torch import Tensor

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
    hasn't been trained, more neurons than inputs), nothing changes; nor where two groups meet in a tensor.
    """
    stacked = space.check(weights) is not None
    matrices = {}
    for index in separate_groups(space):
        group = space.matrices[index]
        write, read = sides(space, group, weights, stacked)
        found = _balancing(write, read)
        cubes = (found @ write).pow(3).sum(-1, keepdim=True)
        found = torch.where(cubes < 0, -found, found)
        matrices[index] = found if stacked else found[0]
    return Symmetry(space, {}, {}, matrices)


def separate_groups(space: "WeightSpace") -> list[int]:
    """The groups of matrices that share no tensor with another, so that each can be settled by itself."""
    count: dict[str, int] = {}
    for group in space.matrices:
        for tensor in group.powers:
            count[tensor] = count.get(tensor, 0) + 1
    return [k for k, group in enumerate(space.matrices) if all(count[tensor] == 1 for tensor in group.powers)]


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
