"""The canonical member among all products with matrices: singular vectors, in both directions alike; turned pairs."""

from collections.abc import Mapping, Sequence

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from weightspace.space.forms.obstacles import settled_groups
from weightspace.space.matrices import MatrixGroup, pair_places, rows_along, turns_of_pairs
from weightspace.space.symmetry import Symmetry
from weightspace.space.weightspace import WeightSpace

_FULL_RANK = 1e-7  # smallest over largest singular value, below which a side counts as deficient


def settle_matrices(
    space: WeightSpace, weights: Mapping[str, Tensor], kinds: Sequence[str] = ("linear", "complex", "orthogonal")
) -> Symmetry:
    """The matrices that bring every group to its canonical form, but for order and signs of its neurons.

    Linear: what writes the neurons is ``X``, what reads them ``Y``, with neurons as rows; only ``X^T Y = U S V^T``
    matters to the function. It is computed by two QR decompositions and a singular value decomposition of the small
    core, and ``X`` becomes ``S^(1/2) U^T``, ``Y`` ``S^(1/2) V^T``: of all members that with the least sum of squares;
    the cubes of each row of ``X`` add up to something positive. Where one side doesn't have full rank (an adapter
    that hasn't been trained), the other becomes the identity on the columns that stand out most in the span of its
    rows; where neither has (more neurons than inputs), nothing changes; nor of groups that are `unsettled`.

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


def sides(
    space: WeightSpace, group: MatrixGroup, weights: Mapping[str, Tensor], stacked: bool
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
    writes, reads = _full_rank(one), _full_rank(other)
    full = writes & reads
    one = torch.where(full[..., None, None], one, stay)
    left, values, _ = torch.linalg.svd(one @ torch.where(full[..., None, None], other, stay).transpose(-1, -2))
    wanted = values.sqrt().unsqueeze(-1) * left.transpose(-1, -2)  # M R1^T
    found = torch.linalg.solve(one, wanted.transpose(-1, -2)).transpose(-1, -2)
    if bool((writes & ~reads).any()):
        found = torch.where(reads[..., None, None], found, torch.linalg.inv(_pivots(write, writes)))
    if bool((reads & ~writes).any()):
        found = torch.where(writes[..., None, None], found, _pivots(read, reads).mT)
    return _signed(torch.where((writes | reads)[..., None, None], found, stay), write)


def _pivots(side: Float[Tensor, "*lead size columns"], full: Bool[Tensor, "*lead"]) -> Float[Tensor, "*lead size size"]:
    """The columns of a side that stand out most in the span of its rows, one after the other; the same in every basis.

    Where the side doesn't have full rank, the identity.
    """
    size = side.shape[-2]
    rest, chosen = torch.linalg.qr(side.mT).Q, list[Tensor]()
    for _ in range(size):
        chosen.append(rest.square().sum(-1).argmax(-1))
        row = rest.gather(-2, chosen[-1][..., None, None].expand(*rest.shape[:-2], 1, size))
        row = row / row.norm(dim=-1, keepdim=True).clamp_min(1e-300)
        rest = rest - (rest @ row.mT) @ row
    columns = torch.stack(chosen, -1).unsqueeze(-2).expand(*side.shape[:-1], size)
    return torch.where(full[..., None, None], side.gather(-1, columns), torch.eye(size, dtype=side.dtype))


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


def settle_signs_of_matrices(space: WeightSpace, weights: Mapping[str, Tensor]) -> Symmetry:
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
