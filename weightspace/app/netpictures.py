"""Pictures of one net: how it learned, its weights, what it shows, and its graph."""

import io
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from torch import Tensor

from weightspace.app.zoos import last_states
from weightspace.palette import STYLE
from weightspace.zoo import Zoo

MOST_TENSORS, MOST_ENTRIES, MOST_WEIGHTS = 12, 256, 3000


def picture(draw: Callable[[Any], None], width: int | float, height: int | float) -> np.ndarray:
    """What ``draw`` draws on a figure of so many inches, as pixels ``[height, width, 3]``."""
    import matplotlib
    from matplotlib.figure import Figure
    from PIL import Image

    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(width, height), dpi=110)
        draw(figure)
        file = io.BytesIO()
        figure.savefig(file, format="png")
    return np.asarray(Image.open(file).convert("RGB"))


def draw_learning(zoo: Zoo, net: int) -> np.ndarray | None:
    """The scores of a net at each of its saved states, if it has several."""
    table = zoo.filter(net=net).table.sort_by("step")
    if len(table) < 2:
        return None
    names = [name for name in ("train_accuracy", "val_accuracy", "test_accuracy", "psnr") if name in table.column_names]
    steps = table["step"].to_pylist()

    def draw(figure: Any) -> None:
        axes = figure.add_axes((0.13, 0.17, 0.84, 0.72))
        for name in names or ["mse"] * ("mse" in table.column_names):
            values = [float("nan") if value is None else value for value in table[name].to_pylist()]
            axes.plot(steps, values, marker="o", markersize=3, label=name.replace("_", " "))
        axes.set(xlabel="step", title="How it learned")
        if names:
            axes.legend(frameon=False, fontsize=8)

    return picture(draw, 4.2, 2.8)


def draw_weights(weights: Mapping[str, Tensor]) -> np.ndarray:
    """Each tensor of a net as a picture: a row a neuron, blue above zero, red below."""
    matrices = {}
    for name, tensor in weights.items():
        if tensor.numel():
            matrix = tensor.detach().float().reshape(len(tensor) if tensor.dim() else 1, -1)
            matrices[name] = matrix[:MOST_ENTRIES, :MOST_ENTRIES]
    chosen = dict(list(matrices.items())[:MOST_TENSORS])
    columns = min(3, len(chosen))
    rows = -(-len(chosen) // columns)

    def draw(figure: Any) -> None:  # one axis for all: twelve would take ten times as long
        axes = figure.add_axes((0, 0, 1, 1))
        axes.set(xlim=(0, columns), ylim=(rows, 0))
        axes.set_axis_off()
        for number, (name, matrix) in enumerate(chosen.items()):
            left, top, most = number % columns, number // columns, float(matrix.abs().max()) or 1.0
            axes.imshow(matrix.numpy(), cmap="RdBu", vmin=-most, vmax=most, aspect="auto", interpolation="nearest",
                        extent=(left + 0.06, left + 0.94, top + 0.96, top + 0.25))  # fmt: skip
            shape = " x ".join(map(str, weights[name].shape)) or "1"
            axes.text(left + 0.06, top + 0.2, f"{name}  {shape}", fontsize=7)
        axes.set(xlim=(0, columns), ylim=(rows, 0))

    return picture(draw, 2.2 * columns, 1.5 * rows)


def draw_shown(zoo: Zoo, row: int) -> np.ndarray | None:
    """What the net shows, if it is an implicit representation."""
    view = last_states(zoo)[row : row + 1]
    if not view.renders:
        return None
    from weightspace.zoo.pictures.wall import draw_wall

    flat = len(view.convention.shape) == 2
    figure = draw_wall(view.weights(), view.convention, max(view.convention.shape) * 4 if flat else None)
    figure.set_size_inches(3, 3)
    return _figure_pixels(figure)


def draw_shape(zoo: Zoo, row: int) -> np.ndarray | None:
    """The graph of its neurons, if it is small enough for a picture."""
    view = last_states(zoo)[row : row + 1]
    weights = view[0][0]
    if sum(tensor.numel() for tensor in weights.values()) > MOST_WEIGHTS:
        return None
    from weightspace.graphs import to_graph
    from weightspace.graphs.draw import draw_graph_on

    graph = to_graph(view.space, weights)

    def draw(figure: Any) -> None:
        axes = figure.add_axes((0.02, 0.02, 0.96, 0.88))
        draw_graph_on(axes, graph, 30.0)  # pyright: ignore
        axes.set_title("Its graph: a dot a neuron, a line a weight")

    return picture(draw, 6, 3.5)


def _figure_pixels(figure: Any) -> np.ndarray:
    from PIL import Image

    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=110)
    return np.asarray(Image.open(file).convert("RGB"))
