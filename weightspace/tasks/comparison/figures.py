"""Figures of results: what was predicted against what is true, one panel a method."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor

from weightspace.palette import FAINT, INK, OURS, THEIRS


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

    Args:
        path: the PNG (or PDF, SVG) to write.
        true: label -> what is true.
        predicted: method -> label -> what was predicted.
        scores: method -> label -> `Score.to_dict()`; tau and R2 are written in the panel.
        title: one line above the panels.
        ours: the method that is drawn in colour.
    """
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
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=160, facecolor="white")
    return path


def plot_calibration(
    path: str | Path, bins: Mapping[str, Mapping[str, Mapping[str, Sequence[float]]]], *, title: str, ours: str = ""
) -> Path:
    """Draws a panel a label: what is true of nets for which about the same was predicted, a line a method.

    Args:
        path: the PNG (or PDF, SVG) to write.
        bins: label -> method -> what `calibration` gives. On the diagonal a method is calibrated.
        title: one line above the panels.
        ours: the method that is drawn in colour.
    """
    from matplotlib.figure import Figure

    wide = min(3, len(bins))
    high = -(-len(bins) // wide)
    figure = Figure(figsize=(3.1 * wide + 1.9, 3.2 * high + 0.4), layout="constrained")
    axes = figure.subplots(high, wide, squeeze=False).flatten()
    for axis in axes[len(bins) :]:
        axis.set_axis_off()
    methods = list(dict.fromkeys(method for by_method in bins.values() for method in by_method))
    greys = [str(0.25 + 0.5 * number / max(1, len(methods) - 1)) for number in range(len(methods))]
    for axis, (label, by_method) in zip(axes, bins.items(), strict=False):
        ends = [value for found in by_method.values() for key in ("predicted", "true") for value in found[key]]
        axis.plot([min(ends), max(ends)], [min(ends), max(ends)], color=FAINT, linewidth=1, zorder=1)
        for number, method in enumerate(methods):
            if method not in by_method:
                continue
            found, main = by_method[method], method == ours
            line = {"color": OURS if main else greys[number], "linewidth": 1.8 if main else 0.8, "zorder": 2 + main}
            marker = _MARKERS[number % len(_MARKERS)]
            axis.plot(found["predicted"], found["true"], marker=marker, markersize=3.5, label=method, **line)
        axis.set_title(label, fontsize=10, color=INK)
        axis.set_xlabel("predicted, mean of a tenth of the nets", fontsize=8.5, color=INK)
        _plain(axis)
    for axis in axes[::wide]:
        axis.set_ylabel("true, mean of the same nets", fontsize=8.5, color=INK)
    handles = dict(zip(*reversed(axes[len(bins) - 1].get_legend_handles_labels()), strict=True))
    figure.legend(handles.values(), handles.keys(), loc="outside right center", fontsize=7.5, frameon=False)
    figure.suptitle(title, fontsize=11, color=INK)
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=160, facecolor="white")
    return path


_MARKERS = "osD^v<>Pp*hX"


def _panel(axis, true: Tensor, predicted: Tensor, score: Mapping[str, float], colour: str) -> None:
    low, high = _limits(true)
    clipped = predicted.clamp(low, high)
    axis.plot([low, high], [low, high], color=FAINT, linewidth=1, zorder=1)
    axis.scatter(true, clipped, s=9, color=colour, alpha=0.5, linewidths=0, zorder=2)
    axis.set_xlim(low, high)
    axis.set_ylim(low, high)
    axis.set_box_aspect(1)
    axis.text(
        0.05,
        0.95,
        f"τ {score['tau']:.3f}\nR² {score['r2']:.3f}",
        transform=axis.transAxes,
        va="top",
        fontsize=8.5,
        color=INK,
    )
    _plain(axis)


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
