"""How good predictions are: of a number, rank agreement, explained variance and error; of a class, accuracy."""

import math
from dataclasses import asdict, dataclass
from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor


def kendall_tau(predicted: Float[Tensor, "nets"], true: Float[Tensor, "the_same"]) -> float:
    r"""Kendall's rank correlation, corrected for ties (tau-b).

    $\tau_b = (C - D) / \sqrt{(n_0 - n_p)(n_0 - n_t)}$ with $C$ concordant and $D$ discordant pairs, $n_0 = n(n-1)/2$,
    and $n_p$, $n_t$ the pairs tied among the predictions and among the true values. A constant has no order: 0.

    Args:
        predicted: one value a net.
        true: what should have been predicted.
    """
    from scipy.stats import kendalltau

    _same_length(predicted, true)
    if len(torch.unique(predicted)) < 2 or len(torch.unique(true)) < 2:
        return 0.0
    found: Any = kendalltau(predicted.double().numpy(), true.double().numpy(), variant="b")
    return float(found.statistic)


def tau_ceiling(true: Float[Tensor, "nets"]) -> float:
    r"""The tau-b of a perfect ranker that never ties, $\sqrt{(n_0 - n_t) / n_0}$: below 1 as soon as true values tie.

    Test accuracy comes in steps of one test sample, so many nets of a zoo share a value, and no continuous
    prediction reaches a tau of 1.
    """
    n = len(true)
    if n < 2:
        raise ValueError(f"A ranking needs two values at least, got {n}.")
    counts = torch.unique(true, return_counts=True)[1].double()
    pairs = n * (n - 1) / 2
    return float(((pairs - (counts * (counts - 1) / 2).sum()) / pairs).sqrt())


def r_squared(predicted: Float[Tensor, "nets"], true: Float[Tensor, "the_same"]) -> float:
    r"""The share of the variance that is explained, $1 - \sum (y - \hat y)^2 / \sum (y - \bar y)^2$.

    Raises:
        ValueError: if the true values don't vary.
    """
    _same_length(predicted, true)
    predicted, true = predicted.double(), true.double()
    spread = (true - true.mean()).square().sum()
    if spread == 0:
        raise ValueError(f"R2 needs true values that vary, but all {len(true)} of them are {true[:1].tolist()}.")
    return float(1 - (true - predicted).square().sum() / spread)


def mean_absolute_error(predicted: Float[Tensor, "nets"], true: Float[Tensor, "the_same"]) -> float:
    r"""$\frac1n \sum |y - \hat y|$, in the units of the label."""
    _same_length(predicted, true)
    return float((predicted.double() - true.double()).abs().mean())


@dataclass(frozen=True)
class Score:
    """One method on one label: a cell of the table.

    `tau_ceiling` is what `tau` would be for a perfect ranker; `nets` says how many nets were judged.
    """

    tau: float
    r2: float
    mae: float
    tau_ceiling: float
    nets: int

    def to_dict(self) -> dict[str, float]:
        """The fields as JSON types."""
        return asdict(self)


def score(predicted: Float[Tensor, "nets"], true: Float[Tensor, "nets"]) -> Score:
    """All the measures of `predicted` against `true`.

    Raises:
        ValueError: if the lengths differ, fewer than two nets come, or a value isn't finite.
    """
    for name, values in (("predicted", predicted), ("true", true)):
        if not torch.isfinite(values).all():
            raise ValueError(f"A score needs finite values, but {int((~torch.isfinite(values)).sum())} {name} aren't.")
    return Score(
        kendall_tau(predicted, true),
        r_squared(predicted, true),
        mean_absolute_error(predicted, true),
        tau_ceiling(true),
        len(true),
    )


@dataclass(frozen=True)
class ClassScore:
    """One method on a label that is a class.

    `accuracy` is the share of nets whose class was named, `cross_entropy` the mean of $-\\log p$ of the true class in
    nats, `majority` the accuracy of always naming the most frequent class.
    """

    accuracy: float
    cross_entropy: float
    majority: float
    nets: int

    def to_dict(self) -> dict[str, float]:
        """The fields as JSON types."""
        return asdict(self)


def class_score(logs: Float[Tensor, "nets classes"], true: Int[Tensor, "nets"]) -> ClassScore:
    """All the measures of log-probabilities against the numbers of the true classes.

    Raises:
        ValueError: if the lengths differ, or a value isn't a number.
    """
    _same_length(logs, true)
    if torch.isnan(logs).any():
        raise ValueError(f"A score needs numbers, but {int(torch.isnan(logs).any(1).sum())} predictions are NaN.")
    logs = logs.double().clamp(min=math.log(1e-12))
    return ClassScore(
        float((logs.argmax(1) == true).double().mean()),
        float(-logs.gather(1, true[:, None]).mean()),
        float(true.bincount().max() / len(true)),
        len(true),
    )


def auc(predicted: Float[Tensor, "nets"], true: Bool[Tensor, "the_same"]) -> float:
    """The area under the ROC curve: how often a net of the class is put above one that isn't; ties count half.

    Raises:
        ValueError: if the lengths differ, a prediction isn't a number, or all nets are of one class.
    """
    from scipy.stats import rankdata

    _same_length(predicted, true)
    if torch.isnan(predicted).any():
        raise ValueError(f"A score needs numbers, but {int(torch.isnan(predicted).sum())} predictions are NaN.")
    inside = int(true.sum())
    if not 0 < inside < len(true):
        raise ValueError(f"An area under the curve needs nets of both classes, got {inside} of one among {len(true)}.")
    ranks = torch.from_numpy(rankdata(predicted.double().numpy()))
    return float((ranks[true].sum() - inside * (inside + 1) / 2) / (inside * (len(true) - inside)))


def calibration(
    predicted: Float[Tensor, "nets"], true: Float[Tensor, "nets"], bins: int = 10
) -> dict[str, list[float]]:
    """What is true, on average, of nets for which about the same was predicted.

    The nets are sorted by prediction and cut into ``bins`` of equal size; a calibrated prediction has the same mean in
    each as the true values. For a class, give the confidence and whether it was right.

    Returns:
        ``predicted`` and ``true``, the means of every bin, and ``spread``, the standard deviation of the true values.
    """
    _same_length(predicted, true)
    order = predicted.argsort()
    parts = [part for part in order.tensor_split(min(bins, len(order))) if len(part)]
    return {
        "predicted": [float(predicted[part].double().mean()) for part in parts],
        "true": [float(true[part].double().mean()) for part in parts],
        "spread": [float(true[part].double().std(correction=0)) for part in parts],
    }


def _same_length(predicted: Tensor, true: Tensor) -> None:
    if len(predicted) != len(true):
        raise ValueError(f"Each net needs a prediction and a true value, got {len(predicted)} and {len(true)}.")
