"""A wall of what implicit representations show."""

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from weightspace.data import grid_coordinates
from weightspace.inr.convention import Convention
from weightspace.inr.render import render, render_stack
from weightspace.inr.surface import render_surface
from weightspace.palette import INK, OURS
from weightspace.zoo.zoo import Zoo

WALL, COLUMNS = 64, 8
LINE_POINTS, SURFACE_SIDE, SLICE_SIDE = 512, 112, 64
SOLIDS = ("surface", "slice")


def render_wall(
    zoo: Zoo, out: str | Path | None = None, *, resolution: int | None = None, solids: str = "surface"
) -> Any:
    """Draws the states of a view of a zoo side by side: images in grey or colour, curves, and solids.

    Args:
        zoo: a view whose states have one weight space; draw few (``zoo.final()``, ``zoo.filter(label=3)``).
        out: PNG file; written if given.
        resolution: points along each axis; that of the fit for images and fine enough for the others if None.
        solids: ``surface``, or ``slice`` for the distances in the middle plane, red outside and blue inside.

    Returns:
        The figure.

    Raises:
        ValueError: no states, several weight spaces, no implicit representations, or more axes than three.

    Examples:
        >>> render_wall(zoo.final().filter(label=3), "threes.png", resolution=128)
    """
    if solids not in SOLIDS:
        raise ValueError(f"solids must be one of {', '.join(SOLIDS)}, got {solids!r}")
    if not len(zoo):
        raise ValueError("there is nothing to draw: the view has no states")
    if len(zoo.convention.shape) > 3:
        raise ValueError(f"signals of at most three axes can be drawn, got {len(zoo.convention.shape)}")
    figure = draw_wall(zoo.weights(), zoo.convention, resolution, solids)
    if out is not None:
        Path(out).parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(out, dpi=120)
    return figure


def draw_wall(
    weights: dict[str, Tensor], convention: Convention, resolution: int | None = None, solids: str = "surface"
) -> Any:
    """The figure of ``render_wall``, of a stack of nets."""
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    nets = len(next(iter(weights.values())))
    columns = min(COLUMNS, nets)
    rows = -(-nets // columns)
    lines = len(convention.shape) == 1
    size = 1.6 * columns, (1.0 if lines else 1.6) * rows
    figure = Figure(figsize=size, layout=ConstrainedLayoutEngine(w_pad=0.02, h_pad=0.02, wspace=0.02, hspace=0.02))
    axes = figure.subplots(rows, columns, squeeze=False).ravel()
    for axis in axes:
        axis.set_axis_off()
    draw = _draw_lines if lines else _draw_images if len(convention.shape) == 2 else _draw_solids
    draw(axes, weights, convention, resolution, solids)
    return figure


def _draw_lines(axes: Any, weights: dict, convention: Convention, resolution: int | None, _: str) -> None:
    shape = (resolution or LINE_POINTS,)
    curves = render(weights, convention, shape)
    for axis, curve in zip(axes, curves, strict=False):
        axis.plot(convention.points(shape)[:, 0].numpy(), curve.T.numpy(), lw=1, color=OURS)
        axis.set_ylim(convention.low - 0.1 * convention.peak, convention.low + 1.1 * convention.peak)


def _draw_images(axes: Any, weights: dict, convention: Convention, resolution: int | None, _: str) -> None:
    pictures = (render(weights, convention, resolution) - convention.low) / convention.peak
    for axis, picture in zip(axes, pictures.clamp(0, 1), strict=False):
        colour = picture.shape[0] == 3
        image = picture.permute(1, 2, 0).numpy() if colour else picture[0].numpy()
        axis.imshow(image, cmap=None if colour else "gray", vmin=0, vmax=1)


def _draw_solids(axes: Any, weights: dict, convention: Convention, resolution: int | None, solids: str) -> None:
    if solids == "surface":
        pictures = render_surface(weights, convention, resolution or SURFACE_SIDE)
        for axis, (shade, coverage) in zip(axes, pictures, strict=False):
            axis.imshow(_coloured(shade, coverage), interpolation="bilinear")
        return
    side = resolution or SLICE_SIDE
    fields = render_slice(weights, convention, side)
    for axis, field in zip(axes, fields, strict=False):
        bound = convention.peak / 2
        axis.imshow(field.numpy(), cmap="RdBu_r", vmin=-bound, vmax=bound)
        axis.contour(field.numpy(), levels=[0.0], colors="black", linewidths=0.8)


def _coloured(shade: Tensor, coverage: Tensor) -> Any:
    """Red, green, blue and opacity of a shaded surface: from ink over the house's colour to white."""
    from matplotlib.colors import LinearSegmentedColormap

    ramp = LinearSegmentedColormap.from_list("solid", [INK, OURS, "#e8f1f5"])
    colours = ramp(((shade - 0.25) / 0.75 * 0.75 + 0.25).numpy())
    colours[..., 3] = coverage.numpy()
    return colours


def render_slice(weights: dict[str, Tensor], convention: Convention, side: int) -> Tensor:
    """The first channel of three-dimensional fields in the plane through the middle of the third axis."""
    plane = grid_coordinates((side, side), convention.grid, convention.coordinates)
    points = torch.cat([plane, torch.full_like(plane[:, :1], sum(convention.coordinates) / 2)], 1)
    with torch.no_grad():
        return render_stack(weights, convention, points)[:, 0].view(-1, side, side)
