"""Pictures of what aligning found."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from weightspace.palette import FAINT, INK, NEGATIVE, OURS, THEIRS

if TYPE_CHECKING:
    from weightspace.align.barrier import Barrier


def draw_barrier(barrier: "Barrier", path: Path) -> Path:
    """All curves of a barrier, losses and, where there are classes, accuracies; returns the path."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    classes = barrier.curves[0].accuracy_barrier is not None
    figure, axes = pyplot.subplots(1, 2 if classes else 1, figsize=(11 if classes else 6, 4), squeeze=False)
    for number, curve in enumerate(barrier.curves):
        style: dict[str, Any] = _style(curve.name, number)
        shares = [k / (len(curve.scores) - 1) for k in range(len(curve.scores))]
        label = f"{curve.name} ({curve.loss_barrier:.3f})"
        axes[0, 0].plot(shares, [score.loss for score in curve.scores], label=label, **style)
        if classes:
            values = [100 * (score.accuracy or 0.0) for score in curve.scores]
            axes[0, 1].plot(shares, values, label=f"{curve.name} ({curve.accuracy_barrier:.1f})", **style)
    for axis, label in zip(axes[0], ("loss (barrier)", "accuracy, % (barrier, points)"), strict=False):
        axis.set_xlabel("share of b")
        axis.set_ylabel(label)
        axis.legend(fontsize=7, frameon=False)
        axis.grid(color=FAINT, linewidth=0.4)
    figure.tight_layout()
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=150)
    pyplot.close(figure)
    return path


def _style(name: str, number: int) -> dict[str, Any]:
    colour = THEIRS if name.startswith("naive") else OURS
    if any(word in name for word in ("reset", "repair", "rescale")):
        colour = NEGATIVE if "rescale" not in name else INK
    return {"color": colour, "linestyle": "--" if "calibrated" in name else "-", "linewidth": 1.4}
