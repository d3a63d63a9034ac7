import math

import pytest
import torch

from weightspace.inr import Convention, render, render_surface
from weightspace.inr.surface import LIGHT, REACH, view_axes
from weightspace.nets import Architecture, build_net
from weightspace.zoo import Recipe, build_zoo, render_wall
from weightspace.zoo.pictures.wall import draw_wall, render_slice

FIT = """
name = "fits"
nets = 3
[data]
name = "digits"
[net]
name = "siren"
hidden = [4]
[train]
steps = 2
"""


@pytest.fixture
def distances(monkeypatch):
    """Stands for nets: exact distances to balls at (0.3, 0, 0) whose radii are the first weights."""

    def evaluate(weights, convention, points):
        points = points if points.dim() == 3 else points.unsqueeze(0)
        centre = torch.tensor([0.3, 0.0, 0.0])
        return ((points - centre).norm(dim=2) - weights["radius"].reshape(-1, 1)).unsqueeze(1)

    monkeypatch.setattr("weightspace.inr.surface.render_stack", evaluate)
    monkeypatch.setattr("weightspace.zoo.pictures.wall.render_stack", evaluate)
    return {"radius": torch.tensor([0.5, 0.2])}


CUBE = Convention(Architecture("siren", {"in_features": 3}), (8, 8, 8), "corners", low=-0.5)


def test_a_ball_is_a_disc_and_brightest_towards_the_light(distances):
    pictures = render_surface(distances, CUBE, 80)
    pixel = (2.2 / 79) ** 2
    for (_, coverage), radius in zip(pictures, (0.5, 0.2), strict=True):
        assert float(coverage.sum()) * pixel == pytest.approx(math.pi * radius**2, rel=0.01)
    shade, coverage = pictures[0]
    seen = coverage > 0.5
    y, x = divmod(int((shade * seen).argmax()), 80)
    rows, columns = seen.nonzero().float().mean(0).tolist()
    assert y < rows and x < columns  # the light comes from above on the left
    assert shade[seen].max() > 0.95 and shade.min() >= 0.25


def test_outlines_are_smooth(distances):
    """A ring of pixels at the outline is covered in part, everything else fully or not at all."""
    coverage = render_surface(distances, CUBE, 80)[0, 1]
    partly = (coverage > 0.02) & (coverage < 0.98)
    around = 2 * math.pi * 0.5 / (2.2 / 79)
    assert around * 0.8 < float(partly.sum()) < around * 2


def test_a_surface_between_samples_is_found_exactly(distances):
    """The shade of a ball is known: where its normal is, not where samples are."""
    shade, coverage = render_surface(distances, CUBE, 81)[0]
    by_hand = exact_shade(0.5, 81)
    inner = (coverage > 0.99) & by_hand.isfinite()
    assert float((shade - by_hand)[inner].abs().max()) < 0.02


def exact_shade(radius, side):
    """The shade of a ball around (0.3, 0, 0), from where a line meets a sphere."""
    right, up, forward = view_axes()
    places = torch.linspace(-REACH, REACH, side)
    y, x = torch.meshgrid(-places, places, indexing="ij")
    start = x[..., None] * right + y[..., None] * up - torch.tensor([0.3, 0.0, 0.0])
    middle = start @ forward
    reach = (middle.square() - start.square().sum(-1) + radius**2).sqrt()  # NaN beside the ball
    normal = (start - (middle + reach)[..., None] * forward) / radius
    cosine = normal @ (LIGHT[0] * right + LIGHT[1] * up - LIGHT[2] * forward)
    return 0.25 + 0.75 * ((cosine + 0.5) / 1.5).clamp(0, 1)


def test_solids_are_cut_off_at_the_cube(distances):
    coverage = render_surface({"radius": torch.tensor([9.0])}, CUBE, 40)[0, 1]
    assert float((coverage == 1).float().mean()) > 0.9  # all of space is inside, yet only the cube is seen
    assert (coverage[[0, 0, -1, -1], [0, -1, 0, -1]] == 0).any()


def test_slices_lie_in_the_middle(distances):
    field = render_slice(distances, CUBE, 21)
    assert field.shape == (2, 21, 21)
    assert float(field[0, 13, 10]) == pytest.approx(-0.5, abs=1e-6)  # 13 of 20 steps from -1 is 0.3


@pytest.mark.parametrize(
    ("shape", "outputs"),
    [((9,), 1), ((6, 5), 1), ((6, 5), 3), ((4, 4, 4), 1)],
    ids=["curve", "grey", "colour", "solid"],
)
def test_every_kind_of_signal_can_be_drawn(shape, outputs, tmp_path):
    net = build_net("siren", in_features=len(shape), hidden=[4], out_features=outputs)
    weights = {key: torch.stack([value] * 9) for key, value in net.state_dict().items()}
    convention = Convention(Architecture.of(net), shape, "corners")
    for solids in ("surface", "slice"):
        figure = draw_wall(weights, convention, 8 if len(shape) == 3 else None, solids)
        assert len(figure.axes) == 16
        figure.savefig(tmp_path / "wall.png")
    image = figure.axes[0].images
    assert bool(image) == (len(shape) > 1)
    if len(shape) == 2:
        wanted = render(weights, convention)[0].permute(1, 2, 0).clamp(0, 1)
        drawn = torch.as_tensor(image[0].get_array())
        torch.testing.assert_close(drawn if outputs == 3 else drawn.unsqueeze(2), wanted)


def test_grey_values_are_read_in_the_range_of_the_convention():
    net = build_net("siren", hidden=[4], output_shift=0.0)
    weights = {key: value.unsqueeze(0) for key, value in net.state_dict().items()}
    convention = Convention(Architecture.of(net), (5, 5), "corners", peak=2.0, low=-1.0)
    drawn = torch.as_tensor(draw_wall(weights, convention).axes[0].images[0].get_array())
    torch.testing.assert_close(drawn, ((render(weights, convention)[0, 0] + 1) / 2).clamp(0, 1))


def test_a_wall_of_a_zoo(tmp_path):
    zoo = build_zoo(Recipe.from_toml(FIT), tmp_path / "fits", workers=1, progress=False)
    render_wall(zoo.final(), tmp_path / "new" / "wall.png", resolution=6)
    assert (tmp_path / "new" / "wall.png").read_bytes().startswith(b"\x89PNG")
    with pytest.raises(ValueError, match=r"nothing to draw: the view has no states"):
        render_wall(zoo.filter(net=7))
    with pytest.raises(ValueError, match=r"solids must be one of surface, slice, got 'mesh'"):
        render_wall(zoo, solids="mesh")


def test_four_axes_are_too_many(zoo, monkeypatch):
    monkeypatch.setattr(type(zoo), "convention", Convention(Architecture("siren"), (2, 2, 2, 2), "corners"))
    with pytest.raises(ValueError, match=r"at most three axes can be drawn, got 4"):
        render_wall(zoo)
