"""What nets show after a few steps, from two starts."""

from pathlib import Path

import matplotlib.pyplot as plt
from jaxtyping import Float
from torch import Tensor

from weightspace.generators.start import LearnedStart
from weightspace.inr import render
from weightspace.nets.stacked.flatlayout import FlatLayout
from weightspace.palette import STYLE
from weightspace.tasks.generation.starting.starts import psnr_curves

STEPS = (0, 3, 30)


def draw_starts(
    path: Path,
    start: LearnedStart,
    signals: Float[Tensor, "nets channels points"],
    rival: tuple[str, Tensor, float],
    rate: float,
) -> None:
    """A column a signal: what it shows after 0, 3 and 30 steps from a rival's start and from the learned one.

    Args:
        rival: its name, rows of weights in the order of the net's parameters, and the rate of Adam.
        rate: of Adam after the learned start's own steps.
    """
    c, v = start.convention, start.vectors
    net, points = c.architecture.build().eval(), c.points()
    layout = FlatLayout.of(net)

    def after(rows: Tensor, rate: float, steps: int) -> Tensor:
        return render(layout.views(psnr_curves(net, rows, signals, points, rate, steps, c.peak)[1]), c)  # pyright: ignore

    name, fresh, fresh_rate = rival
    fitted = start.fit(signals).detach()
    plain = start.start.detach().expand(len(signals), -1)
    own = {
        0: render(v.weights(plain), c),
        3: render(v.weights(fitted), c),
        30: after(layout.rows(v.weights(fitted)), rate, 27),
    }
    rows = [(f"{name}, {k} steps", after(fresh, fresh_rate, k)) for k in STEPS]
    rows += [(f"learned start, {k} steps", own[k]) for k in STEPS]
    rows.append(("the image", signals.unflatten(2, c.shape)))
    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(len(rows), len(signals), figsize=(len(signals) + 2, len(rows)), squeeze=False)
        for line, (text, images) in zip(axes, rows, strict=True):
            for axis, image in zip(line, images, strict=True):
                axis.imshow(image[0].numpy(), cmap="gray", vmin=c.low, vmax=c.low + c.peak)
                axis.axis("off")
            line[0].text(-0.1, 0.5, text, ha="right", va="center", transform=line[0].transAxes)
        figure.savefig(path, dpi=110, bbox_inches="tight")
        plt.close(figure)
