"""Neurons that matrices may mix: heads paired by their circuits, then the best turn inside each."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import torch
from jaxtyping import Float
from torch import Tensor

from weightspace.align.matching.assign import assign
from weightspace.align.matching.descent import descend, fit_scales, match
from weightspace.align.matching.pairs import Match
from weightspace.space import MatrixGroup, Symmetry, WeightSpace
from weightspace.space.forms.matrices import sides
from weightspace.space.forms.obstacles import separate_groups
from weightspace.space.matrices import pair_places, turns_of_pairs

_ROUNDS, _GAIN, _FITS = 8, 1e-4, 3
Stack = Mapping[str, Tensor]


def match_whole(space: WeightSpace, a: Stack, b: Stack, starts: int, generator: torch.Generator) -> Symmetry:
    """What brings each net of ``b`` to its partner in ``a``, by all kinds of symmetry; a batched symmetry.

    Residual streams that orthogonal matrices may mix are turned first, by what ties them to inputs and outputs.

    Args:
        a, b: stacks of as many nets in balance, where what is left of the invertible matrices is rotations.
        starts, generator: see `match`.
    """
    start = anchored(space, a, b)
    if start.matrices:  # whole neurons are compared next, so that signs of pairs and heads must be those of a before
        start = paired_heads(space, a, space.apply(start, b)).compose(start)
        start = turned(space, a, space.apply(start, b), ("linear", "complex")).compose(start)
    found = match(space, a, space.apply(start, b), starts, generator).compose(start)
    return match_mixed(space, a, b, found) if separate_groups(space) else found


def match_mixed(space: WeightSpace, a: Stack, b: Stack, start: Symmetry) -> Symmetry:
    """Go on from a match with the matrices: heads, rotations and everything else in turns, until that gains nothing.

    Args:
        start: brings b to a, but for matrices.
    """
    reached = -torch.inf
    for _ in range(_ROUNDS):
        for pick in (paired_heads, turned):
            start = pick(space, a, space.apply(start, b)).compose(start)
        tried = Match(space, a, space.apply(start, b))
        descend(tried)
        fit_scales(tried, order=False)
        start = tried.symmetry.compose(start)
        before, reached = reached, float(tried.quality().sum())
        if reached < before + _GAIN * tried.count:
            break
    start = turned(space, a, space.apply(start, b)).compose(start)
    for _ in range(_FITS):  # turns alone can't undo stretches that scales left while pairs were still wrong
        start = stretched(space, a, space.apply(start, b)).compose(start)
        tried = Match(space, a, space.apply(start, b))
        fit_scales(tried, order=False)
        start = tried.symmetry.compose(start)
    return start


def anchored(space: WeightSpace, a: Stack, b: Stack) -> Symmetry:
    """The orthogonal matrices that fit b to a on tensors whose other axes keep their order: embeddings, last layers."""
    matrices = {}
    for index in separate_groups(space):
        group = space.matrices[index]
        fixed = {tensor: s for tensor, s in group.powers.items() if _is_anchor(space, group, tensor)}
        if group.kind == "orthogonal" and fixed:
            product = _products(space, replace(group, powers=fixed), a, b)[:, 0, 0]
            matrices[index] = nearest_turn(group, product.unsqueeze(1))
    return Symmetry(space, {}, {}, matrices)


def _is_anchor(space: WeightSpace, group: MatrixGroup, tensor: str) -> bool:
    if any(tensor in other.powers for other in space.matrices if other != group):
        return False
    names = [
        atom.name for atom in space.tensors[tensor].atoms() if atom.name is not None and space.names[atom.name].free
    ]
    return names == [group.name]


def paired_heads(space: WeightSpace, a: Stack, b: Stack) -> Symmetry:
    """The order of heads in which they agree most, each pair after the turn that suits it best.

    The agreement of two heads is the sum of the singular values of the product of their weights, over all groups; of
    channels in pairs the sum of the absolute values of those products, as complex numbers.
    """
    tables: dict[str, Tensor] = {}
    for index in separate_groups(space):
        group = space.matrices[index]
        if group.per is not None:
            products = _products(space, group, a, b)
            values = (
                torch.linalg.svdvals(products)
                if group.pairs is None
                else torch.stack(_turn(group, products)).norm(dim=0)
            )
            total = values.sum(-1)
            tables[group.per] = tables[group.per] + total if group.per in tables else total
    return Symmetry(space, {name: assign(table) for name, table in tables.items()}, {})


def turned(
    space: WeightSpace, a: Stack, b: Stack, kinds: Sequence[str] = ("linear", "complex", "orthogonal")
) -> Symmetry:
    """The turns that bring b, otherwise aligned, closest to a (Procrustes), group by group."""
    path = space.identity()
    for kind in kinds:
        matrices = {}
        for index in separate_groups(space):
            group = space.matrices[index]
            if group.kind == kind:
                products = _products(space, group, a, space.apply(path, b)).diagonal(dim1=1, dim2=2).movedim(-1, 1)
                matrices[index] = nearest_turn(group, products)
        path = Symmetry(space, {}, {}, matrices).compose(path)
    return path


def stretched(space: WeightSpace, a: Stack, b: Stack) -> Symmetry:
    """One step towards the invertible matrices that bring b, otherwise aligned, closest to a (Gauss and Newton).

    With ``1 + E`` on what writes the neurons, ``X``, and to first order ``1 - E^T`` on what reads them, ``Y``, the
    squared distance is smallest where ``Y Y^T E + E X X^T = Y (Y - Y_a)^T - (X - X_a) X^T``. A head for which the step
    doesn't bring the two closer stays.
    """
    matrices = {}
    for index in separate_groups(space):
        group = space.matrices[index]
        if group.kind == "linear":
            (x_a, y_a), (x, y) = (sides(space, group, side, True) for side in (a, b))
            wanted = y @ (y - y_a).transpose(-1, -2) - (x - x_a) @ x.transpose(-1, -2)
            eye = torch.eye(x.shape[-2], dtype=x.dtype)
            found = eye + _sylvester(y @ y.transpose(-1, -2), x @ x.transpose(-1, -2), wanted)
            back, info = torch.linalg.inv_ex(found.transpose(-1, -2))
            before = (x - x_a).square().sum((-1, -2)) + (y - y_a).square().sum((-1, -2))
            after = (found @ x - x_a).square().sum((-1, -2)) + (back @ y - y_a).square().sum((-1, -2))
            closer = (info == 0) & (after < before)
            matrices[index] = torch.where(closer[..., None, None], found, eye)
    return Symmetry(space, {}, {}, matrices)


def _sylvester(
    left: Float[Tensor, "*lead size size"], right: Float[Tensor, "*lead size size"], wanted: Tensor
) -> Float[Tensor, "*lead size size"]:
    """The matrix ``E`` with ``left E + E right = wanted``, where both are symmetric without negative eigenvalues."""
    (d, u), (e, v) = torch.linalg.eigh(left), torch.linalg.eigh(right)
    sums = d.clamp_min(0).unsqueeze(-1) + e.clamp_min(0).unsqueeze(-2)
    known = sums > 1e-12 * sums.amax((-1, -2), keepdim=True)
    core = u.transpose(-1, -2) @ wanted @ v
    return u @ torch.where(known, core / sums.clamp_min(1e-300), 0.0) @ v.transpose(-1, -2)


def nearest_turn(group: MatrixGroup, products: Float[Tensor, "*lead size size"]) -> Float[Tensor, "*lead size size"]:
    """The turn whose inner product with a matrix is largest."""
    if group.pairs is None:
        left, _, right = torch.linalg.svd(products)
        return left @ right
    real, imaginary = _turn(group, products)
    return turns_of_pairs(torch.ones_like(real), torch.atan2(imaginary, real), group.pairs)


def _turn(group: MatrixGroup, products: Float[Tensor, "*lead size size"]) -> list[Tensor]:
    """Real and imaginary part of what each pair of channels has in common."""
    one, other = pair_places(products.shape[-1], group.pairs or "halves")
    return [
        products[..., one, one] + products[..., other, other],
        products[..., other, one] - products[..., one, other],
    ]


def _products(space: WeightSpace, group: MatrixGroup, a: Stack, b: Stack) -> Float[Tensor, "nets per per size size"]:
    """For each head of a and each of b the inner products of their neurons' weights."""
    ours, theirs = (sides(space, group, side, True) for side in (a, b))
    pairs = [torch.einsum("nhik,ngjk->nhgij", one, other) for one, other in zip(ours, theirs, strict=True)]
    return torch.stack(pairs).sum(0)
