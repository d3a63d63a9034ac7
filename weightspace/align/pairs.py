"""Many pairs of nets, aligned a few hundred at a time."""

from collections.abc import Callable, Mapping

import torch
from jaxtyping import Float, Int
from torch import Tensor

from weightspace.align.matching.turns import match_whole
from weightspace.space import WeightSpace

_ENTRIES = 1 << 21  # entries of one side of the pairs that are matched at once: more no longer fit the cache
Stack = Mapping[str, Tensor]


def over_pairs(
    space: WeightSpace,
    a: Stack,
    b: Stack,
    pairs: Int[Tensor, "pairs 2"],
    compare: Callable[[Stack, Stack], Float[Tensor, "some"]],
    starts: int,
    seed: int,
) -> Float[Tensor, "pairs"]:
    """What ``compare`` says of net ``i`` of a and net ``j`` of b, aligned to it, for each pair ``(i, j)``.

    Args:
        a, b: stacks in balanced scales. compare: takes two stacks of as many nets.
    """
    entries = max(1, sum(spec.numel for spec in space.tensors.values()))
    found = []
    for part in pairs.split(max(1, _ENTRIES // entries)):
        one, other = rows_of(a, part[:, 0]), rows_of(b, part[:, 1])
        if space.free:
            generator = torch.Generator().manual_seed(seed)
            other = space.apply(match_whole(space, one, other, starts, generator), other)
        found.append(compare(one, other).cpu())
    return torch.cat(found) if found else torch.zeros(0, dtype=torch.float64)


def rows_of(stack: Stack, rows: Int[Tensor, "some"]) -> dict[str, Tensor]:
    """Some nets of a stack."""
    return {name: tensor[rows.to(tensor.device)] for name, tensor in stack.items()}
