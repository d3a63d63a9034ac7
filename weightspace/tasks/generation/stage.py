"""The nets of a zoo that generated ones are compared with: trained to one stage, and held out by lineage."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow.compute as pc
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from weightspace.data import load_dataset
from weightspace.nets.net import example_inputs
from weightspace.nets.stacked.run import run_stack
from weightspace.nets.stacked.statistics import fit_statistics
from weightspace.space import WeightSpace
from weightspace.zoo import Zoo
from weightspace.zoo.starts import draw_starts

Weights = Mapping[str, Tensor]
CHUNK = 64


@dataclass(frozen=True, eq=False)
class Stage:
    """Nets of one architecture that are as good as was asked for.

    Args:
        space: their weight space.
        module: one net of the architecture, in evaluation mode.
        seen: weights of the nets that generators are trained on.
        accuracy: theirs, on validation images, ``[seen]``.
        held: weights of held-out lineages at the same stage. inputs, labels: test images.
        images: of the training part, for the statistics of norms.
        domain: what generators are told of these nets.
        starts: what the seen nets were trained from, if that can be drawn again.
    """

    space: WeightSpace
    module: nn.Module
    seen: dict[str, Tensor]
    accuracy: Float[Tensor, " seen"]
    held: dict[str, Tensor]
    inputs: Tensor
    labels: Int[Tensor, " images"]
    images: Tensor
    domain: Mapping[str, Any]
    starts: dict[str, Tensor] | None = None

    @classmethod
    def from_zoo(cls, zoo: Zoo, least: float, most: int = 400) -> "Stage":
        """The last states with a validation accuracy of ``least`` or more; of the training runs at most ``most``.

        Held out are the test runs alone: what a generator is trained on and picked by are the others.

        Raises:
            ValueError: fewer than 20 training or test runs reach it.
        """
        zoo = zoo.filter(status="ok").final().filter(pc.field("val_accuracy") >= least)
        train, held = zoo.split("train"), zoo.split("test")
        if min(len(train), len(held)) < 20:
            raise ValueError(
                f"20 training and 20 test runs must reach a validation accuracy of {least}, got {len(train)} and "
                f"{len(held)}. Ask for less, or build more nets."
            )
        train = train.view(train.table.slice(0, most))
        data, module = load_dataset(**zoo.recipe.data), zoo.architecture.build().eval()
        shape, (inputs, labels) = example_inputs(module)[0].shape[1:], data.part("test")
        images, inputs = data.x_train.reshape(-1, *shape), inputs.reshape(-1, *shape)
        accuracy = torch.tensor(train.table["val_accuracy"].to_pylist())
        domain = {"data": dict(zoo.recipe.data), "architectures": [zoo.architecture.to_dict()]}
        return cls(
            zoo.space,
            module,
            train.weights(),
            accuracy,
            held.weights(),
            inputs.reshape(-1, *shape),
            labels,
            images,
            domain,
            _starts(train),
        )

    @torch.no_grad()
    def logits(self, weights: Weights) -> Float[Tensor, "nets images classes"]:
        """What nets answer to the test images."""
        count = len(next(iter(weights.values())))
        parts = [slice(start, start + CHUNK) for start in range(0, count, CHUNK)]
        return torch.cat(
            [run_stack(self.module, {k: t[part] for k, t in weights.items()}, self.inputs) for part in parts]
        )

    def measured_again(self, weights: Weights) -> dict[str, Tensor]:
        """The stack with the running statistics of its batch norms measured on the training images."""
        return fit_statistics(self.module, weights, self.images)

    def correct(self, logits: Float[Tensor, "nets images classes"]) -> Float[Tensor, " nets"]:
        """Test accuracy."""
        return (logits.argmax(2) == self.labels).float().mean(1)


def _starts(zoo: Zoo) -> dict[str, Tensor] | None:
    try:
        return draw_starts(zoo)
    except ValueError:  # nets with running statistics, or whose start depends on data
        return None
