"""Pictures of a zoo."""

from pathlib import Path
from typing import Any

import numpy as np

from weightspace.palette import FAINT, INK, OURS, STYLE
from weightspace.zoo.folder.folder import RECIPE
from weightspace.zoo.pictures.wall import WALL, render_wall
from weightspace.zoo.recipe.ranges import Range
from weightspace.zoo.recipe.recipe import Recipe
from weightspace.zoo.zoo import Zoo

MAIN = ("psnr", "test_accuracy", "test_loss")  # what the others are drawn against: the first that the zoo has
SPREADS = ("train_accuracy", "gap", "mse")
UNITS = {"psnr": "PSNR, dB", "mse": "mean squared error"}
LOGARITHMIC = {"mse"}
MOST_KINDS, MOST_CURVES = 12, 200


def plot_zoo(zoo: Zoo, out: str | Path) -> list[Path]:
    """Writes figures: histograms of metrics, each hyperparameter against the main metric, learning curves, renderings.

    What the recipe draws on a logarithmic scale has a logarithmic axis; what doesn't vary has no panel.

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
    written = []
    with matplotlib.rc_context(STYLE):
        figures: dict[str, Any] = {"wall": _wall(zoo)}
        if main is not None:
            figures |= {
                "metrics": _histograms(zoo, main),
                "hyperparameters": _axes(zoo, main),
                "curves": _curves(zoo, main),
            }
        for name, figure in figures.items():
            if figure is not None:
                written.append(out / f"{name}.png")
                figure.savefig(written[-1], dpi=160)
    return written


def logarithmic(zoo: Zoo, name: str) -> bool:
    """Whether a recipe of the zoo draws a hyperparameter on a logarithmic scale that spans more than a factor of 3."""
    return any(
        isinstance(drawn, Range) and drawn.log and drawn.high > 3 * drawn.low
        for recipe in _recipes(zoo)
        for drawn in [{**recipe.architecture, **recipe.train}.get(name)]
    )


def _recipes(zoo: Zoo) -> list[Recipe]:
    """The recipe of a zoo, those of the zoos that it was merged from, or none."""
    own = zoo.path / RECIPE
    return [Recipe.load(path) for path in ([own] if own.exists() else sorted(zoo.path.glob("sources/*.toml")))]


def _figure(zoo: Zoo, panels: int) -> tuple[Any, Any]:
    from matplotlib.figure import Figure

    columns = min(4, panels)
    rows = -(-panels // columns)
    figure = Figure(figsize=(2.7 * columns + 0.3, 2.2 * rows + 0.3), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False).ravel()
    for axis in axes[panels:]:
        axis.set_axis_off()
    figure.suptitle(f"{zoo.manifest['name'] or zoo.path.name}: {len(zoo.final()):,} nets", fontsize=10)
    return figure, axes


def _numbers(zoo: Zoo, name: str) -> np.ndarray:
    return np.array([np.nan if value is None else value for value in zoo.table[name].to_pylist()], dtype=float)


def _title(name: str) -> str:
    return UNITS.get(name, name.replace("_", " "))


def _histograms(zoo: Zoo, main: str) -> Any:
    good = zoo.final().filter(status="ok")
    found = {name: _numbers(good, name) for name in (main, *SPREADS) if name in zoo.table.column_names}
    found = {name: values[np.isfinite(values)] for name, values in found.items() if np.isfinite(values).any()}
    if not found:
        return None
    figure, axes = _figure(zoo, len(found))
    for axis, (name, values) in zip(axes, found.items(), strict=False):
        bins: Any = int(np.clip(2 * np.sqrt(len(values)), 5, 40))
        if name in LOGARITHMIC and values.min() > 0 and values.max() > values.min():
            bins = np.geomspace(values.min(), values.max(), bins + 1)
            axis.set_xscale("log")
        axis.hist(values, bins=bins, color=OURS)
        axis.yaxis.get_major_locator().set_params(integer=True)
        axis.set(xlabel=_title(name), ylabel="nets")
    return figure


def _axes(zoo: Zoo, main: str) -> Any:
    good = zoo.final().filter(status="ok")
    varied = [name for name in zoo.hyperparameters if len(good.table[name].drop_null().unique()) > 1]
    if not varied:
        return None
    figure, axes = _figure(zoo, len(varied))
    y = _numbers(good, main)
    for axis, name in zip(axes, varied, strict=False):
        x = good.table[name].to_pylist()
        if any(isinstance(value, str | bool) for value in x):
            _kinds(axis, [None if value is None else str(value) for value in x], y)
        else:
            _dots(axis, _numbers(good, name), y)
            if logarithmic(zoo, name):
                _log_scale(axis, x)
        axis.set(xlabel=_title(name), ylabel=_title(main))
    return figure


def _dots(axis: Any, x: np.ndarray, y: np.ndarray) -> None:
    """A dot a net."""
    known = np.isfinite(x) & np.isfinite(y)
    size = float(np.clip(3000 / max(1, len(x)), 4, 16))
    axis.scatter(x[known], y[known], s=size, alpha=0.45, color=OURS, linewidths=0)


def _log_scale(axis: Any, values: list[float | None]) -> None:
    """Powers of ten along a wide axis; 1, 2 and 5 in plain numbers along one of less than two decades."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    axis.set_xscale("log")
    positive = [value for value in values if value]
    if max(positive) < 100 * min(positive):
        axis.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axis.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axis.xaxis.set_minor_formatter(NullFormatter())


def _kinds(axis: Any, kinds: list[str | None], y: np.ndarray) -> None:
    """A column of dots a kind, the commonest first where there are many, and a line at the median."""
    names, counts = np.unique([kind for kind in kinds if kind is not None], return_counts=True)
    shown = sorted(names[np.argsort(-counts, kind="stable")][:MOST_KINDS].tolist())
    places = np.array([shown.index(kind) if kind in shown else np.nan for kind in kinds])
    jitter = np.random.default_rng(0).uniform(-0.28, 0.28, len(places))
    _dots(axis, places + jitter, y)
    for place in range(len(shown)):
        values = y[(places == place) & np.isfinite(y)]
        if len(values):
            axis.plot([place - 0.36, place + 0.36], [np.median(values)] * 2, color=INK, lw=1.5)
    axis.set_xticks(range(len(shown)), shown, rotation=90 if max(map(len, shown)) * len(shown) > 30 else 0)
    if len(names) > len(shown):
        axis.set_title(f"the {len(shown)} commonest of {len(names)}", fontsize=8)


def _curves(zoo: Zoo, main: str) -> Any:
    nets, steps, values = (_numbers(zoo, name) for name in ("net", "step", main))
    names, counts = np.unique(nets, return_counts=True)
    several = names[counts > 1][:MOST_CURVES]
    if not len(several):
        return None
    figure, (axis,) = _figure(zoo, 1)
    figure.suptitle(f"{zoo.manifest['name']}: {len(several):,} learning curves", fontsize=10)
    first = steps[steps > 0].min()
    if steps.max() > 20 * first:
        axis.set_xscale("symlog", linthresh=first)
    for net in several:
        mine = np.flatnonzero(nets == net)
        mine = mine[np.argsort(steps[mine])]
        axis.plot(steps[mine], values[mine], "-", lw=0.6, alpha=0.5, color=OURS)
    axis.set(xlabel="step", ylabel=_title(main))
    axis.grid(axis="y", color=FAINT, lw=0.4, alpha=0.6)
    return figure


def _wall(zoo: Zoo) -> Any:
    good = zoo.final().filter(status="ok")
    if not len(good):
        return None
    view = next(iter(good.by_space().values()))
    if not view.renders:
        return None
    return render_wall(view.view(view.table.slice(0, WALL)))
