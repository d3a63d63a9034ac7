import pytest
import torch

from tests.zoo.train.test_fit import TEXT
from weightspace.data import grid_coordinates
from weightspace.nets import build_net
from weightspace.zoo import Recipe, build_zoo, verify_zoo
from weightspace.zoo.train.sine_range import WIDEST_ANGLE, widest_angles


def stacked(net, *factors):
    return {name: torch.stack([p.detach() * f for f in factors]) for name, p in net.named_parameters()}


def angles_in_float64(net, weights, i, coordinates):
    """The slow way: the module itself, and a hook before every sine."""
    net, seen = net.double(), []
    net.load_state_dict({name: tensor[i].double() for name, tensor in weights.items()})
    for sine, frequency in zip(net.sines, [net.config.w0] + [net.config.w0_hidden] * 9):
        sine.register_forward_pre_hook(lambda _, x, w0=frequency: seen.append(w0 * float(x[0].detach().abs().max())))
    net(coordinates.double())
    return max(seen)


@pytest.mark.parametrize("settings", [{"hidden": [6, 5, 4]}, {"hidden": [7], "in_features": 3, "w0": 2.0}])
def test_the_widest_angle_is_measured_where_sizes_do_not_rule_it_out(settings):
    net = build_net("siren", **settings)
    coordinates = grid_coordinates((4,) * net.config.in_features)
    weights = stacked(net, 1.0, 1e3, 1e5)
    found = widest_angles(net, weights, coordinates)
    for i in range(3):
        expected = angles_in_float64(build_net("siren", **settings), weights, i, coordinates)
        if found[i] > WIDEST_ANGLE:
            assert float(found[i]) == pytest.approx(expected, rel=1e-6)
        assert expected <= float(found[i]) * (1 + 1e-6)
    assert found[0] < WIDEST_ANGLE < found[2]


def test_a_net_whose_bound_is_wide_but_whose_angles_are_not_is_fine():
    net = build_net("siren", in_features=2, hidden=[1], w0=1.0)
    weights = {name: torch.zeros(1, *p.shape) for name, p in net.named_parameters()}
    weights["linears.0.weight"][0] = torch.tensor([[8e3, -8e3]])
    along = torch.linspace(-1, 1, 5)[:, None].repeat(1, 2)  # the two cancel at these points
    assert float(widest_angles(net, weights, along)) == 0
    assert float(widest_angles(net, weights, torch.tensor([[1.0, -1.0]]))) == 16e3


def test_a_siren_that_leaves_the_range_is_flagged(tmp_path):
    text = TEXT.replace("lr = 1e-2", "lr = [1e-2, 1e2]").replace("target_psnr = 15.0", "")
    zoo = build_zoo(Recipe.from_toml(text), tmp_path / "zoo", workers=1, progress=False)
    final = zoo.final().table.to_pandas()
    far, near = final[final.lr == 1e2], final[final.lr == 1e-2]
    assert len(far) and (far.status == "diverged").all() and (far.step <= 20).all() and far.mse.notna().all()
    assert far.reason.str.match(r"a sine was taken of .*e\+\d+ at step \d+; float32 is too coarse beyond 10000").all()
    assert len(near) and (near.status == "ok").all() and (near.step == 60).all()
    assert verify_zoo(zoo.path, sample=12).sound


def test_a_start_beyond_the_range_is_flagged_where_it_is_saved(tmp_path):
    text = TEXT.replace("w0 = 10.0", 'w0 = 1000.0\nfirst_layer = "siren"', 1).replace("points = [10]", "initial = true")
    text = text.replace("lr = 1e-2", "lr = 1e-2\ninit_scale = 100.0")
    zoo = build_zoo(Recipe.from_toml(text), tmp_path / "zoo", nets=2, workers=1, progress=False)
    assert set(zoo.filter(step=0).table["status"].to_pylist()) == {"diverged"}
