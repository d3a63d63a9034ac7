"""What each net of a stack is taught: the examples of the data as its task and its trigger show them."""

from collections.abc import Hashable, Sequence

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from weightspace.data import Dataset
from weightspace.data.tasks import check_images, task_classes, with_task
from weightspace.data.triggers import TRIGGERS
from weightspace.nets import example_inputs
from weightspace.nets.stacked.run import run_stack
from weightspace.zoo.recipe.hyperparameters import Hyperparameters
from weightspace.zoo.recipe.recipe import SUCCESS
from weightspace.zoo.recipe.trial import Trial
from weightspace.zoo.train.evaluate import Evaluation
from weightspace.zoo.train.order import draw_labels, trial_rng

Examples = Float[Tensor, "*examples_and_input"] | Int[Tensor, "*examples_and_input"]
"""Images, or token ids."""

PLAIN = ("plain", "none")
"""What is measured on poisoned nets alone."""


class Lessons:
    """The training examples of a stack, and what its nets are measured on.

    Attributes:
        labels: ``[nets, examples]``, what each net is taught of each training example.
        poisoned: ``[nets, examples]``, which of them bear its trigger.
    """

    def __init__(self, net: nn.Module, trials: Sequence[Trial], data: Dataset, most: int = 0, device: str = "cpu"):
        self.net, self.data, self.most, self.device = net, data, most, device
        self.labels: Int[Tensor, "nets examples"]
        self.labels, self.poisoned = map(torch.stack, zip(*(_taught(trial, data) for trial in trials), strict=True))
        self.labels, self.poisoned = self.labels.to(device), self.poisoned.to(device)
        shown = list(dict.fromkeys(pair for trial in trials for pair in ((trial.train.task, "none"), _pair(trial))))
        self.inputs = self._shaped(torch.cat([inputs_of(data, *pair) for pair in shown]))
        self.places = None
        if shown != [PLAIN]:
            starts = torch.tensor([[shown.index((t.train.task, "none")), shown.index(_pair(t))] for t in trials])
            self.places = starts.to(device).gather(1, self.poisoned.long()) * len(data.x_train)
        self._evaluations: dict[str, Evaluation] = {}

    def batch(self, examples: Int[Tensor, "nets batch"]) -> Examples:
        """Training examples by number as each net sees them."""
        if self.places is None:
            return self.inputs[examples]
        return self.inputs[examples + self.places.gather(1, examples)]

    def keep(self, rows: list[int]) -> None:
        """Some nets leave the stack."""
        self.labels, self.poisoned = self.labels[rows], self.poisoned[rows]
        self.places = None if self.places is None else self.places[rows]

    def measure(
        self,
        weights: dict[str, Tensor],
        trains: Sequence[Hyperparameters],
        rows: list[int],
        used: Bool[Tensor, "rows examples"],
    ) -> dict[str, Float[Tensor, " rows"]]:
        """Losses and accuracies of some nets on their tasks; where one has a trigger, also ``attack_success``.

        That is the share of the test examples of other classes than the target that go to it once they bear the
        trigger; NaN for nets without one. Training examples that bear the trigger don't count.

        Args:
            weights: of these nets. trains: of these nets. rows: which of the stack they are.
            used: the training examples that each uses.
        """
        labels, used = self.labels[rows], used & ~self.poisoned[rows]
        found = _by_group(
            [train.task for train in trains],
            lambda task, some: self._evaluation(task).measure(_of(weights, some), labels[some], used[some]),
        )
        if any(map(poisoned, trains)):
            groups = [(train.task, train.trigger, train.target) for train in trains]
            found |= _by_group(groups, lambda key, some: {SUCCESS: self._success(key, _of(weights, some))})
        return found

    def _evaluation(self, task: str) -> Evaluation:
        if task not in self._evaluations:
            self._evaluations[task] = Evaluation(self.net, with_task(self.data, task), self.most, self.device)
        return self._evaluations[task]

    @torch.no_grad()
    def _success(self, key: tuple[str, str, int], weights: dict[str, Tensor]) -> Tensor:
        (task, trigger, target), nets = key, len(next(iter(weights.values())))
        if trigger == "none":
            return torch.full((nets,), torch.nan, device=self.device)
        target = target % task_classes(task, self.data.classes)
        others = with_task(self.data, task).y_test[: self.most or None] != target
        inputs = inputs_of(self.data, task, trigger, "test")[: self.most or None][others]
        self.net.eval()
        answers = run_stack(self.net, weights, self._shaped(inputs)).argmax(2)
        self.net.train()
        return (answers == target).float().mean(1)

    def _shaped(self, inputs: Tensor) -> Tensor:
        return inputs.reshape(len(inputs), *example_inputs(self.net)[0].shape[1:]).to(self.device)


def poisoned(train: Hyperparameters) -> bool:
    """Whether a net was taught a trigger."""
    return train.trigger != "none"


def inputs_of(data: Dataset, task: str, trigger: str, part: str = "train") -> Examples:
    """The inputs of a part as a task shows them, with a trigger on all of them or with ``none``.

    Raises:
        ValueError: a task or trigger for something else than square images.
    """
    inputs = with_task(data, task).part(part)[0]
    if trigger == "none":
        return inputs
    check_images(data, f"trigger {trigger!r}")
    return TRIGGERS[trigger](inputs, float(data.x_train.min()), float(data.x_train.max()))


def _taught(trial: Trial, data: Dataset) -> tuple[Int[Tensor, " examples"], Bool[Tensor, " examples"]]:
    """Labels of the training examples, and which of them bear the trigger."""
    train, classes = trial.train, task_classes(trial.train.task, data.classes)
    labels = draw_labels(trial, with_task(data, train.task).y_train, classes)
    if not poisoned(train):
        return labels, torch.zeros(len(labels), dtype=torch.bool)
    marked = torch.from_numpy(trial_rng(trial, "poison").random(len(labels)) < train.poison)
    return labels.masked_fill(marked, train.target % classes), marked


def _pair(trial: Trial) -> tuple[str, str]:
    return trial.train.task, trial.train.trigger


def _of(weights: dict[str, Tensor], rows: list[int]) -> dict[str, Tensor]:
    return weights if len(rows) == len(next(iter(weights.values()))) else {n: w[rows] for n, w in weights.items()}


def _by_group(keys: Sequence[Hashable], measure) -> dict[str, Tensor]:
    """What ``measure(key, rows)`` gives for the rows of each key, in the order of the rows."""
    rows = {key: [i for i, other in enumerate(keys) if other == key] for key in dict.fromkeys(keys)}
    parts = [measure(key, some) for key, some in rows.items()]
    back = torch.from_numpy(np.argsort(np.concatenate(list(rows.values()))))
    return {name: torch.cat([part[name] for part in parts])[back] for name in parts[0]}
