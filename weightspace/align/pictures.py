"""Pictures of what aligning found."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from weightspace.palette import FAINT, INK, NEGATIVE, OURS, THEIRS

if TYPE_CHECKING:
    from weightspace.align.barrier import Barrier
    from weightspace.align.correspond import Correspondence
    from weightspace.align.tree import FamilyTree


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


def draw_tree(tree: "FamilyTree", path: Path) -> Path:
    """Every family from left to right, children right of their parents, scores on the edges; returns the path."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    spots = _spots(tree)
    height = 1 + max((y for _, y in spots.values()), default=0)
    width = 1 + max((x for x, _ in spots.values()), default=0)
    figure, axis = pyplot.subplots(figsize=(max(4, 2.6 * width), max(2, 0.42 * height)))
    for edge in tree.edges:
        (x, y), (right, below) = spots[edge.parent], spots[edge.child]
        axis.plot([x, right], [y, below], color=OURS, linewidth=0.6 + 2 * max(0.0, edge.score), zorder=1)
        axis.text((x + 2 * right) / 3, (y + 2 * below) / 3, f"{edge.score:.2f}", fontsize=6, color=INK, va="bottom")
    alone = {k for family in tree.families if len(family) == 1 for k in family}
    for net, (x, y) in spots.items():
        axis.scatter([x], [y], s=26, color=FAINT if net in alone else INK, zorder=2)
        axis.text(x + 0.04, y, tree.names[net], fontsize=7, color=THEIRS if net in alone else INK, va="center")
    axis.set_xlim(-0.2, width)
    axis.set_ylim(height - 0.4, -0.6)
    axis.axis("off")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=150, bbox_inches="tight")
    pyplot.close(figure)
    return path


def _spots(tree: "FamilyTree") -> dict[int, tuple[float, float]]:
    """For each net its generation and its row; families in order of size."""
    spots: dict[int, tuple[float, float]] = {}
    row = 0
    for family in sorted(tree.families, key=len, reverse=True):
        roots = [net for net in family if not tree.parents(net)]
        stack = [(net, 0) for net in reversed(roots)]
        while stack:
            net, generation = stack.pop()
            if net in spots:
                continue
            spots[net] = (float(generation), float(row))
            row += 1
            children = [edge.child for edge in tree.edges if edge.parent == net]
            stack += [(child, generation + 1) for child in reversed(children)]
    return spots


def draw_correspondence(found: "Correspondence", path: Path) -> Path:
    """The table of a correspondence, rows and columns in an order that shows it; returns the path."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    rows, columns = _order_of(found)
    table = found.table[rows][:, columns].cpu().numpy()
    figure, axis = pyplot.subplots(figsize=(5.2, 4.6))
    limit = max(1e-12, float(abs(table).max()))
    image = axis.imshow(table, cmap="RdBu_r", vmin=-limit, vmax=limit, interpolation="nearest", aspect="auto")
    if found.groups is not None:
        for labels, order, draw in ((found.groups[0], rows, axis.axhline), (found.groups[1], columns, axis.axvline)):
            sorted_labels = labels[order]
            for place in (sorted_labels[1:] != sorted_labels[:-1]).nonzero().flatten().tolist():
                draw(place + 0.5, color=INK, linewidth=0.6)
    axis.set_xlabel("neurons of b")
    axis.set_ylabel("neurons of a")
    axis.set_title(f"{found.layer}, {found.way}: mean score {float(found.scores.mean()):.2f}", fontsize=9)
    figure.colorbar(image, ax=axis, label="coefficient" if found.way == "one-to-many" else "correlation")
    figure.tight_layout()
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=150)
    pyplot.close(figure)
    return path


def _order_of(found: "Correspondence") -> tuple[Tensor, Tensor]:
    """Best neurons first with their partners beside them; groups one after the other."""
    if found.groups is not None:
        rows, columns = (labels.argsort(stable=True) for labels in found.groups)
        return rows, columns
    rows = found.scores.argsort(descending=True)
    first = found.partners if found.partners is not None else found.table.abs().argmax(1)
    rest = torch.arange(found.table.shape[1])
    columns = torch.tensor(list(dict.fromkeys([*first[rows].tolist(), *rest.tolist()])))
    return rows, columns
