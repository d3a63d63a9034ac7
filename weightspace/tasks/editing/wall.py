"""A wall of pictures: nets before an edit, what is aimed at, and after it."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor

from weightspace.inr import Convention
from weightspace.palette import INK
from weightspace.tasks.editing.files import EditedFile

MOST = 12


def plot_wall(
    path: str | Path,
    rows: Mapping[str, Float[Tensor, "nets channels *grid"]],
    convention: Convention,
    title: str = "",
) -> Path:
    """Draws a row of pictures a stage (before, target, after), a column a net.

    Grey images are drawn with the smallest value black and the largest white, three channels as colours; of a field
    in three dimensions the middle slice, with the surface as a line.

    Args:
        path: the PNG (or PDF, SVG) to write. rows: name of the stage -> its signals.
        convention: says the range of values.
    """
    from matplotlib.figure import Figure

    rows = {name: signals[:MOST].detach().cpu().float() for name, signals in rows.items()}
    count = len(next(iter(rows.values())))
    figure = Figure(figsize=(0.9 + 0.95 * count, 0.98 * len(rows) + (0.4 if title else 0.1)), layout="constrained")
    axes = figure.subplots(len(rows), count, squeeze=False)
    for row, (name, signals) in enumerate(rows.items()):
        for column, signal in enumerate(signals):
            _draw(axes[row, column], signal, convention.low, convention.peak)
        axes[row, 0].set_ylabel(name, fontsize=9, color=INK, rotation=0, ha="right", va="center", labelpad=6)
    if title:
        figure.suptitle(title, fontsize=10, color=INK)
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=160, facecolor="white")
    return path


def plot_files(path: str | Path, edited: Sequence[EditedFile], convention: Convention) -> Path:
    """The wall of what `edit_files` gave."""
    rows = {stage: torch.stack([getattr(file, stage) for file in edited]) for stage in ("before", "target", "after")}
    return plot_wall(path, rows, convention, " + ".join(edited[0].edits))


def _draw(axis, signal: Tensor, low: float, peak: float) -> None:
    axis.set_xticks([])
    axis.set_yticks([])
    for spine in axis.spines.values():
        spine.set_visible(False)
    if signal.ndim == 4:
        middle = signal[0, ..., signal.shape[-1] // 2]
        axis.imshow(middle, cmap="RdBu", vmin=-peak / 2, vmax=peak / 2)
        if bool((middle < 0).any()) and bool((middle > 0).any()):
            axis.contour(middle, levels=[0.0], colors=INK, linewidths=1)
    elif signal.ndim == 3 and len(signal) == 3:
        axis.imshow(((signal - low) / peak).clamp(0, 1).permute(1, 2, 0))
    elif signal.ndim == 3:
        axis.imshow(signal[0], cmap="gray", vmin=low, vmax=low + peak)
    else:
        axis.plot(signal[0], color=INK, linewidth=1)
