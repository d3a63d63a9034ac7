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
    layer_statistics,
)
from weightspace.tasks.labelled.labelled import LabelledNets
from weightspace.tasks.labelled.problem import Outcome, Problem, Run


def from_statistics(problem: Problem, run: Run) -> Outcome:
    """Gradient boosting on mean, variance and quantiles of every tensor."""
    return boosted(statistics_tables(problem), problem, None, run.training.seed)


def from_hyperparameters(problem: Problem, run: Run) -> Outcome:
    """Gradient boosting on what the recipe varies, without a look at the weights."""
    table = HyperparameterTable(problem.train.rows, problem.hyperparameters)
    features = {part: table(nets.rows) for part, nets in problem.parts.items()}
    return boosted(features, problem, table.categorical, run.training.seed)


def from_statistics_and_hyperparameters(problem: Problem, run: Run) -> Outcome:
    """Gradient boosting on both."""
    table = HyperparameterTable(problem.train.rows, problem.hyperparameters)
    tables = statistics_tables(problem)
    features = {part: np.concatenate([table(nets.rows), tables[part]], 1) for part, nets in problem.parts.items()}
    width = features["train"].shape[1]
    categorical = [*table.categorical, *[False] * (width - len(table.names))]
    return boosted(features, problem, categorical, run.training.seed)


def boosted(features: Mapping[str, np.ndarray], problem: Problem, categorical: list[bool] | None, seed: int) -> Outcome:
    """Gradient boosting on a table for each part ``[nets, features]``, a model for each label."""
    train, val = problem.train, problem.val
    known = np.flatnonzero((~np.isnan(features["train"])).any(0))  # some tensors may be in judged nets alone
    features = {part: table[:, known] for part, table in features.items()}
    categorical = [categorical[column] for column in known.tolist()] if categorical else None
    if train.classes:
        targets = [nets.labels[:, 0].long().numpy() for nets in (train, val)]
        predict = boost_classes(features["train"], targets[0], features["val"], targets[1], len(train.classes), seed)
        return Outcome({part: _tensor(predict(features[part])) for part in problem.judged})
    predictors: list[Callable[[np.ndarray], np.ndarray]] = []
    for label in range(len(train.names)):
        targets = [nets.labels[:, label].double().numpy() for nets in (train, val)]
        predictors.append(boost(features["train"], targets[0], features["val"], targets[1], categorical, seed))
    return Outcome(
        {part: torch.stack([_tensor(predict(features[part])) for predict in predictors], 1) for part in problem.judged}
    )


def _tensor(values: np.ndarray) -> Tensor:
    return torch.as_tensor(values, dtype=torch.float32)


def statistics_tables(problem: Problem) -> dict[str, np.ndarray]:
    """The statistics of every tensor by name, for each part ``[nets, features]``.

    Missing (NaN) where an architecture hasn't got the tensor; where there are several architectures, statistics that
    nets of any depth have go beside them.
    """
    stacks = [stack for nets in problem.parts.values() for stack in _plain_stacks(nets)]
    found = [{name for name, tensor in stack.items() if tensor.is_floating_point()} for stack in stacks]
    names = sorted(set().union(*found))
    varied = any(own != set(names) for own in found)
    return {part: _statistics(nets, names, varied) for part, nets in problem.parts.items()}


def _statistics(nets: LabelledNets, names: list[str], varied: bool) -> np.ndarray:
    tables = []
    for stack in _plain_stacks(nets):
        count = len(next(iter(stack.values())))
        parts = [layer_statistics({name: stack[name]}) if name in stack else torch.full((count, 7), torch.nan)
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
