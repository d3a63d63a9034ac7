import pytest
import torch

from weightspace.data import grid_coordinates, load_signals
from weightspace.inr.render import render
from weightspace.nets import build_net
from weightspace.nets.stacked.flatlayout import FlatLayout
from weightspace.zoo import Recipe, build_zoo
from weightspace.zoo.train.fit import psnr
from weightspace.zoo.train.gradient import PlainGradient
from weightspace.zoo.train.siren_gradient import SirenGradient

TEXT = """
name = "fits"
nets = 12
[data]
name = "digits"
[net]
name = "siren"
hidden = [8, 8]
w0 = 10.0
w0_hidden = 10.0
[train]
lr = 1e-2
steps = 60
[fit]
views = 2
target_psnr = 15.0
check = 20
[save]
points = [10]
[store]
shard = 8
stack = 3
"""


@pytest.fixture(scope="module")
def fits(tmp_path_factory):
    return build_zoo(Recipe.from_toml(TEXT), tmp_path_factory.mktemp("zoo") / "fits", workers=1, progress=False)


@pytest.mark.parametrize(
    "settings",
    [
        {"hidden": [5, 4]},
        {"hidden": [6], "out_features": 3, "w0": 3.0},
        {"hidden": [4, 4, 4], "in_features": 3, "w0_hidden": 2.0, "output_shift": 0.0},
    ],
)
def test_gradient_by_hand_is_autograd_in_float64(settings):
    net = build_net("siren", **settings).double()
    coordinates = grid_coordinates((4,) * net.config.in_features).double()
    generator = torch.Generator().manual_seed(0)
    flat = torch.randn(3, FlatLayout.of(net).numel, generator=generator, dtype=torch.float64) * 0.1
    targets = torch.rand(3, net.config.out_features, len(coordinates), generator=generator, dtype=torch.float64)
    by_hand = SirenGradient(net, coordinates)
    grad, losses = by_hand(flat, targets)
    expected, expected_losses = PlainGradient(net, coordinates, {})(flat, targets)
    torch.testing.assert_close(losses, expected_losses, rtol=1e-10, atol=1e-12)
    torch.testing.assert_close(grad, expected, rtol=1e-9, atol=1e-12)
    torch.testing.assert_close(by_hand.loss(flat[:2], targets[:2]), losses[:2])


def test_nets_stop_where_they_are_good_enough(fits):
    final = fits.final().table.to_pandas()
    assert len(final) == 12
    stopped = final[final.step < 60]
    assert len(stopped) >= 2 and (stopped.psnr >= 15).all()
    assert (final[final.psnr < 15].step == 60).all()
    assert len(fits.filter(step=10)) == 12


def test_views_of_a_signal_are_one_run(fits):
    table = fits.final().table.to_pandas()
    assert table.groupby("run").label.nunique().max() == 1
    assert table.groupby("run").split.nunique().max() == 1
    assert set(table["view"]) == {0, 1} and table.run.nunique() == 6
    weights = fits.final().weights([0, 1])["linears.1.weight"]
    assert not torch.allclose(weights[0], weights[1])


def test_a_net_does_not_depend_on_its_neighbours(fits, tmp_path):
    alone = Recipe.from_toml(TEXT.replace("stack = 3", "stack = 1"))
    other = build_zoo(alone, tmp_path / "zoo", workers=1, progress=False)
    early, early_alone = fits.filter(step=10).weights(), other.filter(step=10).weights()
    for name, tensor in early.items():
        torch.testing.assert_close(tensor, early_alone[name], rtol=1e-4, atol=1e-4)


def test_rendering_reads_the_convention(fits):
    final = fits.final()
    pictures = render(final.weights(), final.convention)
    signals = load_signals("digits")
    rows = final.table.to_pylist()
    for i, row in enumerate(rows):
        single = render(final[i][0], final.convention)
        torch.testing.assert_close(single, pictures[i])
        with torch.no_grad():
            direct = final.module(i)(grid_coordinates((8, 8))).T.reshape(1, 8, 8)
        torch.testing.assert_close(single, direct, rtol=1e-4, atol=1e-5)
        assert final.evaluate(i)["psnr"] == pytest.approx(row["psnr"], abs=1e-3)
    errors = (pictures.flatten(1)[:, None] - signals.values.flatten(1)[None]).square().mean(2)
    assert (signals.labels[errors.argmin(1)] == torch.tensor([row["label"] for row in rows])).float().mean() > 0.8
    assert render(final.weights([0]), final.convention, 20).shape == (1, 1, 20, 20)
    with pytest.raises(ValueError, match=r"resolution must have 2 axes, got \(3, 3, 3\)"):
        render(final.weights([0]), final.convention, (3, 3, 3))


def test_only_fits_have_a_convention(zoo):
    with pytest.raises(ValueError, match=r"holds no implicit representations"):
        _ = zoo.filter(activation="relu").convention


def test_other_nets_are_fitted_too(tmp_path):
    text = TEXT.replace('"siren"\nhidden = [8, 8]\nw0 = 10.0\nw0_hidden = 10.0', '"fourier"\nhidden = [8]')
    zoo = build_zoo(Recipe.from_toml(text), tmp_path / "zoo", workers=1, progress=False, nets=4)
    first, last = zoo.filter(step=10).table.to_pandas(), zoo.final().table.to_pandas()
    assert last.mse.mean() < first.mse.mean()
    assert zoo.final().evaluate(0)["mse"] == pytest.approx(last.mse[0], rel=1e-3)


def test_psnr_is_in_decibels():
    assert psnr(0.01, 1.0) == pytest.approx(20.0)
    assert psnr(float("nan"), 1.0) == float("-inf")


@pytest.mark.parametrize(("old", "new"), [("views = 2", "views = 0"), ("check = 20", "check = 0")])
def test_counts_start_at_one(old, new):
    with pytest.raises(ValueError, match=r"\[fit\]: (views|check) must be at least 1 and at most 1,000,000, got 0"):
        Recipe.from_toml(TEXT.replace(old, new))


def test_unknown_grid_is_refused():
    with pytest.raises(ValueError, match=r"\[fit\]: grid must be one of corners, centers, got 'x'"):
        Recipe.from_toml(TEXT.replace("check = 20", 'grid = "x"'))


def test_a_learned_start_fits_faster_and_is_shared(fits, tmp_path):
    learned = Recipe.from_toml(
        TEXT.replace("views = 2", "views = 2\nmeta_steps = 20\nmeta_lr = 1e-2").replace(
            "[save]", "[save]\ninitial = true"
        )
    )
    zoo = build_zoo(learned, tmp_path / "zoo", workers=1, progress=False)
    start = zoo.filter(step=0).weights()["linears.1.weight"]
    assert len(start) == 12 and torch.equal(start, start[:1].expand_as(start))
    early, drawn = zoo.filter(step=10).table, fits.filter(step=10).table
    assert sum(early["psnr"].to_pylist()) / len(early) > sum(drawn["psnr"].to_pylist()) / len(drawn) + 0.5
    with pytest.raises(ValueError, match=r"\[fit\]: meta_steps must be at least 0 and at most 1,000,000, got -1"):
        Recipe.from_toml(TEXT.replace("views = 2", "meta_steps = -1"))
