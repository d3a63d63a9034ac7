"""The colours of every picture, so that all look like one house's."""

from typing import Any

INK = "#22262b"  # text and lines
FAINT = "#b9c0c8"  # what only frames
OURS = "#0b6e99"
THEIRS = "#8a94a0"
POSITIVE, NEGATIVE = "#0b6e99", "#c2512f"  # weights of either sign

STYLE: dict[Any, Any] = {  # matplotlib's settings: `with matplotlib.rc_context(STYLE):`
    "axes.edgecolor": FAINT,
    "axes.labelcolor": INK,
    "axes.labelsize": 9,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlecolor": INK,
    "axes.titlesize": 10,
    "figure.facecolor": "white",
    "font.size": 9,
    "text.color": INK,
    "xtick.color": FAINT,
    "xtick.labelcolor": INK,
    "xtick.labelsize": 8,
    "ytick.color": FAINT,
    "ytick.labelcolor": INK,
    "ytick.labelsize": 8,
}
