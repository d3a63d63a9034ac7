"""What small nets are fitted to."""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor


@dataclass(frozen=True, eq=False)
class Dataset:
    """Examples in three parts: nets train on the first, recipes choose on the second, the third is held out.

    Inputs are float32 with channels first, labels int64. The parts never share an example.
    """

    name: str
    classes: int
    x_train: Float[Tensor, "train *input"]
    y_train: Int[Tensor, " train"]
    x_val: Float[Tensor, "val *input"]
    y_val: Int[Tensor, " val"]
    x_test: Float[Tensor, "test *input"]
    y_test: Int[Tensor, " test"]

    def part(self, name: str) -> tuple[Tensor, Tensor]:
        """Inputs and labels of ``train``, ``val`` or ``test``."""
        return getattr(self, f"x_{name}"), getattr(self, f"y_{name}")

    @property
    def input_shape(self) -> tuple[int, ...]:
        """Shape of one example."""
        return tuple(self.x_train.shape[1:])


def split_dataset(name: str, x: Tensor, y: Tensor, val: int, test: int, seed: int) -> Dataset:
    """Cuts examples into parts by one seeded shuffle; what ``val`` and ``test`` leave is for training."""
    order = torch.randperm(len(x), generator=torch.Generator().manual_seed(seed))
    x, y = x[order], y[order].long()
    first, second = test, test + val
    return Dataset(
        name, int(y.max()) + 1, x[second:], y[second:], x[first:second], y[first:second], x[:first], y[:first]
    )
