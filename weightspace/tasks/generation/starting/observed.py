"""Pictures of which only some pixels are given: what shows the others, with nets and without."""

from pathlib import Path

import matplotlib.pyplot as plt
import torch
from jaxtyping import Float
from torch import Tensor

from weightspace.generators.start import LearnedStart
from weightspace.inr import render_stack
from weightspace.palette import STYLE
from weightspace.tasks.generation.starting.starts import psnr

Signals = Float[Tensor, "nets channels points"]
Known = Float[Tensor, "known channels points"]


def psnr_elsewhere(shown: Signals, given: Signals, whole: Signals, peak: float) -> Float[Tensor, " nets"]:
    """PSNR in dB on the points that weren't given (NaN)."""
    missing = given.isnan()
    errors = torch.where(missing, shown - whole, 0.0).square().sum((1, 2)) / missing.sum((1, 2)).clamp_min(1)
    return psnr(errors, peak)


def fitted(start: LearnedStart, rows: Float[Tensor, "nets entries"], given: Signals, rate: float, steps: int) -> Tensor:
    """What nets show before each step of Adam on the given points and after the last, ``[steps + 1, nets, ...]``."""
    rows, found = rows.detach().clone().requires_grad_(), []
    optimizer = torch.optim.Adam([rows], rate)
    for step in range(steps + 1):
        with torch.no_grad():
            found.append(shown_by(start, rows))
        if step < steps:
            optimizer.zero_grad()
            start.loss(rows, given).sum().backward()
            optimizer.step()
    return torch.stack(found)


def shown_by(start: LearnedStart, rows: Float[Tensor, "nets entries"]) -> Signals:
    """What nets show on the grid."""
    return render_stack(start.vectors.weights(rows), start.convention, start.points(rows)).detach()


def nearest(given: Signals, known: Known) -> Signals:
    """For each signal the known one that is nearest on its given points."""
    distances = (known[None] - given[:, None]).square().nan_to_num(0.0).sum((2, 3))
    return known[distances.argmin(1)]


def conditional_means(given: Signals, known: Known, ridge: float) -> Signals:
    """The mean of a normal distribution with the moments of the known signals, where the given points are as they are.

    Args:
        ridge: added to the variances.
    """
    flat, mean = known.flatten(1), known.flatten(1).mean(0)
    covariance = (flat - mean).T @ (flat - mean) / len(flat)
    found = []
    for signal in given.flatten(1):
        seen = ~signal.isnan()
        inner = covariance[seen][:, seen] + ridge * torch.eye(int(seen.sum()))
        found.append(mean + covariance[:, seen] @ torch.linalg.solve(inner, signal[seen] - mean[seen]))
    return torch.stack(found).unflatten(1, given.shape[1:])


def draw_observed(path: Path, shape: tuple[int, ...], columns: dict[str, Signals], low: float, peak: float) -> None:
    """A row a signal, a column for each name; points that are NaN stay blank."""
    rows = len(next(iter(columns.values())))
    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(rows, len(columns), figsize=(1.3 * len(columns), rows + 0.3), squeeze=False)
        for axis in axes.flat:
            axis.axis("off")
        for column, (name, images) in zip(axes.T, columns.items(), strict=True):
            column[0].set_title(name, fontsize=7)
            for axis, image in zip(column, images.unflatten(2, shape), strict=True):
                axis.imshow(image[0].numpy(), cmap="gray", vmin=low, vmax=low + peak)
        figure.savefig(path, dpi=110, bbox_inches="tight")
        plt.close(figure)
