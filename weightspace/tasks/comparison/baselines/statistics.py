"""What a metanet has to beat: gradient boosting, on a net's hyperparameters or on the statistics of its layers."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

QUANTILES = (0.0, 0.25, 0.5, 0.75, 1.0)


def tensor_statistics(weights: Mapping[str, Tensor]) -> Float[Tensor, "nets features"]:
    """Mean, variance and quantiles (0, 25, 50, 75, 100 %) of every tensor: seven features a tensor.

    From Unterthiner et al. 2020, "Predicting neural network accuracy from weights", section 4. Blind to the order of
    neurons, and with gradient boosting the baseline that most published metanets don't beat by much.

    Args:
        weights: N nets stacked, each tensor `[N, ...]`.
    """
    features = []
    for tensor in weights.values():
        if not tensor.is_floating_point():
            continue
        flat = tensor.flatten(1).float()
        quantiles = torch.quantile(flat, torch.tensor(QUANTILES), dim=1).T
        features.append(torch.cat([flat.mean(1, keepdim=True), flat.var(1, correction=0, keepdim=True), quantiles], 1))
    return torch.cat(features, 1)


def depth_free_statistics(weights: Mapping[str, Tensor]) -> Float[Tensor, "nets features"]:
    """Statistics that nets of any depth have: those of the first and last tensor, and over all tensors.

    The seven features of `tensor_statistics` of weights and of vectors, each of the first tensor, of the last, and
    mean, minimum and maximum over tensors; the number of tensors, and the logarithm of the number of parameters.

    Args:
        weights: N nets stacked, each tensor `[N, ...]`.
    """
    floating = [tensor for tensor in weights.values() if tensor.is_floating_point()]
    features = []
    for matrices in (True, False):
        some = [tensor_statistics({"": tensor}) for tensor in floating if (tensor.ndim > 2) == matrices]
        table = torch.stack(some) if some else torch.full((1, len(floating[0]), 7), torch.nan)
        features += [table[0], table[-1], table.mean(0), table.amin(0), table.amax(0)]
    size = sum(tensor[0].numel() for tensor in floating)
    counts = torch.tensor([float(len(floating)), math.log(size)]).expand(len(floating[0]), -1)
    return torch.cat([*features, counts], 1)


class HyperparameterTable:
    """Hyperparameters as numbers: numbers stay as they are, words become the index of the word seen at fit time.

    Args:
        rows: the training rows, one mapping of hyperparameter to value a net.
        names: the hyperparameters to use, in order.
    """

    def __init__(self, rows: Sequence[Mapping[str, Any]], names: Sequence[str]):
        if not names:
            raise ValueError("Hyperparameters alone predict nothing when there are none; give one name at least.")
        self.names = tuple(names)
        self.words = {
            name: sorted({str(row[name]) for row in rows})
            for name in names
            if not all(isinstance(row[name], (int, float)) for row in rows)
        }

    @property
    def categorical(self) -> list[bool]:
        """For each column, whether its numbers are indices of words."""
        return [name in self.words for name in self.names]

    def __call__(self, rows: Sequence[Mapping[str, Any]]) -> np.ndarray:
        """The features `[nets, names]`; a word that wasn't seen at fit time is missing (NaN)."""
        return np.array([[self._number(name, row[name]) for name in self.names] for row in rows], dtype=float)

    def _number(self, name: str, value: Any) -> float:
        if name not in self.words:
            return float(value)
        word = str(value)
        return float(self.words[name].index(word)) if word in self.words[name] else float("nan")


def boost(
    x_train: np.ndarray,
    y_train: np.ndarray,
    x_val: np.ndarray,
    y_val: np.ndarray,
    categorical: Sequence[bool] | None = None,
    seed: int = 0,
):
    """Histogram gradient boosting for one label, its size picked on the validation nets.

    Learning rate and leaves are tried on a small grid and each model's number of trees is read off its validation
    curve, so that the baseline is as good as its author would have made it.

    Returns:
        A function of features `[nets, features]` to predictions `[nets]`.
    """
    sizes = ((0.03, 8), (0.03, 31), (0.1, 8), (0.1, 31))
    models = [_boosting(rate, leaves, categorical, seed).fit(x_train, y_train) for rate, leaves in sizes]
    model, trees = _best_stage(models, x_val, lambda _, guess: float(np.square(guess - y_val).mean()))
    return lambda features: _stage(_stages(model, features), trees)


def boost_classes(
    x_train: np.ndarray, y_train: np.ndarray, x_val: np.ndarray, y_val: np.ndarray, classes: int, seed: int = 0
):
    """Histogram gradient boosting for a label that is a class, its size picked on the validation nets.

    Returns:
        A function of features `[nets, features]` to log-probabilities `[nets, classes]`.
    """
    models = [_boosting(0.1, leaves, None, seed, trees=100, classes=True).fit(x_train, y_train) for leaves in (4, 8)]

    def error(model: Any, chances: np.ndarray) -> float:
        places = np.searchsorted(model.classes_, y_val)
        return float(-np.log(chances[np.arange(len(places)), places] + 1e-12).mean())

    model, trees = _best_stage(models, x_val, error)

    def predict(features: np.ndarray) -> np.ndarray:
        chances = _stage(_stages(model, features), trees)
        logs = np.full((len(features), classes), np.log(1e-12))
        logs[:, model.classes_.astype(int)] = np.log(chances + 1e-12)
        return logs

    return predict


def _best_stage(models: Sequence[Any], x_val: np.ndarray, error: Callable) -> tuple[Any, int]:
    """The model that errs least on the validation nets at its best number of trees, and that number."""
    best = (float("inf"), None, 0)
    for model in models:
        errors = [error(model, guess) for guess in _stages(model, x_val)]
        trees = int(np.argmin(errors)) + 1
        if errors[trees - 1] < best[0]:
            best = (errors[trees - 1], model, trees)
    _, model, trees = best
    assert model is not None
    return model, trees


def _stages(model: Any, features: np.ndarray) -> Iterable[np.ndarray]:
    """What a model says with one tree, two, ...: numbers, or chances of classes."""
    return (getattr(model, "staged_predict_proba", None) or model.staged_predict)(features)


def _stage(guesses: Iterable[np.ndarray], trees: int) -> np.ndarray:
    return next(guess for i, guess in enumerate(guesses, 1) if i == trees)


def _boosting(
    learning_rate: float,
    leaves: int,
    categorical: Sequence[bool] | None,
    seed: int,
    trees: int = 300,
    classes: bool = False,
):
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

    settings: dict[str, Any] = {
        "learning_rate": learning_rate,
        "max_leaf_nodes": leaves,
        "max_iter": trees,
        "min_samples_leaf": 10,
        "l2_regularization": 1.0,
        "categorical_features": list(categorical) if categorical is not None and any(categorical) else None,
        "early_stopping": False,
        "random_state": seed,
    }
    return (HistGradientBoostingClassifier if classes else HistGradientBoostingRegressor)(**settings)
