"""One question answered by one method: trained on the training cases, picked on the validation cases, judged."""

from collections.abc import Mapping
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from weightspace.tasks.adapters.methods import AdapterMethod
from weightspace.tasks.adapters.questions import Question
from weightspace.tasks.prediction.metrics import auc, class_score, score
from weightspace.tasks.training.train import TrainConfig, train

CODE = 32
"""Numbers that stand for an adapter where two are compared."""


class CaseReader(nn.Module):
    """A reader of adapters for cases of one adapter or of pairs, whose order doesn't matter."""

    def __init__(self, reader: nn.Module, outputs: int, pairs: bool):
        super().__init__()
        self.reader = reader
        self.both = nn.Sequential(nn.Linear(3 * CODE, CODE), nn.SiLU(), nn.Linear(CODE, outputs)) if pairs else None

    def forward(self, looks: Float[Tensor, "cases members *entries"]) -> Float[Tensor, "readers cases outputs"]:
        if self.both is None:
            return self.reader(looks[:, 0])
        one, other = self.reader(looks[:, 0]), self.reader(looks[:, 1])
        return self.both(torch.cat([one + other, one * other, (one - other).abs()], 2))


def answer(
    method: AdapterMethod,
    question: Question,
    looks: Float[Tensor, "nets *entries"],
    sizes: tuple[int, ...],
    training: TrainConfig,
    folder: Path,
) -> tuple[dict[str, float], int]:
    """The measures on the judged cases, and how many numbers were learned.

    Args:
        looks: what the method sees of every adapter. sizes: in and out of each layer.
        training: `question.name` is part of the run, so a folder serves one question.
    """
    outputs, pairs = max(question.classes, 1), question.places["train"].shape[1] == 2
    known = looks[question.places["train"].unique()]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(training.seed)
        model = CaseReader(method.reader(known, CODE if pairs else outputs, sizes), outputs, pairs)
    targets = _in_units(question)

    def error(found: Tensor, target: Tensor) -> Tensor:
        if question.classes:
            return functional.cross_entropy(found.flatten(0, 1), target.long().repeat(len(found)))
        return (found[..., 0] - target).square().mean()

    def loss(chosen: Tensor) -> Tensor:
        return error(model(looks[question.places["train"][chosen]]), targets["train"][chosen])

    def judge() -> float:
        found = model(looks[question.places["val"]])
        return float(error(_log_mean(found, question.classes)[None], targets["val"]))

    cases = len(targets["train"])
    train(model, loss, judge, cases, training, folder, progress=False, name=question.name, run=question.name)
    with torch.no_grad():
        found = _log_mean(model(looks[question.places["test"]]), question.classes)
    return _measures(question, found), sum(parameter.numel() for parameter in model.parameters())


def _log_mean(found: Float[Tensor, "readers cases outputs"], classes: int) -> Float[Tensor, "cases outputs"]:
    """The mean of the readers; of classes the logarithm of their mean chance."""
    return found.log_softmax(2).exp().mean(0).clamp(min=1e-12).log() if classes else found.mean(0)


def _in_units(question: Question) -> Mapping[str, Tensor]:
    """Targets; quantities in units of the training cases' spread."""
    if question.classes:
        return question.targets
    mean, spread = question.targets["train"].mean(), question.targets["train"].std()
    return {part: (target - mean) / spread for part, target in question.targets.items()}


def _measures(question: Question, found: Tensor) -> dict[str, float]:
    true = question.targets["test"]
    if question.classes == 2:
        return {"auc": auc(found[:, 1] - found[:, 0], true.bool())}
    if question.classes:
        return class_score(found, true.long()).to_dict()
    mean, spread = question.targets["train"].mean(), question.targets["train"].std()
    return score(found[:, 0] * spread + mean, true).to_dict()
