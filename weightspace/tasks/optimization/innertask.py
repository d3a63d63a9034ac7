"""What an update rule is trained on and judged by: a small net and its data, many runs of it at once."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional

from weightspace.data import load_dataset
from weightspace.nets import Net, build_net
from weightspace.nets.stacked.flatlayout import FlatLayout
from weightspace.nets.stacked.run import run_stack
from weightspace.optimizers.rule.packing import Packing


@dataclass(frozen=True, eq=False)
class InnerTask:
    """A net without buffers, its data and its loss; runs are rows ``[runs, entries]``.

    Args:
        name: of the task.
        net: says what is computed; its own weights aren't read.
        inputs: and targets: what is fitted; labels, or numbers of the net's output shape.
        batch: examples a step.
    """

    name: str
    net: Net
    inputs: Float[Tensor, "examples ..."] | Int[Tensor, "examples ..."]
    targets: Tensor
    batch: int

    @cached_property
    def layout(self) -> FlatLayout:
        """Where each parameter lies in a row."""
        return FlatLayout.of(self.net)

    @cached_property
    def packing(self) -> Packing:
        """The same for an update rule."""
        return Packing(self.layout.shapes)

    def start(self, runs: int, generator: torch.Generator) -> Float[Tensor, "runs entries"]:
        """Weights as `torch.nn` draws them."""
        bounds = [self.net.default_bound(name) for name in self.layout.names]
        own = dict(self.net.named_parameters())
        parts = []
        for name, size, bound in zip(self.layout.names, self.layout.sizes, bounds, strict=True):
            if bound is None:
                parts.append(own[name].detach().flatten().expand(runs, -1))
            else:
                parts.append((torch.rand(runs, size, generator=generator) * 2 - 1) * bound)
        return torch.cat(parts, 1)

    def examples(self, runs: int, generator: torch.Generator) -> Int[Tensor, "runs batch"]:
        """Numbers of the examples of a step, for every run others."""
        return torch.randint(len(self.inputs), (runs, self.batch), generator=generator)

    def loss(self, rows: Float[Tensor, "runs entries"], examples: Int[Tensor, "runs batch"]) -> Float[Tensor, " runs"]:
        """Mean loss of each run on its examples: cross entropy, or the squared error of numbers."""
        out = run_stack(self.net, self.layout.views(rows), self.inputs[examples])
        targets = self.targets[examples]
        if targets.is_floating_point():
            return (out - targets).square().flatten(1).mean(1)
        losses = functional.cross_entropy(out.flatten(0, -2), targets.flatten(), reduction="none")
        return losses.view(len(rows), -1).mean(1)

    def gradient(
        self, rows: Float[Tensor, "runs entries"], examples: Int[Tensor, "runs batch"]
    ) -> tuple[Float[Tensor, " runs"], Float[Tensor, "runs entries"]]:
        """Loss of each run, and its gradient."""
        rows = rows.detach().requires_grad_()
        losses = self.loss(rows, examples)
        (found,) = torch.autograd.grad(losses.sum(), rows)
        return losses.detach(), found

    @torch.no_grad()
    def full_loss(self, rows: Float[Tensor, "runs entries"]) -> Float[Tensor, " runs"]:
        """Loss of each run on all examples, at most 400 of them."""
        examples = torch.arange(min(len(self.inputs), 400)).expand(len(rows), -1)
        return self.loss(rows, examples)


def digits_task(kind: str, batch: int = 64, **settings: object) -> InnerTask:
    """Classifying 8x8 digits by a net of `weightspace.nets`."""
    data = load_dataset("digits")
    inputs = data.x_train.flatten(1) if kind == "mlp" else data.x_train
    return _task(f"digits-{kind}", build_net(kind, **settings), inputs, data.y_train, batch)


def autoencoder_task(batch: int = 32) -> InnerTask:
    """8x8 digits through eight numbers."""
    x = load_dataset("digits", standardize=False).x_train.flatten(1)
    net = build_net("mlp", in_features=64, hidden=[24, 8, 24], out_features=64, activation="tanh")
    return _task("digits-autoencoder", net, x, x, batch)


def siren_task(picture: int = 0, batch: int = 64) -> InnerTask:
    """One 8x8 digit as a SIREN, a random part of its pixels a step."""
    data = load_dataset("digits", standardize=False)
    ends = torch.linspace(-1, 1, 8)
    points = torch.stack(torch.meshgrid(ends, ends, indexing="ij"), -1).reshape(-1, 2)
    net = build_net("siren", in_features=2, out_features=1, hidden=[24, 24])
    return _task(f"siren-{picture}", net, points, data.x_train[picture].reshape(-1, 1), batch)


def _task(name: str, net: nn.Module, inputs: Tensor, targets: Tensor, batch: int) -> InnerTask:
    if not isinstance(net, Net) or any(True for _ in net.buffers()):
        raise ValueError(
            f"The net of {name} must be one of weightspace.nets without buffers, got {type(net).__name__}."
        )
    return InnerTask(name, net.train(), inputs, targets, batch)


TASKS: dict[str, Callable[[], InnerTask]] = {
    "digits-mlp": lambda: digits_task("mlp", in_features=64, hidden=[32], out_features=10),
    "digits-mlp-deep": lambda: digits_task(
        "mlp", in_features=64, hidden=[24, 24, 24], out_features=10, activation="tanh"
    ),
    "digits-cnn": lambda: digits_task("cnn", channels=[8, 12], stride=[2, 1]),
    "digits-vit": lambda: digits_task("vit", batch=32, dim=8, depth=1, patch=4),
    "digits-autoencoder": autoencoder_task,
    "siren": siren_task,
}
"""What a rule is trained on unless told otherwise."""
