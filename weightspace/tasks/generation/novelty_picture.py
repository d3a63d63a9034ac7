"""Accuracy against novelty: one point a net."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import matplotlib.pyplot as plt

from weightspace.palette import FAINT, INK, NEGATIVE, OURS, STYLE, THEIRS
from weightspace.tasks.generation.judge import Judge, Sampled

SHOWN = 0.98
"""The share of nets whose novelty lies inside the picture; a single one far away would leave no room for the others."""


def draw_novelty(
    path: Path,
    judge: Judge,
    rivals: Mapping[str, Sequence[tuple[float, float]]],
    generators: Mapping[str, Sampled],
    title: str = "",
) -> None:
    """Trivial rivals as points, a setting each, the rest net by net; what is good and new lies right, above.

    Args:
        rivals: by name, median novelty and mean accuracy with each setting. generators: by name.
        title: a sentence above the picture.
    """
    with plt.rc_context(STYLE):
        figure, axis = plt.subplots(figsize=(7.5, 4.6))
        held = judge.held
        axis.scatter(held.nearest / judge.unit, held.accuracy, s=9, color=FAINT, label="held-out trainings")
        for marker, (name, points) in zip("o^svDPX*<>hd", rivals.items(), strict=False):
            axis.plot(*zip(*points, strict=True), marker=marker, ms=6, lw=0.8, color=THEIRS, mec="white", label=name)
        for colour, (name, sampled) in zip((OURS, NEGATIVE, INK), generators.items(), strict=False):
            axis.scatter(sampled.nearest / judge.unit, sampled.accuracy, s=12, color=colour, label=name)
        clouds = [held.nearest, *(sampled.nearest for sampled in generators.values())]
        ends = [x for points in rivals.values() for x, _ in points]
        ends += [float(cloud.quantile(SHOWN)) / judge.unit for cloud in clouds]
        axis.set_xlim(-0.05, 1.05 * max(ends))
        axis.axhline(judge.alpha, color=INK, lw=0.8, ls=":")
        axis.text(0.01, judge.alpha, "good from here", va="bottom", transform=axis.get_yaxis_transform())
        axis.set_xlabel("novelty: distance to the nearest training net, held-out trainings = 1")
        axis.set_ylabel("test accuracy")
        axis.set_title(title, fontsize=9, loc="left")
        axis.legend(frameon=False, fontsize=7, loc="center left", bbox_to_anchor=(1.0, 0.5))
        figure.savefig(path, dpi=120, bbox_inches="tight")
        plt.close(figure)
