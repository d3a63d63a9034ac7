import math

import pytest
import torch

from weightspace.inr import Convention, render, render_surface
from weightspace.nets import build_net
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


CUBE = Convention("siren", {"in_features": 3}, (8, 8, 8), "corners", low=-0.5)


def test_a_ball_is_a_disc_and_brightest_towards_the_light(distances):
    pictures = render_surface(distances, CUBE, 80)
    seen = ~pictures.isnan()
    for picture, radius in zip(seen, (0.5, 0.2), strict=True):
        assert float(picture.float().mean()) * 2.2**2 == pytest.approx(math.pi * radius**2, rel=0.08)
    bright = pictures[0].nan_to_num(0).argmax()
    y, x = divmod(int(bright), 80)
    rows, columns = seen[0].nonzero().float().mean(0).tolist()
    assert y < rows and x < columns  # the light comes from above on the left
    shades = pictures[0][seen[0]]
    assert shades.max() > 0.95 and shades.min() >= 0.25


def test_solids_are_cut_off_at_the_cube(distances):
    picture = render_surface({"radius": torch.tensor([9.0])}, CUBE, 40)[0]
    assert picture.isfinite().float().mean() > 0.9  # all of space is inside, yet only the cube is seen
    assert picture[[0, 0, -1, -1], [0, -1, 0, -1]].isnan().any()


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
    convention = Convention("siren", net.settings, shape, "corners")
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
    convention = Convention("siren", net.settings, (5, 5), "corners", peak=2.0, low=-1.0)
    drawn = torch.as_tensor(draw_wall(weights, convention).axes[0].images[0].get_array())
    torch.testing.assert_close(drawn, ((render(weights, convention)[0, 0] + 1) / 2).clamp(0, 1))


def test_a_wall_of_a_zoo(tmp_path):
    zoo = build_zoo(Recipe.from_toml(FIT), tmp_path / "fits", workers=1, progress=False)
    render_wall(zoo.final(), tmp_path / "new" / "wall.png", resolution=6)
    assert (tmp_path / "new" / "wall.png").read_bytes().startswith(b"\x89PNG")
    with pytest.raises(ValueError, match=r"nothing to draw: the view has no states"):
        render_wall(zoo.filter(net=7))
    with pytest.raises(ValueError, match=r"solids must be one of surface, slice, but 'mesh' came"):
        render_wall(zoo, solids="mesh")


def test_four_axes_are_too_many(zoo, monkeypatch):
    monkeypatch.setattr(type(zoo), "convention", Convention("siren", {}, (2, 2, 2, 2), "corners"))
    with pytest.raises(ValueError, match=r"at most three axes can be drawn, but 4 came"):
        render_wall(zoo)
