"""Classifying implicit representations by the picture that they show: the ceiling for methods that read weights."""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from weightspace.inr import render
from weightspace.tasks.labelled.labellednets import LabelledNets
from weightspace.tasks.labelled.labelledsplit import LabelledSplit
from weightspace.tasks.prediction.fit import distance
from weightspace.tasks.prediction.methodrun import MethodRun, Predictions
from weightspace.tasks.training.train import train


class RenderCNN(nn.Module):
    """Two convolutions, pooling to 4x4, a hidden layer: a usual classifier of small images.

    Shapes:
        in ``[batch, channels, height, width]``, out ``[batch, classes]``.
    """

    def __init__(self, channels: int, classes: int, width: int = 32):
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(channels, width, 3, padding=1), nn.BatchNorm2d(width), nn.ReLU(),
            nn.Conv2d(width, 2 * width, 3, padding=1), nn.BatchNorm2d(2 * width), nn.ReLU(),
            nn.AdaptiveMaxPool2d(4), nn.Flatten(), nn.Dropout(0.3),
            nn.Linear(32 * width, 4 * width), nn.ReLU(), nn.Linear(4 * width, classes),
        )  # fmt: skip

    def forward(self, pictures: Float[Tensor, "batch channels height width"]) -> Float[Tensor, "batch classes"]:
        return self.body(pictures)


def pictures(split: LabelledSplit, nets: LabelledNets) -> Float[Tensor, "nets channels height width"]:
    """What the nets show, at the resolution of their fit.

    Raises:
        ValueError: they are no implicit representations of images.
    """
    if split.convention is None or len(split.convention.shape) != 2:
        raise ValueError("Only implicit representations of images can be classified by what they show.")
    shown = [
        render({name: tensor[chunk] for name, tensor in stack.items()}, split.convention)
        for stack in nets.stacks
        for chunk in torch.arange(len(next(iter(stack.values())))).split(512)
    ]
    return torch.cat(shown)


def from_renders(split: LabelledSplit, run: MethodRun) -> Predictions:
    """A small CNN on the rendered images; parameters are picked on the validation nets."""
    images = {part: pictures(split, nets).to(run.device) for part, nets in split.parts.items()}
    targets = {part: nets.labels[:, 0].long().to(run.device) for part, nets in split.parts.items()}
    mean, std = images["train"].mean(), images["train"].std()
    images = {part: (shown - mean) / std for part, shown in images.items()}
    with torch.random.fork_rng():
        torch.manual_seed(run.training.seed)
        model = RenderCNN(images["train"].shape[1], len(split.train.classes), **run.settings).to(run.device)

    def logits(part: str) -> Tensor:
        return torch.cat([model(chunk) for chunk in images[part].split(512)])

    train(
        model,
        lambda chosen: functional.cross_entropy(model(images["train"][chosen]), targets["train"][chosen]),
        lambda: distance(logits("val"), targets["val"]),
        len(images["train"]),
        run.training,
        run.folder,
        progress=run.progress,
        name="classifier of renders",
        run=split.train.fingerprint(),
    )
    with torch.no_grad():
        found = {part: logits(part).log_softmax(1).cpu() for part in split.judged}
    return Predictions(found, sum(parameter.numel() for parameter in model.parameters()))
