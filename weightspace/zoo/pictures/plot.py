"""Pictures of a zoo."""

from pathlib import Path
from typing import Any

import numpy as np

from weightspace.zoo.pictures.wall import WALL, render_wall
from weightspace.zoo.zoo import Zoo

COLOUR = "#3465a4"
MAIN = ("psnr", "test_accuracy", "test_loss")  # what the others are drawn against: the first that the zoo has


def plot_zoo(zoo: Zoo, out: str | Path) -> list[Path]:
    """Writes figures: histograms of metrics, each hyperparameter against the main metric, learning curves, renderings.

    Args:
        zoo: a zoo or a view of one.
        out: folder for the PNG files.

    Returns:
        The files written.
    """
    import matplotlib

    matplotlib.use("agg")
    out = Path(out)
    out.mkdir(parents=True, exist_ok=True)
    main = next((name for name in MAIN if name in zoo.table.column_names), None)
    figures: dict[str, Any] = {"wall": _wall(zoo)}
    if main is not None:
        figures |= {
            "metrics": _histograms(zoo, main),
            "hyperparameters": _axes(zoo, main),
            "curves": _curves(zoo, main),
        }
    written = []
    for name, figure in figures.items():
        if figure is not None:
            written.append(out / f"{name}.png")
            figure.savefig(written[-1], dpi=120)
    return written


def _figure(columns: int, rows: int = 1) -> tuple[Any, Any]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(3.2 * columns, 2.6 * rows), layout="constrained")
    return figure, figure.subplots(rows, columns, squeeze=False).ravel()


def _column(zoo: Zoo, name: str) -> np.ndarray:
    return np.array([np.nan if value is None else value for value in zoo.table[name].to_pylist()], dtype=object)


def _histograms(zoo: Zoo, main: str) -> Any:
    good = zoo.final().filter(status="ok")
    names = [name for name in (main, "train_accuracy", "gap", "mse") if name in zoo.table.column_names]
    figure, axes = _figure(len(names))
    for axis, name in zip(axes, names, strict=True):
        values = _column(good, name).astype(float)
        values = values[np.isfinite(values)]
        axis.hist(values, bins=int(np.clip(2 * np.sqrt(len(values)), 5, 40)), color=COLOUR)
        axis.set(xlabel=name.replace("_", " "), ylabel="nets")
    return figure


def _axes(zoo: Zoo, main: str) -> Any:
    good = zoo.final().filter(status="ok")
    if not zoo.hyperparameters:
        return None
    columns = min(4, len(zoo.hyperparameters))
    figure, axes = _figure(columns, -(-len(zoo.hyperparameters) // columns))
    y = _column(good, main).astype(float)
    for axis, name in zip(axes, zoo.hyperparameters, strict=False):
        x, known = _column(good, name), np.isfinite(y)
        if any(isinstance(value, str | bool) for value in x):
            kinds = sorted({str(value) for value in x[known]})
            axis.boxplot(
                [y[known & np.array([str(value) == kind for value in x])] for kind in kinds], tick_labels=kinds
            )
            axis.tick_params("x", rotation=90 if len(kinds) > 3 else 0, labelsize=7 if len(kinds) > 3 else None)
        else:
            x, size = x.astype(float), float(np.clip(2000 / max(1, len(x)), 3, 15))
            known &= np.isfinite(x)
            axis.scatter(x[known], y[known], s=size, alpha=0.5, color=COLOUR, linewidths=0)
            low, high = np.quantile(x[known], [0.1, 0.9]) if known.any() else (1.0, 1.0)
            if 0 < 12 * low < high:
                axis.set_xscale("log")
        axis.set(xlabel=name.replace("_", " "), ylabel=main.replace("_", " "))
    for axis in axes[len(zoo.hyperparameters) :]:
        axis.set_visible(False)
    return figure


def _curves(zoo: Zoo, main: str) -> Any:
    if len(zoo) == len(zoo.final()):
        return None
    figure, (axis,) = _figure(1)
    nets, steps, values = (_column(zoo, name) for name in ("net", "step", main))
    for net in sorted(set(nets))[:200]:
        mine = nets == net
        axis.plot(steps[mine].astype(float), values[mine].astype(float), "-", lw=0.6, alpha=0.5, color=COLOUR)
    axis.set(xlabel="step", ylabel=main.replace("_", " "))
    return figure


def _wall(zoo: Zoo) -> Any:
    good = zoo.final().filter(status="ok")
    if not len(good):
        return None
    view = next(iter(good.by_space().values()))
    if not view.renders:
        return None
    return render_wall(view.view(view.table.slice(0, WALL)))
