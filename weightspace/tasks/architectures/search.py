"""Predicting how good an architecture is from its vector, and searching for the best one with few trainings."""

import warnings

import numpy as np
import torch
from jaxtyping import Float
from scipy.stats import norm
from sklearn.exceptions import ConvergenceWarning
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import ConstantKernel, Matern, WhiteKernel
from torch import Tensor

from weightspace.tasks.prediction.metrics import kendall_tau


def fitted(x: np.ndarray, y: np.ndarray) -> GaussianProcessRegressor:
    """A Gaussian process with one length scale and noise, both as likely as can be."""
    kernel = ConstantKernel(1.0) * Matern(np.sqrt(x.shape[1]), (1e-1, 1e3), nu=2.5) + WhiteKernel(0.1, (1e-3, 1e1))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return GaussianProcessRegressor(kernel, normalize_y=True).fit(x, y)


def scaled(vectors: Float[Tensor, "architectures size"]) -> np.ndarray:
    """Every number with mean 0 and deviation 1 over all architectures."""
    vectors = vectors.double()
    return ((vectors - vectors.mean(0)) / vectors.std(0).clamp(min=1e-9)).numpy()


def predict_held_out(
    vectors: Float[Tensor, "architectures size"], values: Float[Tensor, " architectures"], known: int, seed: int
) -> float:
    """Kendall's tau of the values of architectures from those of some others, drawn at random.

    Raises:
        ValueError: fewer than two known, or fewer than two left.
    """
    if not 2 <= known <= len(values) - 2:
        raise ValueError(f"The known must be from 2 to {len(values) - 2} of {len(values)} architectures, got {known}.")
    order = torch.randperm(len(values), generator=torch.Generator().manual_seed(seed)).numpy()
    x, y = scaled(vectors), values.double().numpy()
    predicted = fitted(x[order[:known]], y[order[:known]]).predict(x[order[known:]])
    return kendall_tau(torch.from_numpy(predicted), torch.from_numpy(y[order[known:]]))


def search(
    vectors: Float[Tensor, "architectures size"] | None,
    values: Float[Tensor, " architectures"],
    evaluations: int,
    seed: int,
    elsewhere: Float[Tensor, " architectures"] | None = None,
    first: int = 4,
) -> Float[Tensor, " evaluations"]:
    """The best value found after each evaluation: some random architectures, then the greatest expected improvement.

    Args:
        vectors: of the architectures; without them the search is random.
        values: NaN for architectures that aren't searched.
        elsewhere: values of architectures of another space, which are known already; NaN for all others. The search
            begins with what they tell.
        first: random architectures at the start; one where another space is known.

    Raises:
        ValueError: more evaluations than architectures to search.
    """
    own = values.isfinite().nonzero().flatten()
    if not 1 <= evaluations <= len(own):
        raise ValueError(f"Evaluations must be from 1 to the {len(own)} architectures, got {evaluations}.")
    order = own[torch.randperm(len(own), generator=torch.Generator().manual_seed(seed))].tolist()
    y = values.double().numpy()
    if vectors is None:
        return torch.from_numpy(np.maximum.accumulate(y[order[:evaluations]]))
    x, known = scaled(vectors), [] if elsewhere is None else elsewhere.isfinite().nonzero().flatten().tolist()
    there = np.array([]) if elsewhere is None else standard(elsewhere.double().numpy()[known])
    seen = order[: min(evaluations, first if not known else 1)]
    if known:
        prior = np.asarray(fitted(x[known], there).predict(x[order]))
        seen = [order[int(prior.argmax())]]
    while len(seen) < evaluations:
        left = [i for i in order if i not in seen]
        here = standard(y[seen])
        process = fitted(x[known + seen], np.concatenate([there, here]))
        mean, deviation = map(np.asarray, process.predict(x[left], return_std=True))
        seen.append(left[int(improvement(mean, deviation, here.max()).argmax())])
    return torch.from_numpy(np.maximum.accumulate(y[seen]))


def improvement(mean: np.ndarray, deviation: np.ndarray, best: float) -> np.ndarray:
    """Expected improvement over the best value so far."""
    deviation = np.maximum(deviation, 1e-9)
    z = (mean - best) / deviation
    return deviation * (z * norm.cdf(z) + norm.pdf(z))


def standard(y: np.ndarray) -> np.ndarray:
    """Values with mean 0 and deviation 1, so that those of two spaces can be compared; few of them are centred only."""
    return (y - y.mean()) / (y.std() if len(y) > 3 else max(y.std(), 0.1))
