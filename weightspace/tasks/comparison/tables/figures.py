"""Figures of results: what was predicted against what is true, one panel a method."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from textwrap import wrap
from typing import TYPE_CHECKING

import torch
from jaxtyping import Float
from torch import Tensor

from weightspace.palette import FAINT, INK, OURS, THEIRS

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COLUMNS = 5
"""Panels beside each other, at most."""


def plot_predictions(
    path: str | Path,
    true: Mapping[str, Float[Tensor, "nets"]],
    predicted: Mapping[str, Mapping[str, Float[Tensor, "nets"]]],
    scores: Mapping[str, Mapping[str, Mapping[str, float]]],
    *,
    title: str,
    ours: str | None = None,
) -> Path:
    """Draws a row of panels a label, a panel a method: each net a dot, the diagonal a perfect prediction.

    A panel spans what is true; a small triangle at its edge marks a prediction outside of it.

    Args:
        path: the PNG (or PDF, SVG) to write.
        true: label -> what is true.
        predicted: method -> label -> what was predicted.
        scores: method -> label -> `Score.to_dict()`; tau and R2 are written in the panel.
        title: one line above the panels.
        ours: the method that is drawn in colour.
    """
    return _saved(predictions_figure(true, predicted, scores, title, ours), path)


def predictions_figure(
    true: Mapping[str, Float[Tensor, "nets"]],
    predicted: Mapping[str, Mapping[str, Float[Tensor, "nets"]]],
    scores: Mapping[str, Mapping[str, Mapping[str, float]]],
    title: str,
    ours: str | None,
) -> "Figure":
    """The figure that `plot_predictions` writes."""
    from matplotlib.figure import Figure

    methods, labels = list(predicted), list(true)
    figure = Figure(figsize=(2.55 * len(methods) + 0.6, 2.6 * len(labels) + 0.7), layout="constrained")
    axes = figure.subplots(len(labels), len(methods), squeeze=False, sharex="row", sharey="row")
    for row, label in enumerate(labels):
        for column, method in enumerate(methods):
            axis = axes[row, column]
            colour = OURS if method == ours else THEIRS
            _panel(axis, true[label], predicted[method][label], scores[method][label], colour)
            if row == 0:
                axis.set_title(
                    method.replace(" on ", "\non "), fontsize=10, color=OURS if method == ours else INK, pad=7
                )
            if row == len(labels) - 1:
                axis.set_xlabel("true", fontsize=9, color=INK)
        axes[row, 0].set_ylabel(f"{label}\npredicted", fontsize=9, color=INK)
    figure.suptitle(title, fontsize=11, color=INK)
    return figure


def plot_calibration(
    path: str | Path,
    bins: Mapping[str, Mapping[str, Mapping[str, Sequence[float]]]],
    scores: Mapping[str, Mapping[str, str]] | None = None,
    *,
    title: str,
    ours: str = "",
) -> Path:
    """Draws a block of panels a label, a panel a method: what is true of nets for which about the same was predicted.

    All panels of a label share their axes, which span what is true; a small triangle marks a mean outside of them.

    Args:
        path: the PNG (or PDF, SVG) to write.
        bins: label -> method -> what `calibration` gives. On the diagonal a method is calibrated.
        scores: label -> method -> its score as text ("τ 0.806"), written above its panel where there is one.
        title: one line above the panels.
        ours: the method that is drawn in colour.
    """
    return _saved(calibration_figure(bins, scores or {}, title, ours), path)


def calibration_figure(
    bins: Mapping[str, Mapping[str, Mapping[str, Sequence[float]]]],
    scores: Mapping[str, Mapping[str, str]],
    title: str,
    ours: str,
) -> "Figure":
    """The figure that `plot_calibration` writes."""
    from matplotlib.figure import Figure

    wide = min(COLUMNS, max(len(by_method) for by_method in bins.values()))
    rows = [-(-len(by_method) // wide) for by_method in bins.values()]
    figure = Figure(figsize=(1.9 * wide + 0.5, 2.05 * sum(rows) + 0.4 * len(rows) + 0.6), layout="constrained")
    blocks = figure.subfigures(len(bins), 1, squeeze=False, height_ratios=rows)[:, 0]
    for block, high, (label, by_method) in zip(blocks, rows, bins.items(), strict=True):
        _calibration_block(block, (high, wide), by_method, scores.get(label, {}), ours)
        block.suptitle(label, fontsize=10.5, color=INK, fontweight="bold")
    figure.suptitle(title, fontsize=11.5, color=INK)
    return figure


def _calibration_block(block, shape: tuple[int, int], by_method: Mapping, scores: Mapping[str, str], ours: str):
    axes = block.subplots(*shape, squeeze=False, sharex=True, sharey=True).flatten()
    low, high = _limits(torch.tensor([value for found in by_method.values() for value in found["true"]]))
    for axis, (method, found) in zip(axes, by_method.items(), strict=False):
        x, y = (torch.tensor(found[key], dtype=torch.float64) for key in ("predicted", "true"))
        colour = OURS if method == ours else THEIRS
        _frame(axis, low, high)
        axis.plot(x, y, marker="o", markersize=3, linewidth=1.2, color=colour, zorder=2)
        _mark_outside(axis, x, y, low, high, colour)
        score = f"\n{scores[method]}" if method in scores else ""
        axis.set_title(_two_lines(method) + score, fontsize=8, color=OURS if method == ours else INK)
    for axis in axes[len(by_method) :]:
        axis.set_axis_off()
    for axis in axes[max(0, len(by_method) - shape[1]) : len(by_method)]:
        axis.xaxis.set_tick_params(labelbottom=True)
    block.supxlabel("predicted, mean of a tenth of the nets", fontsize=8.5, color=INK)
    block.supylabel("true, mean of the same nets", fontsize=8.5, color=INK)


def _two_lines(method: str) -> str:
    """A method's name, broken where it is too long for a panel."""
    return "\n".join(wrap(method, 24))


def _panel(axis, true: Tensor, predicted: Tensor, score: Mapping[str, float], colour: str) -> None:
    low, high = _limits(true)
    inside = (predicted >= low) & (predicted <= high)
    _frame(axis, low, high)
    axis.scatter(true[inside], predicted[inside], s=9, color=colour, alpha=0.5, linewidths=0, zorder=2)
    _mark_outside(axis, true, predicted, low, high, colour)
    text = f"τ {score['tau']:.3f}\nR² {score['r2']:.3f}"
    axis.text(0.05, 0.95, text, transform=axis.transAxes, va="top", fontsize=8.5, color=INK)


def _frame(axis, low: float, high: float) -> None:
    """A square of which both sides span the same, with its diagonal."""
    axis.plot([low, high], [low, high], color=FAINT, linewidth=1, zorder=1)
    axis.set_xlim(low, high)
    axis.set_ylim(low, high)
    axis.set_box_aspect(1)
    axis.locator_params(nbins=4)
    _plain(axis)


def _mark_outside(axis, x: Tensor, y: Tensor, low: float, high: float, colour: str) -> None:
    """A triangle at the edge for each point beyond it, which points to where the point is."""
    sides = {"<": x < low, ">": x > high, "v": y < low, "^": y > high}
    for marker, out in sides.items():
        if out.any():
            at = [values[out].clamp(low, high) for values in (x, y)]
            axis.scatter(*at, s=24, marker=marker, color=colour, linewidths=0, zorder=3, clip_on=False)


def _saved(figure: "Figure", path: str | Path) -> Path:
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=160, facecolor="white")
    return path


def _plain(axis) -> None:
    axis.tick_params(labelsize=7.5, color=FAINT, labelcolor=INK, length=2.5)
    for side in ("top", "right"):
        axis.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        axis.spines[side].set_color(FAINT)


def _limits(true: Tensor) -> tuple[float, float]:
    low, high = torch.aminmax(true.double())
    margin = 0.06 * float(high - low) or 1e-3
    return float(low) - margin, float(high) + margin
