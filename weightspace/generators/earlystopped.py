"""New nets that are trained, and stopped where they are as good as was asked for."""

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, TypeVar

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from weightspace.generators.base import Generator, GeneratorConfig, Prompts
from weightspace.generators.draws import Draws
from weightspace.generators.flows.gradients import Examples, loss_gradients
from weightspace.generators.fresh import Fresh
from weightspace.generators.refining.descent import batches
from weightspace.nets.stacked.lastlayer import check_net
from weightspace.nets.stacked.run import run_stack
from weightspace.nets.stacked.vectors import Vectors, vectors
from weightspace.space import WeightSpace

CHUNK, TRIED = 64, 16


@dataclass(frozen=True)
class EarlyStoppedConfig(GeneratorConfig):
    """What an `EarlyStopped` is told.

    Args:
        spaces: one weight space.
        examples: labelled examples that it keeps; without any nets stay as they were drawn.
        example_shape: of one of them.
        watched: share of the examples that nets aren't trained on; accuracy on them says where to stop.
        steps: of Adam, at most.
        batch: examples in each.
        learning_rate: of all.
    """

    examples: int = 0
    example_shape: tuple[int, ...] = ()
    watched: float = 0.2
    steps: int = 100
    batch: int = 100
    learning_rate: float = 0.02

    def __post_init__(self) -> None:
        super().__post_init__()
        if len(self.spaces) != 1 or any(spec.buffer for spec in self.spaces[0].tensors.values()):
            raise ValueError("EarlyStopped writes nets of one weight space without buffers (running statistics).")
        if self.steps < 1 or self.learning_rate <= 0 or not 0 < self.watched < 1:
            given = f"{self.steps}, {self.learning_rate} and {self.watched}"
            raise ValueError(f"steps must be 1 or more, learning_rate above 0, watched between 0 and 1, got {given}.")
        if self.examples and not 1 <= self.batch <= self.examples - self.looks:
            raise ValueError(f"batch must be 1 to {self.examples - self.looks}, got {self.batch}.")

    @property
    def looks(self) -> int:
        """How many examples are watched."""
        return max(1, round(self.watched * self.examples))


S = TypeVar("S", bound="EarlyStopped")


class EarlyStopped(Generator):
    """Nets trained from He's init by Adam on kept examples; each is the state whose accuracy is nearest to the prompt.

    The plain rival of generators with prompts: it learns nothing from trained nets. Accuracy is measured after every
    step on examples that nets aren't trained on; without a prompt the last state counts. It must run the net, which is
    its condition; `write_zoo` and `initialize` give it. Prompts range from where nets start to where half of them end,
    which `for_net` tries. Adam as in Kingma and Ba 2015, stopping as in Prechelt 1998, "Early stopping, but when?".

    Attributes:
        examples: kept inputs, the watched ones first.
        labels: theirs.
    """

    Config: ClassVar[type[EarlyStoppedConfig]] = EarlyStoppedConfig
    config: EarlyStoppedConfig
    examples: Tensor
    labels: Tensor
    conditions = "a net of the space, which is trained, for one that keeps examples"

    def __init__(self, config: EarlyStoppedConfig):
        super().__init__(config)
        self.start, self.takes_net = Fresh.for_spaces(*config.spaces), config.examples > 0
        self.register_buffer("examples", torch.zeros(config.examples, *config.example_shape))
        self.register_buffer("labels", torch.zeros(config.examples, dtype=torch.int64))

    @classmethod
    def for_spaces(cls: type[S], *spaces: WeightSpace, **settings: Any) -> S:
        """For nets of one space, without examples; ``settings`` are fields of its `Config`."""
        return cls(cls.Config(spaces=spaces, **settings))

    @classmethod
    def for_net(
        cls: type[S], space: WeightSpace, net: nn.Module, inputs: Tensor, labels: Int[Tensor, " examples"],
        **settings: Any,
    ) -> S:  # fmt: skip
        """One that keeps labelled examples, with the range of prompts that 16 nets show.

        Args:
            space: of the nets. net: one of them. inputs, labels: in random order, the first of them are watched.
        """
        known = {"examples": len(inputs), "example_shape": tuple(inputs.shape[1:]), **settings}
        found = cls(cls.Config(spaces=(space,), **known)).keep(inputs, labels)
        ends = [
            found.watched_accuracy(net, found.start.sample(space, TRIED, seed=0)),
            found.watched_accuracy(net, found.sample(space, TRIED, condition=net, seed=0)),
        ]
        low, high = (float(accuracy.median()) for accuracy in ends)
        asked = {"prompts": ("accuracy",), "prompt_low": (low,), "prompt_high": (max(low, high),)}
        return cls(cls.Config(spaces=(space,), **known, **asked)).keep(inputs, labels)

    def keep(self: S, inputs: Float[Tensor, "examples *input"], labels: Int[Tensor, " examples"]) -> S:
        """Keep labelled examples, as many as the configuration says."""
        self.examples.copy_(inputs)
        self.labels.copy_(labels)
        return self

    @torch.no_grad()
    def watched_accuracy(self, net: nn.Module, weights: Mapping[str, Tensor]) -> Float[Tensor, " nets"]:
        """The accuracy of a stack on the watched examples."""
        looks = self.config.looks
        answers = run_stack(net, dict(weights), self.examples[:looks]).argmax(2)
        return (answers == self.labels[:looks]).float().mean(1)

    def draw(self, space: WeightSpace, draws: Draws, wanted: Prompts, condition: Any) -> dict[str, Tensor]:
        self.check_condition(condition)
        started = self.start.draw(space, draws, wanted[:, :0], None)
        if not self.takes_net:
            return started
        check_net(condition, space, started)
        net, v = copy.deepcopy(condition).eval().to(self.device), vectors(space)
        asked = wanted[:, 0] if wanted.shape[1] else torch.full((len(wanted),), float("nan"), device=self.device)
        parts = zip(v.rows(started).split(CHUNK), asked.split(CHUNK), strict=True)
        return v.weights(torch.cat([self._trained(net, v, rows, own) for rows, own in parts]))

    def _trained(self, net: nn.Module, v: Vectors, rows: Tensor, asked: Float[Tensor, " nets"]) -> Tensor:
        """The states along training nearest to what was asked for; where nothing was (NaN), the last ones."""
        nearest, kept, rows = torch.full_like(asked, float("inf")), rows.clone(), rows.clone().requires_grad_()
        optimizer = torch.optim.Adam([rows], self.config.learning_rate)
        for examples in (None, *self._batches()):
            if examples:
                rows.grad = loss_gradients(net, v.weights, rows, examples)[1]
                optimizer.step()
            now = rows.detach()
            gap = (self.watched_accuracy(net, v.weights(now)) - asked).abs() if asked.isfinite().any() else asked
            better = ~(gap >= nearest)
            nearest, kept = torch.where(better, gap, nearest), torch.where(better[:, None], now, kept)
        return kept

    def _batches(self) -> list[Examples]:
        c = self.config
        inputs, labels = self.examples[c.looks :], self.labels[c.looks :]
        order = zip(batches(len(labels), c.batch), range(c.steps), strict=False)
        return [(inputs[some], labels[some]) for some in (rows.to(labels.device) for rows, _ in order)]
