"""Pictures of what aligning found."""

import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from weightspace.palette import FAINT, INK, NEGATIVE, OURS, THEIRS

if TYPE_CHECKING:
    from weightspace.align.barrier import Barrier
    from weightspace.align.correspond import Correspondence
    from weightspace.align.tree import FamilyTree

_ORDERED = {"one-to-one": "best first", "one-to-many": "best first", "many-to-many": "group by group"}
_INDENT, _LETTER, _WRAP = 0.9, 0.13, 90  # of a tree: of a generation, the width of a letter, letters in a line


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
    """Every family as an indented tree, children below their parents, scores on the branches; returns the path.

    A net of two parents stands below the nearer one, with the other beside its name. Nets without relatives come last.
    """
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    rows, alone = _rows_of(tree)
    lines = textwrap.wrap(", ".join(tree.names[net] for net in alone), _WRAP)
    below = max((y for _, _, y in rows), default=-1) + 1.5
    height = below + (len(lines) + 0.5 if lines else -1)
    width = 2 + max((indent for _, indent, _ in rows), default=0) + _LETTER * max(map(len, (*tree.names, *lines)))
    figure, axis = pyplot.subplots(figsize=(max(4.5, 0.62 * width), max(1.6, 0.27 * (height + 1.6))))
    number = len(tree.families) - len(alone)
    axis.text(0, -1.2, f"{len(tree.names)} nets, {number} {'family' if number == 1 else 'families'}; on a branch: the "
              "correlation of weights after aligning", fontsize=7, color=THEIRS)  # fmt: skip
    places = {net: (indent, y) for net, indent, y in rows}
    for net, (x, y) in places.items():
        edges = sorted((e for e in tree.edges if e.child == net), key=lambda e: -e.score)
        for edge in edges[:1]:
            start, above = places[edge.parent]
            axis.plot([start, start, x], [above, y, y], color=OURS, linewidth=1.2, zorder=1, solid_joinstyle="round")
            axis.text((start + x) / 2, y - 0.08, _digits(edge.score), fontsize=6, color=OURS, ha="center", va="bottom")
        axis.scatter([x], [y], s=20, color=INK, zorder=2)
        label = axis.text(x + 0.18, y, tree.names[net], fontsize=8, color=INK, va="center")
        for edge in edges[1:]:
            axis.annotate(f"   and {tree.names[edge.parent]} ({_digits(edge.score)})", (1, 0.5), xycoords=label,
                          fontsize=7, color=OURS, va="center")  # fmt: skip
    if lines:
        axis.text(0, below, f"{len(alone)} without relatives:", fontsize=7, color=THEIRS, va="center")
        for k, line in enumerate(lines):
            axis.text(0, below + 1 + k, line, fontsize=7, color=THEIRS, va="center")
    axis.set_xlim(-0.3, width)
    axis.set_ylim(height, -1.6)
    axis.axis("off")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=150, bbox_inches="tight")
    pyplot.close(figure)
    return path


def _digits(score: float) -> str:
    """Two digits, and more where they would all be nines."""
    return f"{score:.2f}" if score < 0.995 else f"{min(score, 0.9999):.4f}" if score < 1 - 1e-6 else "1"


def _rows_of(tree: "FamilyTree") -> tuple[list[tuple[int, float, float]], list[int]]:
    """For each net with relatives its indent and its row, large families first; and those without."""
    above = {edge.child: edge.parent for edge in sorted(tree.edges, key=lambda edge: edge.score)}  # the nearest stays
    rows: list[tuple[int, float, float]] = []
    y = 0.0
    for family in sorted((f for f in tree.families if len(f) > 1), key=len, reverse=True):
        stack = [(net, 0.0) for net in reversed(family) if net not in above]
        while stack:
            net, indent = stack.pop()
            rows.append((net, indent, y))
            y += 1
            stack += [(child, indent + _INDENT) for child in reversed(family) if above.get(child) == net]
        y += 0.5
    return rows, [family[0] for family in tree.families if len(family) == 1]


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
    for side, order, ticks in (("a", rows, axis.set_yticks), ("b", columns, axis.set_xticks)):
        places = range(0, len(order), max(1, len(order) // 16))  # neurons bear their own numbers, not those of rows
        ticks(list(places), [str(int(order[place])) for place in places], fontsize=7)
        (axis.set_ylabel if side == "a" else axis.set_xlabel)(f"neurons of {side}, {_ORDERED[found.way]}")
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
