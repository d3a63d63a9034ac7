"""Where a training run ends, from its learning curve so far: what predicting from early weights has to beat."""

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from weightspace.tasks.comparison.baselines.boosting import boosted
from weightspace.tasks.comparison.baselines.statistics import HyperparameterTable
from weightspace.tasks.labelled.labellednets import LabelledNets
from weightspace.tasks.labelled.labelledsplit import LabelledSplit
from weightspace.tasks.prediction.methodrun import MethodRun, Predictions


def extrapolate(values: Float[Tensor, "nets points"]) -> Float[Tensor, "nets"]:
    r"""Where a curve goes that approaches its end at the pace of its last three points.

    Aitken's delta-squared process with increments $a = x_1 - x_0$, $b = x_2 - x_1$ and the pace
    $q = \min(\max(b / a, 0), 0.9)$: $x_2 + b\, q / (1 - q)$, kept in [0, 1]. Where fewer than three points are
    known (the others are NaN), the last one.

    Args:
        values: accuracies at even distances, oldest first; those that aren't known yet, at the end, are NaN.
    """
    known = (~torch.isnan(values)).sum(1)
    places = (known[:, None] - torch.tensor([3, 2, 1])).clamp(min=0)
    first, second, third = values.gather(1, places).unbind(1)
    early, late = second - first, third - second
    pace = torch.where(early.abs() > 1e-6, late / early, torch.zeros_like(early)).clamp(0, 0.9)
    guess = third + late * pace / (1 - pace)
    return torch.where(known < 3, third, guess).clamp(0, 1)


def from_extrapolation(split: LabelledSplit, run: MethodRun) -> Predictions:
    """The validation accuracy so far, continued; learns nothing from other nets."""
    columns = [name for name in split.curve if name.startswith("val_accuracy")]
    return Predictions({part: extrapolate(_columns(nets, columns))[:, None] for part, nets in split.judged.items()})


def from_curve(split: LabelledSplit, run: MethodRun) -> Predictions:
    """Gradient boosting on losses and accuracies so far, on training and validation data."""
    features = {part: _columns(nets, split.curve).double().numpy() for part, nets in split.parts.items()}
    return boosted(features, split, None, run.training.seed)


def from_curve_and_hyperparameters(split: LabelledSplit, run: MethodRun) -> Predictions:
    """Gradient boosting on the learning curve so far and on what the recipe varies."""
    table = HyperparameterTable(split.train.rows, split.hyperparameters)
    features = {
        part: np.concatenate([table(nets.rows), _columns(nets, split.curve).double().numpy()], 1)
        for part, nets in split.parts.items()
    }
    categorical = [*table.categorical, *[False] * len(split.curve)]
    return boosted(features, split, categorical, run.training.seed)


def _columns(nets: LabelledNets, names: tuple[str, ...] | list[str]) -> Tensor:
    rows = [[float("nan") if row[name] is None else row[name] for name in names] for row in nets.rows]
    return torch.tensor(rows, dtype=torch.float32)
