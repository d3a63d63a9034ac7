"""Draws docs/overview.png: the weights of a net, its graph, and what a metanet says of many nets, from a quickstart.

weightspace quickstart                  # leaves runs/quickstart
python scripts/picture.py
"""

from dataclasses import dataclass
from pathlib import Path

import matplotlib
import torch
import tyro
from matplotlib.figure import Figure

from weightspace import Zoo, load_metanet, to_graph
from weightspace.cli import one_line_errors
from weightspace.graphs.draw import draw_graph_on
from weightspace.palette import FAINT, INK, NEGATIVE, OURS, STYLE
from weightspace.tasks import LabelledNets, predict_nets

matplotlib.use("agg")


@dataclass(frozen=True)
class Config:
    """What is drawn."""

    quickstart: str = "runs/quickstart"
    """The folder that `weightspace quickstart` made."""
    out: str = "docs/overview.png"
    """The picture."""
    net: int = -1
    """Which of the held-out nets is drawn in full; the best one if negative."""


def main(config: Config) -> None:
    """One row: weights, graph, predictions."""
    zoo = Zoo(Path(config.quickstart) / "zoo").final().filter(status="ok").split("test")
    nets = LabelledNets.from_zoo(zoo, ("test_accuracy", "gap"))
    predicted = predict_nets(load_metanet(Path(config.quickstart) / "metanet"), nets)[:, 0]
    true = nets.labels[:, 0]
    chosen = int(true.argmax()) if config.net < 0 else config.net
    space, weights = one_net(nets, chosen)

    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(11, 3.1))
        draw_weights(figure, weights)
        axis = figure.add_axes((0.335, -0.01, 0.36, 0.87))
        draw_graph_on(axis, to_graph(space, weights), size=38)
        draw_predictions(figure.add_axes((0.775, 0.165, 0.21, 0.67)), true, predicted, chosen)
        for x, title in ((0.135, "the weights of a net"), (0.515, "its graph: a node for each neuron"),
                         (0.88, "its accuracy, predicted")):  # fmt: skip
            figure.text(x, 0.925, title, ha="center", fontsize=11)
        for x in (0.305, 0.70):
            figure.text(x, 0.47, "→", ha="center", va="center", fontsize=26, color=FAINT)
        Path(config.out).parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(config.out, dpi=160)


def one_net(nets: LabelledNets, index: int) -> tuple:
    """The weight space and the weights of one of some nets."""
    for space, stack in zip(nets.spaces, nets.stacks, strict=True):
        count = len(next(iter(stack.values())))
        if index < count:
            return space, {name: tensor[index] for name, tensor in stack.items()}
        index -= count
    raise IndexError(index)


def draw_weights(figure: Figure, weights: dict[str, torch.Tensor]) -> None:
    """Each weight tensor as a matrix of colours: a row a neuron, a column an input and a place in the kernel."""
    tensors = {name: tensor.flatten(1) for name, tensor in weights.items() if tensor.dim() > 1}
    largest = max(float(tensor.abs().quantile(0.98)) for tensor in tensors.values())
    colours = matplotlib.colors.LinearSegmentedColormap.from_list("signs", [NEGATIVE, "white", OURS])
    top = 0.80
    for name, tensor in tensors.items():
        rows, columns = tensor.shape
        height = 0.022 * rows
        axis = figure.add_axes((0.055, top - height, 0.0056 * columns, height))
        axis.imshow(tensor, cmap=colours, vmin=-largest, vmax=largest, aspect="auto", interpolation="nearest")
        axis.set(xticks=[], yticks=[])
        axis.set_ylabel(name.removesuffix(".weight"), rotation=0, ha="right", va="center", fontsize=7)
        for spine in axis.spines.values():
            spine.set(visible=True, color=FAINT, linewidth=0.6)
        top -= height + 0.07


def draw_predictions(axis: matplotlib.axes.Axes, true: torch.Tensor, predicted: torch.Tensor, chosen: int) -> None:
    """Each held-out net a dot, the diagonal a perfect prediction; the net that is drawn has a ring."""
    low, high = 0.0, 1.0
    axis.plot([low, high], [low, high], color=FAINT, lw=1, zorder=1)
    axis.scatter(true, predicted, s=9, color=OURS, alpha=0.45, linewidths=0, zorder=2)
    axis.scatter(
        true[chosen], predicted[chosen], s=70, facecolors="none", edgecolors=NEGATIVE, linewidths=1.6, zorder=3
    )
    axis.set(xlim=(low, high), ylim=(low, high), xlabel="true test accuracy", ylabel="predicted from weights")
    axis.text(0.04, 0.94, f"{len(true)} nets it never saw", transform=axis.transAxes, fontsize=8, color=INK, va="top")


if __name__ == "__main__":
    one_line_errors(__file__)
    main(tyro.cli(Config, description=__doc__))
