"""Nets twice as wide whose blocks are mixtures of what several nets have learned."""

from collections.abc import Mapping, Sequence
from itertools import product

import torch
from torch import Tensor

from weightspace.align.checks import ready
from weightspace.align.reference import align_all
from weightspace.space import Atom, TensorSpec, WeightSpace

Weights = Mapping[str, Tensor]


def mixture_growth(
    space: WeightSpace, nets: Sequence[Weights], names: Sequence[str] | None = None, seed: int = 0
) -> dict[str, Tensor]:
    """The weights of a net in which sets of neurons are twice as large, made from several trained nets.

    The nets are aligned; then every tensor of the larger net is made of blocks, old and new neurons by old and new
    ones, and each block is a mixture of the nets' tensors. The first net stays in the block of old neurons by old ones;
    the others get mixtures with orthogonal coefficients, so that they differ as much as they can. After Pham et al.
    2023, "MixtureGrowth: growing neural networks by recombining learned parameters" (arXiv:2311.04251), which mixes
    templates that the layers of one net share, where this mixes the tensors of several nets. What reads
    old and new neurons is divided by the root of two, which keeps the size of what it gives. The function isn't kept:
    train on.

    Args:
        nets: at least two. names: the sets to double; None takes all that stand alone on their axes. seed: of aligning
            and of the coefficients.

    Raises:
        ValueError: fewer than two nets, an unknown name, one inside a product of axes (heads, a flatten).
    """
    if len(nets) < 2:
        raise ValueError(f"MixtureGrowth needs at least two nets, got {len(nets)}.")
    chosen = _alone(space) if names is None else list(names)
    if wrong := [name for name in chosen if name not in _alone(space)]:
        raise ValueError(f"Names to double must stand alone on their axes, as {', '.join(_alone(space))}; got {wrong}.")
    singles = [{n: t[0] for n, t in ready(space, net, f"net {k}")[0].items()} for k, net in enumerate(nets)]
    moved = [space.apply(g, net) for g, net in zip(align_all(space, singles, seed=seed), singles, strict=True)]
    generator, result = torch.Generator().manual_seed(seed), {}
    for name, spec in space.tensors.items():
        stack = torch.stack([net[name] for net in moved])
        result[name] = _grown(spec, stack, set(chosen), generator).to(nets[0][name].dtype)
    return result


def _alone(space: WeightSpace) -> list[str]:
    """Free names that are an axis of their own wherever they stand."""
    inside = {
        atom.name for spec in space.tensors.values() for axis in spec.axes if not isinstance(axis, Atom)
        for atom in axis.atoms()
    }  # fmt: skip
    return [name for name in space.free if name not in inside]


def _grown(spec: TensorSpec, stack: Tensor, names: set[str], generator: torch.Generator) -> Tensor:
    dims = [dim for dim, axis in enumerate(spec.axes) if isinstance(axis, Atom) and axis.name in names]
    if not dims or not stack.is_floating_point():
        return stack[0]
    corners = list(product((0, 1), repeat=len(dims)))
    shares = _coefficients(len(corners), len(stack), spec.slot in ("var", "scale"), generator).to(stack)
    blocks = {corner: torch.tensordot(row, stack, 1) for corner, row in zip(corners, shares, strict=True)}
    for place, dim in list(enumerate(dims))[::-1]:
        blocks = {c: torch.cat([blocks[(*c, 0)], blocks[(*c, 1)]], dim) for c in product((0, 1), repeat=place)}
    reads = sum(dim in spec.source for dim in dims)
    return blocks[()] / 2 ** (reads / 2)


def _coefficients(blocks: int, nets: int, positive: bool, generator: torch.Generator) -> Tensor:
    """A row of shares a block: the first net first, then orthogonal rows; of what must stay positive, means."""
    first = torch.eye(nets, dtype=torch.float64)[:1]
    if positive:
        return torch.cat([first, torch.full((blocks - 1, nets), 1 / nets, dtype=torch.float64)])
    rows = [first]
    while sum(map(len, rows)) < blocks:
        rows.append(torch.linalg.qr(torch.randn(nets, nets, generator=generator, dtype=torch.float64)).Q)
    return torch.cat(rows)[:blocks]
