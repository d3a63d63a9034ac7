"""What small nets are fitted to."""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

PARTS = ("train", "val", "test")


@dataclass(frozen=True, eq=False)
class Dataset:
    """Examples in three parts: nets train on the first, recipes choose on the second, the third is held out.

    Inputs are float32 with channels first, or whole numbers (int64) as token ids are; labels are int64. The parts never
    share an example.

    Raises:
        ValueError: an empty part, parts of different shapes, labels that aren't below ``classes``, inputs that are
            infinite or NaN.
    """

    name: str
    classes: int
    x_train: Float[Tensor, "train *input"] | Int[Tensor, "train *input"]
    y_train: Int[Tensor, " train"]
    x_val: Float[Tensor, "val *input"] | Int[Tensor, "val *input"]
    y_val: Int[Tensor, " val"]
    x_test: Float[Tensor, "test *input"] | Int[Tensor, "test *input"]
    y_test: Int[Tensor, " test"]

    def __post_init__(self):
        for part in PARTS:
            x, y = self.part(part)
            where = f"data {self.name!r}: the part {part!r}"
            if len(x) != len(y) or not len(y):
                raise ValueError(f"{where} must hold as many labels as inputs, got {len(x)} inputs and {len(y)} labels")
            if x.shape[1:] != self.x_train.shape[1:]:
                raise ValueError(
                    f"{where} must have inputs of shape {self.input_shape} as 'train', got {tuple(x.shape[1:])}"
                )
            if not 0 <= int(y.min()) <= int(y.max()) < self.classes:
                raise ValueError(
                    f"{where} must have labels from 0 to {self.classes - 1}, got {int(y.min())} to {int(y.max())}"
                )
            if not bool(torch.isfinite(x).all()):
                raise ValueError(f"{where} must have finite inputs, but holds infinities or NaN")

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
