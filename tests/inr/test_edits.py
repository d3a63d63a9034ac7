import numpy as np
import pytest
import scipy.ndimage as reference
import torch

from weightspace.data import grid_coordinates
from weightspace.inr import Convention
from weightspace.inr.edits import EDITS, FIELD_EDITS, Edit, apply_edits, check_edits, parse_edits
from weightspace.nets import Architecture


def images(channels=1, count=2, size=(9, 7)):
    generator = torch.Generator().manual_seed(0)
    return torch.rand(count, channels, *size, generator=generator, dtype=torch.float64)


def fields(size=8):
    """Balls of two radii, as signed distances."""
    points = grid_coordinates((size,) * 3).double()
    return torch.stack([(points.norm(dim=1) - radius).reshape(1, size, size, size) for radius in (0.4, 0.6)])


def each(function, signals, **settings):
    """What scipy makes of every channel."""
    flat = signals.flatten(0, 1).numpy()
    return torch.from_numpy(np.stack([function(one, **settings) for one in flat])).reshape(signals.shape)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(
    ("text", "function", "settings"),
    [
        ("dilate", reference.grey_dilation, {"size": 3, "mode": "constant", "cval": -np.inf}),
        ("dilate:size=5", reference.grey_dilation, {"size": 5, "mode": "constant", "cval": -np.inf}),
        ("erode", reference.grey_erosion, {"size": 3, "mode": "constant", "cval": np.inf}),
        ("erode:size=2", reference.grey_erosion, {"size": 2, "mode": "constant", "cval": np.inf}),
        ("blur", reference.gaussian_filter, {"sigma": 1.0, "mode": "nearest", "truncate": 3.0}),
        ("blur:sigma=0.6", reference.gaussian_filter, {"sigma": 0.6, "mode": "nearest", "truncate": 3.0}),
        ("denoise", reference.median_filter, {"size": 3, "mode": "nearest"}),
    ],
)
def test_filters_are_those_of_scipy(text, function, settings, channels):
    signals = images(channels)
    expected = each(function, signals, **settings)
    torch.testing.assert_close(apply_edits(parse_edits(text), signals), expected, rtol=1e-6, atol=1e-8)


def test_smoothing_fields_is_that_of_scipy():
    expected = each(reference.gaussian_filter, fields(), sigma=1.0, mode="nearest", truncate=3.0)
    torch.testing.assert_close(Edit.parse("smooth")(fields()), expected, rtol=1e-6, atol=1e-8)


def test_dilation_by_hand():
    dot = torch.zeros(1, 1, 5, 5)
    dot[0, 0, 0, 2] = 0.7
    grown = Edit.parse("dilate")(dot)
    assert grown.sum() == pytest.approx(6 * 0.7)
    assert (grown[0, 0, :2, 1:4] == 0.7).all()
    assert Edit.parse("gradient")(torch.ones(1, 1, 4, 4)).abs().max() == 0
    assert torch.equal(Edit.parse("gradient")(dot), grown)


def test_gamma_and_contrast():
    signals = images()
    torch.testing.assert_close(Edit.parse("gamma")(signals), signals.sqrt())
    changed = Edit.parse("contrast:factor=1.1")(0.4 + 0.2 * signals)
    torch.testing.assert_close(changed.mean(), (0.4 + 0.2 * signals).mean())
    torch.testing.assert_close(changed.std(), 1.1 * (0.4 + 0.2 * signals).std(), rtol=0.02, atol=0)
    assert Edit.parse("contrast:factor=50")(signals).aminmax() == (0, 1)


@pytest.mark.parametrize("size", [(8, 8), (7, 7)])
def test_a_quarter_turn_is_exact_and_small_turns_add_up(size):
    signals = images(3, size=size)
    torch.testing.assert_close(Edit.parse("rotate:degrees=90")(signals), signals.rot90(1, (2, 3)))
    torch.testing.assert_close(Edit.parse("rotate:degrees=0")(signals), signals)
    away = Edit.parse("rotate:degrees=45")(torch.ones(1, 1, 9, 9))
    assert away[0, 0, 0, 0] == 0
    assert away[0, 0, 4, 4] == pytest.approx(1)


def test_inflating_a_ball():
    bigger = Edit.parse("inflate:distance=0.2")(fields())
    torch.testing.assert_close(bigger[0], fields()[1])


def test_blend_joins_and_is_the_minimum_far_from_both():
    field = fields() + 0.5
    joined = Edit.parse("blend:radius=0.3,softness=0.1")(field)
    ball = (grid_coordinates((8, 8, 8)).double().norm(dim=1) - 0.3).reshape(1, 1, 8, 8, 8).expand_as(field)
    apart = (field - ball).abs() >= 0.1
    torch.testing.assert_close(joined[apart], torch.minimum(field, ball)[apart])
    near = ~apart
    assert (joined <= torch.minimum(field, ball) + 1e-6).all()
    assert near.sum() == 0 or (joined[near] < torch.minimum(field, ball)[near]).any()


@pytest.mark.parametrize("name", FIELD_EDITS)
def test_fields_on_a_cube_of_another_side_are_edited_alike(name):
    """The same solid in coordinates from 0 to 4: all distances are twice as long."""
    wide = Convention(Architecture("siren", {"in_features": 3}), (8, 8, 8), "corners", coordinates=(0.0, 4.0))
    field, edits = fields() + 0.3, parse_edits(name)
    torch.testing.assert_close(apply_edits(edits, 2 * field, wide), 2 * apply_edits(edits, field))


def test_the_ball_lies_on_the_grid_of_the_nets():
    convention = Convention(Architecture("siren", {"in_features": 3}), (8, 8, 8), "centers")
    far = torch.full((1, 1, 8, 8, 8), 9.0, dtype=torch.float64)
    ball = convention.points().double().norm(dim=1) - 0.4
    torch.testing.assert_close(apply_edits(parse_edits("blend"), far, convention).flatten(), ball)
    assert not torch.allclose(apply_edits(parse_edits("blend"), far).flatten(), ball)


@pytest.mark.parametrize(
    ("edit", "shape", "outputs", "message"),
    [
        ("contrast", (4, 4, 4), 1, r"contrast edits images \(two axes\), .* axes: 3, outputs: 1; take one of smooth"),
        ("inflate", (4, 4), 1, r"inflate edits signed distance fields .* axes: 2, outputs: 1; take one of dilate"),
        ("smooth", (4, 4, 4), 3, "smooth edits signed distance fields .* axes: 3, outputs: 3; no edit is for them"),
        ("blur", (9,), 1, r"blur edits images .* axes: 1, outputs: 1; no edit is for them"),
    ],
)
def test_edits_that_are_not_for_the_nets_are_refused(edit, shape, outputs, message):
    convention = Convention(Architecture("siren", {"out_features": outputs}), shape, "corners")
    with pytest.raises(ValueError, match=message):
        check_edits(parse_edits(edit), convention)


def test_edits_of_every_kind_of_net_are_taken():
    for shape, outputs, names in (((8, 8), 1, set(EDITS) - set(FIELD_EDITS)), ((8, 8), 3, {"denoise", "contrast"}),
                                  ((4, 4, 4), 1, FIELD_EDITS)):  # fmt: skip
        convention = Convention(Architecture("siren", {"out_features": outputs}), shape, "corners")
        assert check_edits([Edit.parse(name) for name in names], convention) is None


@pytest.mark.parametrize("name", EDITS)
def test_every_edit_keeps_the_shape_and_takes_stacks(name):
    signals = fields().float() if name in FIELD_EDITS else images(3).float()
    edit = Edit.parse(name)
    edited = edit(signals)
    assert edited.shape == signals.shape
    assert edited.dtype == signals.dtype
    assert not torch.equal(edited, signals)
    torch.testing.assert_close(edit(signals[1:]), edited[1:])


def test_text_round_trips_and_edits_compose():
    first, second = parse_edits("dilate+blur:sigma=0.5")
    assert str(first) == "dilate:size=3"
    assert Edit.parse(str(second)) == second
    signals = images()
    torch.testing.assert_close(apply_edits((first, second), signals), second(first(signals)))


def test_other_ranges_are_edited_alike_and_renders_that_overshoot_are_cut():
    edits, signals = parse_edits("gamma+contrast"), images()
    expected = apply_edits(edits, signals) * 2 - 1
    moved = Convention(Architecture("siren", {}), (9, 7), "corners", low=-1.0, peak=2.0)
    torch.testing.assert_close(apply_edits(edits, signals * 2 - 1, moved), expected)
    dilated = apply_edits(parse_edits("dilate"), signals * 1.5 - 0.2)
    torch.testing.assert_close(dilated, apply_edits(parse_edits("dilate"), (signals * 1.5 - 0.2).clamp(0, 1)))
    assert dilated.max() <= 1


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("dilated", r"must be one of dilate, erode, .*blend, got 'dilated'"),
        ("dilate:sise=3", "dilate has the parameters size, got 'sise'"),
        ("blur:sigma=much", r"sigma of blur must be a number \(float\), got 'much'"),
    ],
)
def test_unknown_edits_list_the_known(text, message):
    with pytest.raises(ValueError, match=message):
        Edit.parse(text)


def test_images_and_fields_are_not_mixed_up():
    with pytest.raises(
        ValueError, match=r"dilate takes images \[N, C, H, W\], got a tensor of shape \(2, 1, 8, 8, 8\)"
    ):
        Edit.parse("dilate")(fields())
    with pytest.raises(ValueError, match=r"smooth takes fields \[N, 1, D, H, W\], got"):
        Edit.parse("smooth")(images())
    with pytest.raises(ValueError, match=r"smooth takes fields \[N, 1, D, H, W\], got .*\(2, 3, 8, 8, 8\)"):
        Edit.parse("smooth")(fields().expand(-1, 3, -1, -1, -1))
