"""The baselines of a comparison, each a function from the nets of a split to predictions for the held-out ones."""

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from weightspace.metanets import METANETS
from weightspace.tasks.baselines import HyperparameterTable, boost, layer_statistics
from weightspace.tasks.labelled import LabelledNets
from weightspace.tasks.predict import fit, predict_nets
from weightspace.tasks.train import TrainConfig

Parts = Mapping[str, LabelledNets]
Baseline = Callable[[Parts, Path, TrainConfig, bool], Float[Tensor, "nets labels"]]


def from_statistics(
    parts: Parts, folder: Path, config: TrainConfig, progress: bool = False
) -> Float[Tensor, "nets labels"]:
    """Gradient boosting on mean, variance and quantiles of every tensor."""
    names = sorted({name for nets in parts.values() for stack in nets.stacks for name in stack})
    return _boosted({part: _statistics(nets, names) for part, nets in parts.items()}, parts, None, config.seed)


def from_hyperparameters(
    parts: Parts, folder: Path, config: TrainConfig, progress: bool = False
) -> Float[Tensor, "nets labels"]:
    """Gradient boosting on what the recipe varies, without a look at the weights."""
    table = HyperparameterTable(parts["train"].rows, parts["train"].hyperparameters)
    features = {part: table(nets.rows) for part, nets in parts.items()}
    return _boosted(features, parts, table.categorical, config.seed)


def from_flat_weights(
    parts: Parts, folder: Path, config: TrainConfig, progress: bool = False
) -> Float[Tensor, "nets labels"]:
    """A perceptron on the weights as one vector."""
    metanet = fit(METANETS["FlatMLP"], parts["train"], parts["val"], config, folder, progress=progress)
    return predict_nets(metanet, parts["test"])


BASELINES: dict[str, Baseline] = {
    "perceptron on flat weights": from_flat_weights,
    "boosting on layer statistics": from_statistics,
    "boosting on hyperparameters": from_hyperparameters,
}


def _boosted(
    features: Mapping[str, np.ndarray], parts: Parts, categorical: list[bool] | None, seed: int
) -> Float[Tensor, "nets labels"]:
    columns = []
    for label in range(len(parts["test"].names)):
        train, val = (parts[part].labels[:, label].double().numpy() for part in ("train", "val"))
        predict = boost(features["train"], train, features["val"], val, categorical, seed)
        columns.append(torch.as_tensor(predict(features["test"]), dtype=torch.float32))
    return torch.stack(columns, 1)


def _statistics(nets: LabelledNets, names: list[str]) -> np.ndarray:
    """The statistics of every tensor, in one order; missing (NaN) where an architecture hasn't got it."""
    tables = []
    for stack in nets.stacks:
        count = len(next(iter(stack.values())))
        parts = [layer_statistics({name: stack[name]}) if name in stack else torch.full((count, 7), torch.nan)
                 for name in names]  # fmt: skip
        tables.append(torch.cat(parts, 1))
    return torch.cat(tables).double().numpy()
