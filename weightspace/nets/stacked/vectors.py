"""Stacks of weights as one matrix, a row a net, and back."""

from collections.abc import Mapping
from functools import lru_cache

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from weightspace.space import WeightSpace


class Vectors:
    """Where the tensors of a space lie in a row: floating ones by name, counters apart.

    The order of names is the same for equal spaces, whatever order their tensors came in, so rows can be saved.

    Attributes:
        learned: which entries of a row are parameters, not buffers. owners: the number of each entry's tensor.
    """

    def __init__(self, space: WeightSpace):
        kinds = {name: space.tensors[name].dtype for name in sorted(space.tensors)}
        self.floats = [name for name, kind in kinds.items() if kind.startswith(("float", "bfloat"))]
        self.counters = [name for name in kinds if name not in self.floats]
        self.shapes = {name: tuple(size or 0 for size in spec.shape) for name, spec in space.tensors.items()}
        sizes = torch.tensor([space.tensors[name].numel for name in self.floats])
        self.sizes = sizes.tolist()
        learned = torch.tensor([not space.tensors[name].buffer for name in self.floats])
        self.learned: Bool[Tensor, " entries"] = learned.repeat_interleave(sizes)
        self.owners: Int[Tensor, " entries"] = torch.arange(len(self.floats)).repeat_interleave(sizes)

    def rows(self, weights: Mapping[str, Tensor]) -> Float[Tensor, "nets entries"]:
        """The floating tensors of a stack, a row a net."""
        return torch.cat([weights[name].reshape(len(weights[name]), -1) for name in self.floats], 1)

    def counts(self, weights: Mapping[str, Tensor]) -> Int[Tensor, "nets counters"]:
        """The counters of a stack (batches that a norm has seen); empty without any."""
        nets = len(next(iter(weights.values())))
        flat = [weights[name].reshape(nets, -1).long() for name in self.counters]
        none = torch.zeros(nets, 0, dtype=torch.int64, device=next(iter(weights.values())).device)
        return torch.cat([none, *flat], 1)

    def weights(
        self, rows: Float[Tensor, "nets entries"], counts: Int[Tensor, "nets counters"] | None = None
    ) -> dict[str, Tensor]:
        """The stack again; counters are zero without ``counts``."""
        parts = dict(zip(self.floats, rows.split(self.sizes, 1), strict=True))
        if counts is None:
            counts = torch.zeros(len(rows), len(self.counters), dtype=torch.int64, device=rows.device)
        parts |= {name: counts[:, column] for column, name in enumerate(self.counters)}
        return {name: parts[name].reshape(len(rows), *shape) for name, shape in self.shapes.items()}

    def per_tensor(self, values: Float[Tensor, "... tensors"]) -> Float[Tensor, "... entries"]:
        """A number for each tensor, given to all of its entries."""
        return values[..., self.owners.to(values.device)]

    def mean_square(self, rows: Float[Tensor, "nets entries"]) -> Float[Tensor, "nets tensors"]:
        """The mean of the squares of each tensor's entries."""
        return torch.stack([part.square().mean(1) for part in rows.split(self.sizes, 1)], 1)

    def moments(self, rows: Float[Tensor, "nets entries"]) -> Float[Tensor, "nets 2 tensors"]:
        """Mean and spread of each tensor's entries, net by net."""
        parts = rows.split(self.sizes, 1)
        return torch.stack([torch.stack([part.mean(1), part.std(1, correction=0)], 1) for part in parts], 2)

    def usual(self, rows: Float[Tensor, "nets entries"]) -> Float[Tensor, "2 tensors"]:
        """Mean and spread of each tensor's entries over all nets; the spread is above zero."""
        own = self.moments(rows)
        mean = own[:, 0].mean(0)
        return torch.stack([mean, (own.square().sum(1).mean(0) - mean.square()).clamp_min(1e-12).sqrt()])


@lru_cache(maxsize=64)
def vectors(space: WeightSpace) -> Vectors:
    """`Vectors` of a space, made once."""
    return Vectors(space)
