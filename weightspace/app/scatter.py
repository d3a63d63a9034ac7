"""A scatter of a zoo's nets as a picture, and the net that a click on it means."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from weightspace.app.zoos import last_states
from weightspace.palette import FAINT, INK, STYLE
from weightspace.suggest import suggestion
from weightspace.zoo import Zoo

WIDTH, HEIGHT = 720, 480
_LEFT, _RIGHT, _TOP, _BOTTOM = 76, 96, 14, 50
_MOST_KINDS, _MOST_CIRCLES, _WIDE = 12, 2000, 50.0


@dataclass(frozen=True)
class Axis:
    """A column on an axis.

    Args:
        name: the column.
        values: where each net lies, NaN where nothing is known.
        low: and high: its ends.
        log: powers of ten are equally far apart.
        kinds: the texts that whole numbers stand for, where it holds texts.
    """

    name: str
    values: np.ndarray
    low: float
    high: float
    log: bool = False
    kinds: tuple[str, ...] = ()

    @classmethod
    def of(cls, zoo: Zoo, name: str) -> "Axis":
        """The axis of a column of the last states.

        Raises:
            ValueError: there is no such column, or nothing in it.
        """
        table = last_states(zoo).table
        if name not in table.column_names:
            raise ValueError(f"The zoo has no column {name!r}{suggestion(name, table.column_names)}.")
        values, kinds = _numbers(table[name])
        known = values[np.isfinite(values)]
        if not len(known):
            raise ValueError(f"Nothing is known in column {name!r}; choose another one.")
        low, high = float(known.min()), float(known.max())
        log = not kinds and low > 0 and high / low > _WIDE
        if log:
            values, low, high = np.log10(values), np.log10(low), np.log10(high)
        edge = 0.04 * (high - low) or 0.5
        return cls(name, values, low - edge, high + edge, log, kinds)

    def across(self) -> np.ndarray:
        """Where each net lies between the ends, from 0 to 1."""
        return (self.values - self.low) / (self.high - self.low)

    def ticks(self) -> tuple[np.ndarray, list[str]]:
        """Places between the ends, and what is written there."""
        if self.kinds:
            places = np.arange(len(self.kinds))[:: max(1, len(self.kinds) // _MOST_KINDS)]
            return (places - self.low) / (self.high - self.low), [self.kinds[int(place)][:12] for place in places]
        from matplotlib.ticker import MaxNLocator

        places = np.asarray(MaxNLocator(5).tick_values(self.low, self.high))
        places = places[(places >= self.low) & (places <= self.high)]
        shown = 10**places if self.log else places
        return (places - self.low) / (self.high - self.low), [f"{value:.3g}" for value in shown]


def _numbers(column: pa.ChunkedArray) -> tuple[np.ndarray, tuple[str, ...]]:
    if pa.types.is_string(column.type) or pa.types.is_boolean(column.type):
        kinds = sorted({str(value) for value in column.to_pylist() if value is not None})
        numbers = {kind: float(number) for number, kind in enumerate(kinds)}
        return np.array([numbers.get(str(value), np.nan) for value in column.to_pylist()]), tuple(kinds)
    return column.cast(pa.float64()).to_numpy().astype(float), ()


def draw_scatter(zoo: Zoo, x: str, y: str, colour: str, marked: int | None = None) -> np.ndarray:
    """The picture ``[HEIGHT, WIDTH, 3]`` of all nets by two columns, coloured by a third.

    Args:
        marked: the row of a net with a ring around it.

    Raises:
        ValueError: there is no such column, or nothing in it.
    """
    import matplotlib
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize
    from matplotlib.figure import Figure

    across, up, third = Axis.of(zoo, x), Axis.of(zoo, y), Axis.of(zoo, colour)
    with matplotlib.rc_context({**STYLE, "font.size": 12}):
        figure = Figure(figsize=(WIDTH / 100, HEIGHT / 100), dpi=100)
        axes = figure.add_axes((_LEFT / WIDTH, _BOTTOM / HEIGHT, _inner()[0] / WIDTH, _inner()[1] / HEIGHT))
        few = bool(third.kinds) and len(third.kinds) <= 10
        shades = ScalarMappable(Normalize(-0.5, 9.5), "tab10") if few else ScalarMappable(cmap="viridis")
        shades.set_array(third.values)
        shades.autoscale_None()
        if len(across.values) > _MOST_CIRCLES:
            axes.imshow(_points(across, up, shades), extent=(0, 1, 0, 1), aspect="auto", interpolation="nearest")
        else:
            axes.scatter(across.across(), up.across(), s=26, c=shades.to_rgba(third.values), linewidths=0, alpha=0.85)
        if marked is not None:
            axes.scatter([across.across()[marked]], [up.across()[marked]], s=140, facecolors="none", edgecolors=INK)
        axes.set(xlim=(0, 1), ylim=(0, 1), xlabel=_title(across), ylabel=_title(up))
        axes.set_xticks(*across.ticks(), fontsize=9)
        axes.set_yticks(*up.ticks(), fontsize=9)
        axes.grid(color=FAINT, linewidth=0.4)
        _legend(figure, axes, shades, third, few)
        return _pixels(figure)


def _points(across: Axis, up: Axis, shades: Any) -> np.ndarray:
    """Nets as squares of two pixels on a clear ground ``[height, width, 4]``: fast, however many there are."""
    width, height = _inner()
    layer = np.zeros((height, width, 4), np.uint8)
    known = np.isfinite(across.values) & np.isfinite(up.values)
    right = (across.across()[known] * (width - 2)).astype(int)
    down = ((1 - up.across()[known]) * (height - 2)).astype(int)
    colours = shades.to_rgba(shades.get_array()[known], bytes=True)
    for row in (0, 1):
        for column in (0, 1):
            layer[down + row, right + column] = colours
    return layer


def _legend(figure: Any, axes: Any, shades: Any, third: Axis, few: bool) -> None:
    if few:
        from matplotlib.lines import Line2D

        kinds = range(len(third.kinds))
        marks = [Line2D([], [], marker="o", linestyle="", color=shades.to_rgba(float(kind))) for kind in kinds]
        look: dict[str, Any] = {"frameon": False, "fontsize": 8, "title_fontsize": 8, "handletextpad": 0.1}
        texts = [kind[:10] for kind in third.kinds]
        axes.legend(marks, texts, title=third.name[:14], loc="upper left", bbox_to_anchor=(1.0, 1.0), **look)
        return
    place = figure.add_axes(((WIDTH - _RIGHT + 12) / WIDTH, 0.25, 12 / WIDTH, 0.5))
    bar = figure.colorbar(shades, cax=place)
    places, texts = third.ticks()
    bar.set_ticks(third.low + places * (third.high - third.low), labels=texts, fontsize=8)
    bar.set_label(_title(third), fontsize=9)
    bar.outline.set_visible(False)


def _title(axis: Axis) -> str:
    return axis.name.replace("_", " ")


def _inner() -> tuple[int, int]:
    return WIDTH - _LEFT - _RIGHT, HEIGHT - _TOP - _BOTTOM


def _pixels(figure: Any) -> np.ndarray:
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()


def nearest_row(zoo: Zoo, x: str, y: str, place: tuple[int | float, int | float]) -> int:
    """The row of `last_states` whose dot is nearest to a point of the picture.

    Args:
        place: pixels from the left and from the top.
    """
    inner = _inner()
    right = _LEFT + Axis.of(zoo, x).across() * inner[0] - place[0]
    down = _TOP + (1 - Axis.of(zoo, y).across()) * inner[1] - place[1]
    apart = right**2 + down**2
    return int(np.nanargmin(apart))
