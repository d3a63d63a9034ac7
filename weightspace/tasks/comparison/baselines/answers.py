"""Which data set a net was trained on, by running it: on the images of each, taking the one that it knows best."""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from weightspace.data import load_dataset
from weightspace.data.tasks import with_task
from weightspace.nets import example_inputs
from weightspace.nets.stacked.run import run_stack
from weightspace.tasks.labelled.labellednets import LabelledNets
from weightspace.tasks.labelled.labelledsplit import LabelledSplit
from weightspace.tasks.prediction.methodrun import MethodRun, Predictions

SHARPNESS = torch.logspace(-1, 3, 41)
"""What losses are multiplied by before they become log-probabilities; one is chosen on the validation nets."""


def from_answers(split: LabelledSplit, run: MethodRun) -> Predictions:
    """The data set whose held-out images a net answers with the lowest loss: what reading weights alone can't beat."""
    losses = {name: losses_on_tasks(split, nets) for name, nets in split.parts.items() if name != "train"}
    truth = split.val.labels[:, 0].long()
    errors = [functional.cross_entropy(-factor * losses["val"], truth) for factor in SHARPNESS]
    factor = SHARPNESS[int(torch.stack(errors).argmin())]
    return Predictions({name: (-factor * losses[name]).log_softmax(1) for name in split.judged})


@torch.no_grad()
def losses_on_tasks(split: LabelledSplit, nets: LabelledNets) -> Float[Tensor, "nets classes"]:
    """The mean cross-entropy of each net on the test images of each task that is a class of the split."""
    data = load_dataset(**split.domain["data"])
    rows = []
    for space, stack in zip(nets.spaces, nets.stacks, strict=True):
        module = split.modules[space].eval()
        shown = [with_task(data, name).part("test") for name in split.train.classes]
        rows.append(torch.stack([_losses(module, dict(stack), x, y) for x, y in shown], 1))
    return torch.cat(rows)


def _losses(module: nn.Module, stack: dict[str, Tensor], x: Tensor, y: Tensor) -> Float[Tensor, " nets"]:
    inputs = x.reshape(len(x), *example_inputs(module)[0].shape[1:])
    parts = torch.arange(len(next(iter(stack.values())))).split(128)
    logits = torch.cat([run_stack(module, {k: v[part] for k, v in stack.items()}, inputs) for part in parts])
    each = functional.cross_entropy(logits.flatten(0, 1), y.repeat(len(logits)), reduction="none")
    return each.reshape(len(logits), -1).mean(1)
