"""Accuracy against novelty: one point a net."""

from collections.abc import Mapping
from pathlib import Path

import matplotlib.pyplot as plt

from weightspace.palette import FAINT, INK, NEGATIVE, OURS, STYLE, THEIRS
from weightspace.tasks.generation.judge import Judge, Sampled


def draw_novelty(path: Path, judge: Judge, rivals: Mapping[str, Sampled], generators: Mapping[str, Sampled]) -> None:
    """Trivial rivals by their medians, the rest net by net; what is good and new lies right, above.

    Args:
        rivals: by name and setting. generators: by name.
    """
    with plt.rc_context(STYLE):
        figure, axis = plt.subplots(figsize=(7.5, 4.6))
        held = judge.held
        axis.scatter(held.nearest / judge.unit, held.accuracy, s=9, color=FAINT, label="held-out trainings")
        seen: dict[str, tuple[list[float], list[float]]] = {}
        for name, sampled in rivals.items():
            x, y = seen.setdefault(name.split(" {")[0], ([], []))
            x.append(float(sampled.nearest.median()) / judge.unit)
            y.append(float(sampled.accuracy.median()))
        for marker, (name, (x, y)) in zip("o^svDPX*<>hd", seen.items(), strict=False):
            axis.plot(x, y, marker=marker, ms=6, lw=0.8, color=THEIRS, mec="white", label=name)
        for colour, (name, sampled) in zip((OURS, NEGATIVE, INK), generators.items(), strict=False):
            axis.scatter(sampled.nearest / judge.unit, sampled.accuracy, s=12, color=colour, label=name)
        axis.axhline(judge.alpha, color=INK, lw=0.8, ls=":")
        axis.text(0.01, judge.alpha, "good from here", va="bottom", transform=axis.get_yaxis_transform())
        axis.set_xlabel("novelty: distance to the nearest training net, held-out trainings = 1")
        axis.set_ylabel("test accuracy")
        axis.legend(frameon=False, fontsize=7, loc="center left", bbox_to_anchor=(1.0, 0.5))
        figure.savefig(path, dpi=120, bbox_inches="tight")
        plt.close(figure)
