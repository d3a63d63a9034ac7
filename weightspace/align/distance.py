"""How far apart two nets are, whatever the order, scales and signs of their neurons."""

import copy
from collections.abc import Mapping
from functools import partial

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.func import functional_call

from weightspace.align.checks import check_nets, ready
from weightspace.align.matching.scales import balanced
from weightspace.align.pairs import over_pairs
from weightspace.space import WeightSpace


def distance(
    space: WeightSpace, a: Mapping[str, Tensor], b: Mapping[str, Tensor], starts: int = 1, seed: int = 0
) -> Float[Tensor, "..."]:
    """Distance of nets modulo symmetry: the norm of the difference over all parameters, after aligning ``b`` to ``a``.

    Both nets are first brought to the smallest sum of squares among their rescalings, so that the distance doesn't
    depend on scales. It is 0 for two members of one orbit, and an upper bound otherwise: the best alignment is hard to
    find. Buffers, such as the statistics of a norm, don't count.

    Args:
        a, b: single nets, or stacks ``[N, ...]`` and ``[M, ...]``, every net of the one against every net of the other.
        starts, seed: as for `align`.

    Returns:
        A number as a tensor of shape ``[]``, ``[N]``, ``[M]`` or ``[N, M]``, an axis for each stack.

    Raises:
        ValueError: weights that don't fit the space or aren't finite.
    """
    (one, first), (other, second) = ready(space, a, "a"), ready(space, b, "b")
    rows, columns = len(next(iter(one.values()))), len(next(iter(other.values())))
    pairs = torch.cartesian_prod(torch.arange(rows), torch.arange(columns)).reshape(-1, 2)
    shape = [size for size, stacked in ((rows, first), (columns, second)) if stacked]
    return _distances(space, one, other, pairs, starts, seed).reshape(shape)


def pair_distances(
    space: WeightSpace,
    a: Mapping[str, Tensor],
    b: Mapping[str, Tensor],
    pairs: Int[Tensor, "pairs 2"],
    starts: int = 1,
    seed: int = 0,
) -> Float[Tensor, "pairs"]:
    """`distance` of net ``i`` of a stack and net ``j`` of another for some pairs ``(i, j)``, all of them at once.

    Args:
        a, b: stacks ``[N, ...]`` and ``[M, ...]``. starts, seed: as for `align`.

    Raises:
        ValueError: weights that don't fit the space or aren't finite, or single nets.
    """
    (one, first), (other, second) = ready(space, a, "a"), ready(space, b, "b")
    if not (first and second):
        raise ValueError("Pairs are taken from two stacks of nets, got a single net; call distance for that.")
    return _distances(space, one, other, pairs, starts, seed)


def _distances(
    space: WeightSpace,
    a: Mapping[str, Tensor],
    b: Mapping[str, Tensor],
    pairs: Int[Tensor, "pairs 2"],
    starts: int,
    seed: int,
) -> Float[Tensor, "pairs"]:
    one, other = balanced(space, a)[0], balanced(space, b)[0]
    return over_pairs(space, one, other, pairs, partial(_norms, space), starts, seed)


def _norms(space: WeightSpace, a: Mapping[str, Tensor], b: Mapping[str, Tensor]) -> Float[Tensor, "pairs"]:
    squares = [
        (a[name].double() - b[name].double()).flatten(1).square().sum(1)
        for name, spec in space.tensors.items()
        if not spec.buffer
    ]
    return torch.stack(squares).sum(0).sqrt()


def function_distance(
    module: nn.Module, a: Mapping[str, Tensor], b: Mapping[str, Tensor], inputs: Float[Tensor, "batch *input"]
) -> Float[Tensor, "..."]:
    """Distance of what nets compute: the root mean square of the difference of their outputs on some inputs.

    Args:
        module: of the nets' architecture, whose own weights are not read. a, b: single nets, or stacks ``[N, ...]`` and
            ``[M, ...]``, every net of the one against every net of the other. inputs: what to run them on.

    Returns:
        A tensor of shape ``[]``, ``[N]``, ``[M]`` or ``[N, M]``, an axis for each stack.

    Raises:
        ValueError: a net lacks a tensor of the module, or isn't finite.
    """
    check_nets(module, {"a": a, "b": b}, stacks=True)
    one, other = outputs(module, a, inputs), outputs(module, b, inputs)
    shape = [*one.shape[:-1], *other.shape[:-1]]
    gaps = torch.cdist(one.reshape(-1, one.shape[-1]), other.reshape(-1, other.shape[-1]))
    return (gaps / one.shape[-1] ** 0.5).reshape(shape)


@torch.no_grad()
def outputs(
    module: nn.Module, weights: Mapping[str, Tensor], inputs: Float[Tensor, "batch *input"]
) -> Float[Tensor, "*nets outputs"]:
    """All outputs of a net, or of each net of a stack, in one row, float64; in evaluation mode, dropout off."""
    own = {name: tensor for name, tensor in module.state_dict().items() if name in weights}
    name = next(iter(own))
    stacked = weights[name].ndim > own[name].ndim
    module = copy.deepcopy(module).eval()

    def run(net: Mapping[str, Tensor]) -> Tensor:
        return functional_call(module, dict(net), (inputs,)).flatten().double()

    if not stacked:
        return run(weights)
    return torch.stack([run({key: t[row] for key, t in weights.items()}) for row in range(len(weights[name]))])
