"""The baselines of a comparison: what can be said of a net without an equivariant look at its weights."""

from collections.abc import Callable, Mapping

import numpy as np
import torch
from torch import Tensor

from weightspace.tasks.comparison.baselines.statistics import (
    HyperparameterTable,
    boost,
    boost_classes,
    depth_free_statistics,
    tensor_statistics,
)
from weightspace.tasks.labelled.labellednets import LabelledNets
from weightspace.tasks.labelled.labelledsplit import LabelledSplit
from weightspace.tasks.prediction.methodrun import MethodRun, Predictions


def from_statistics(split: LabelledSplit, run: MethodRun) -> Predictions:
    """Gradient boosting on mean, variance and quantiles of every tensor."""
    return boosted(statistics_tables(split), split, None, run.training.seed)


def from_hyperparameters(split: LabelledSplit, run: MethodRun) -> Predictions:
    """Gradient boosting on what the recipe varies, without a look at the weights."""
    table = HyperparameterTable(split.train.rows, split.hyperparameters)
    features = {part: table(nets.rows) for part, nets in split.parts.items()}
    return boosted(features, split, table.categorical, run.training.seed)


def from_statistics_and_hyperparameters(split: LabelledSplit, run: MethodRun) -> Predictions:
    """Gradient boosting on both."""
    table = HyperparameterTable(split.train.rows, split.hyperparameters)
    tables = statistics_tables(split)
    features = {part: np.concatenate([table(nets.rows), tables[part]], 1) for part, nets in split.parts.items()}
    width = features["train"].shape[1]
    categorical = [*table.categorical, *[False] * (width - len(table.names))]
    return boosted(features, split, categorical, run.training.seed)


def boosted(
    features: Mapping[str, np.ndarray], split: LabelledSplit, categorical: list[bool] | None, seed: int
) -> Predictions:
    """Gradient boosting on a table for each part ``[nets, features]``, a model for each label."""
    train, val = split.train, split.val
    known = np.flatnonzero((~np.isnan(features["train"])).any(0))  # some tensors may be in judged nets alone
    features = {part: table[:, known] for part, table in features.items()}
    categorical = [categorical[column] for column in known.tolist()] if categorical else None
    if train.classes:
        targets = [nets.labels[:, 0].long().numpy() for nets in (train, val)]
        predict = boost_classes(features["train"], targets[0], features["val"], targets[1], len(train.classes), seed)
        return Predictions({part: _tensor(predict(features[part])) for part in split.judged})
    predictors: list[Callable[[np.ndarray], np.ndarray]] = []
    for label in range(len(train.names)):
        targets = [nets.labels[:, label].double().numpy() for nets in (train, val)]
        predictors.append(boost(features["train"], targets[0], features["val"], targets[1], categorical, seed))
    return Predictions(
        {part: torch.stack([_tensor(predict(features[part])) for predict in predictors], 1) for part in split.judged}
    )


def _tensor(values: np.ndarray) -> Tensor:
    return torch.as_tensor(values, dtype=torch.float32)


def statistics_tables(split: LabelledSplit) -> dict[str, np.ndarray]:
    """The statistics of every tensor by name, for each part ``[nets, features]``.

    Missing (NaN) where an architecture lacks the tensor; where there are several architectures, statistics that
    nets of any depth have go beside them.
    """
    stacks = [stack for nets in split.parts.values() for stack in _plain_stacks(nets)]
    found = [{name for name, tensor in stack.items() if tensor.is_floating_point()} for stack in stacks]
    names = sorted(set().union(*found))
    varied = any(own != set(names) for own in found)
    return {part: _statistics(nets, names, varied) for part, nets in split.parts.items()}


def _statistics(nets: LabelledNets, names: list[str], varied: bool) -> np.ndarray:
    tables = []
    for stack in _plain_stacks(nets):
        count = len(next(iter(stack.values())))
        parts = [tensor_statistics({name: stack[name]}) if name in stack else torch.full((count, 7), torch.nan)
                 for name in names]  # fmt: skip
        tables.append(torch.cat([*parts, depth_free_statistics(stack)] if varied else parts, 1))
    return torch.cat(tables).double().numpy()


def _plain_stacks(nets: LabelledNets) -> list[dict[str, Tensor]]:
    """The stacks, with each of several saved states as tensors of its own."""
    if nets.states == 1:
        return [dict(stack) for stack in nets.stacks]
    return [
        {f"{name} {state}": tensor[..., state] for state in range(nets.states) for name, tensor in stack.items()}
        for stack in nets.stacks
    ]
