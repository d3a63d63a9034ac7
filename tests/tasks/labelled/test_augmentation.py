"""Augmentations that keep the function keep it in float64; the others do what they say and nothing else."""

from dataclasses import fields

import pytest
import torch
from torch.func import functional_call

from weightspace.nets import build_net
from weightspace.space import WeightSpace
from weightspace.tasks.labelled.augmentation import AugmentConfig, augment, augment_labelled
from weightspace.tasks.labelled.coordinates import move_coordinates
from weightspace.tasks.labelled.mix import mix_nets
from weightspace.tasks.labelled.views import Views

NETS = {
    "siren": {"hidden": (9, 7)},
    "mlp": {"in_features": 6, "hidden": (9, 7), "activation": "relu", "norm": "batch"},
    "cnn": {"image_size": 8, "channels": (4, 5), "stride": (2, 2), "activation": "tanh"},
}


def stack_of(name, nets=5, seed=0):
    """A net, its space, and `nets` sets of random weights for it in float64 (norm statistics positive)."""
    generator = torch.Generator().manual_seed(seed)
    net = build_net(name, **NETS[name]).eval().double()
    space = WeightSpace.trace(net, *(value.double() for value in net.example_inputs()))
    weights = {}
    for key, value in net.state_dict().items():
        drawn = 0.3 * torch.randn(nets, *value.shape, generator=generator, dtype=torch.float64)
        weights[key] = drawn.abs() + 0.5 if "var" in key else drawn
        if not value.is_floating_point():
            weights[key] = torch.full((nets, *value.shape), 3, dtype=value.dtype)
    return net, space, weights


def outputs(net, weights, x):
    count = len(next(iter(weights.values())))
    return torch.stack([functional_call(net, {k: v[i] for k, v in weights.items()}, (x,)) for i in range(count)])


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("siren", {"permutation": True, "sign": True, "phase": True}),
        ("mlp", {"permutation": True, "scale": 0.7}),
        ("cnn", {"permutation": True, "sign": True}),
    ],
)
def test_symmetries_change_weights_and_keep_the_function(name, settings):
    net, space, weights = stack_of(name)
    x = net.example_inputs()[0].double()
    generator = torch.Generator().manual_seed(1)
    before = outputs(net, weights, x)
    for only in [{key: value} for key, value in settings.items()] + [settings]:
        changed = augment(space, weights, AugmentConfig(**only), generator)
        moved = [key for key in weights if not torch.equal(changed[key], weights[key])]
        assert moved, only
        after = outputs(net, changed, x)
        assert (after - before).norm() < 1e-9 * before.norm()
        first = next(iter(weights))
        if only == settings:  # each net its own
            assert len({tuple(((changed[first] / weights[first])[i]).flatten().tolist()) for i in range(5)}) == 5


def test_all_is_off_by_default():
    _, space, weights = stack_of("mlp")
    changed = augment(space, weights, AugmentConfig())
    assert list(changed) == list(space.tensors)
    assert all(torch.equal(changed[key], weights[key]) for key in weights)
    assert not any(getattr(AugmentConfig(), field.name) for field in fields(AugmentConfig))


def test_one_net_is_taken_too():
    _, space, weights = stack_of("siren")
    one = {key: value[0] for key, value in weights.items()}
    changed = augment(space, one, AugmentConfig(permutation=True, noise=0.1, shift=0.1))
    assert {key: value.shape for key, value in changed.items()} == {key: value.shape for key, value in one.items()}


def test_noise_is_as_large_as_asked_and_leaves_statistics():
    _, space, weights = stack_of("mlp", nets=400)
    weights["linears.1.weight"] *= 10
    changed = augment(space, weights, AugmentConfig(noise=0.2), torch.Generator().manual_seed(0))
    for key in ("linears.0.weight", "linears.1.weight", "norms.0.weight"):
        added, spread = (changed[key] - weights[key]).flatten(1), weights[key].flatten(1).std(1, correction=0)
        assert (added / spread[:, None]).std().item() == pytest.approx(0.2, rel=0.05)
    for key in ("norms.0.running_mean", "norms.0.running_var", "norms.0.num_batches_tracked"):
        assert torch.equal(changed[key], weights[key])


def test_dropout_keeps_the_mean_and_is_for_weights():
    _, space, weights = stack_of("mlp", nets=400)
    changed = augment(space, weights, AugmentConfig(dropout=0.25), torch.Generator().manual_seed(0))
    before, after = weights["linears.0.weight"], changed["linears.0.weight"]
    zero = after == 0
    assert zero.double().mean().item() == pytest.approx(0.25, abs=0.01)
    assert torch.allclose(after[~zero], before[~zero] / 0.75)
    assert torch.equal(changed["linears.0.bias"], weights["linears.0.bias"])


def test_the_generator_decides():
    _, space, weights = stack_of("siren")
    config = AugmentConfig(permutation=True, sign=True, noise=0.1, dropout=0.1, rotate=20.0, zoom=0.2)
    runs = [augment(space, weights, config, torch.Generator().manual_seed(seed)) for seed in (3, 3, 4)]
    assert all(torch.equal(runs[0][key], runs[1][key]) for key in weights)
    assert not torch.equal(runs[0]["linears.0.weight"], runs[2]["linears.0.weight"])


def test_moved_coordinates_move_what_is_shown():
    net, space, weights = stack_of("siren")
    x = torch.rand(50, 2, dtype=torch.float64) * 2 - 1
    matrix, offset = torch.randn(5, 2, 2, dtype=torch.float64), torch.randn(5, 2, dtype=torch.float64)
    shown = outputs(net, move_coordinates(space, weights, matrix, offset), x)
    for i in range(5):
        there = outputs(net, {key: value[i : i + 1] for key, value in weights.items()}, x @ matrix[i].T + offset[i])
        assert (shown[i] - there[0]).norm() < 1e-9 * there.norm()


def test_a_quarter_turn_turns_the_picture():
    net, space, weights = stack_of("siren")
    line = torch.linspace(-1, 1, 9, dtype=torch.float64)
    grid = torch.stack(torch.meshgrid(line, line, indexing="ij"), -1).flatten(0, 1)
    turn = torch.tensor([[[0.0, -1.0], [1.0, 0.0]]], dtype=torch.float64)
    moved = move_coordinates(space, weights, turn, torch.zeros(1, 2, dtype=torch.float64))
    before, after = (outputs(net, stack, grid).reshape(5, 9, 9) for stack in (weights, moved))
    assert torch.allclose(after, before.rot90(-1, (1, 2)), atol=1e-9)


@pytest.mark.parametrize("axes", [2, 3])
def test_random_movements_stay_within_their_limits(axes):
    net = build_net("siren", in_features=axes, hidden=(4,))
    space = WeightSpace.trace(net, *net.example_inputs())
    weights = {key: value.expand(300, *value.shape).double() for key, value in net.state_dict().items()}
    weights["linears.0.weight"] = torch.randn(4, axes, dtype=torch.float64).expand(300, -1, -1)
    first = weights["linears.0.weight"]

    def matrices(config):
        changed = augment(space, weights, config, torch.Generator().manual_seed(0))["linears.0.weight"]
        return torch.linalg.lstsq(first, changed).solution

    turned = matrices(AugmentConfig(rotate=30.0))
    eye = torch.eye(axes, dtype=torch.float64)
    assert torch.allclose(turned @ turned.mT, eye.expand_as(turned), atol=1e-9)
    angles = torch.rad2deg(torch.arccos(((turned.diagonal(dim1=1, dim2=2).sum(1) - (axes - 2)) / 2).clamp(-1, 1)))
    assert 25 < angles.max() <= 30 + 1e-6
    zoomed = matrices(AugmentConfig(zoom=0.5))[:, 0, 0]
    assert 1 / 1.5 - 1e-9 <= zoomed.min() < 0.75
    assert 1.4 < zoomed.max() <= 1.5 + 1e-9


def test_coordinates_of_nets_that_read_none_are_refused():
    _, space, weights = stack_of("cnn")
    with pytest.raises(ValueError, match=r"where linear layers with a bias read them; 'convs.0.weight' .* isn't one"):
        augment(space, weights, AugmentConfig(shift=0.1))
    fourier = build_net("fourier", hidden=(4,))
    traced = WeightSpace.trace(fourier, *fourier.example_inputs())
    with pytest.raises(ValueError, match="Coordinates can be moved where linear layers"):
        augment(traced, fourier.state_dict(), AugmentConfig(rotate=10.0))
    line = build_net("siren", in_features=1, hidden=(4,))
    traced = WeightSpace.trace(line, *line.example_inputs())
    with pytest.raises(ValueError, match="One coordinate can't be rotated"):
        augment(traced, line.state_dict(), AugmentConfig(rotate=10.0))


def test_mixup_mixes_nets_and_targets_alike():
    _, space, weights = stack_of("mlp", nets=200)
    targets = torch.stack([weights["linears.0.bias"][:, 0], weights["linears.1.weight"][:, 2, 3]], 1)
    generator = torch.Generator().manual_seed(0)
    changed, mixed = augment_labelled(space, weights, targets, AugmentConfig(mixup=1.0), generator)
    assert torch.allclose(mixed[:, 0], changed["linears.0.bias"][:, 0])
    assert torch.allclose(mixed[:, 1], changed["linears.1.weight"][:, 2, 3])
    assert not torch.allclose(mixed, targets, atol=1e-2)
    assert torch.equal(changed["norms.0.num_batches_tracked"], weights["norms.0.num_batches_tracked"])
    near, _ = mix_nets(weights, targets, 0.05, generator)
    far = (changed["linears.0.bias"] - weights["linears.0.bias"]).abs().median()
    assert (near["linears.0.bias"] - weights["linears.0.bias"]).abs().median() < 0.5 * far


def test_mixup_refuses_what_it_cannot_mix():
    _, space, weights = stack_of("mlp")
    with pytest.raises(ValueError, match="mixes the targets as well"):
        augment(space, weights, AugmentConfig(mixup=0.2))
    with pytest.raises(ValueError, match=r"got torch\.int64\. Make classes one-hot"):
        mix_nets(weights, torch.zeros(5, dtype=torch.long), 0.2)
    with pytest.raises(ValueError, match="alpha must be above 0, got 0"):
        mix_nets(weights, torch.zeros(5), 0.0)


def test_without_mixup_targets_stay():
    _, space, weights = stack_of("mlp")
    targets = torch.rand(5, 1)
    assert augment_labelled(space, weights, targets, AugmentConfig(noise=0.1))[1] is targets


def test_views_are_chosen_evenly_among_those_of_one_net():
    views = Views.of(["a", "b", "a", "c", "a", "c"])
    assert len(views) == 3
    things = torch.arange(3).repeat(2000)
    rows = views.choose(things, torch.Generator().manual_seed(0))
    found = [rows[things == thing].bincount(minlength=6).tolist() for thing in range(3)]
    assert [[i for i, count in enumerate(counts) if count] for counts in found] == [[0, 2, 4], [1], [3, 5]]
    assert min(found[0][i] for i in (0, 2, 4)) > 600
    with pytest.raises(ValueError, match="one row at least"):
        Views.of([])


@pytest.mark.parametrize(
    ("change", "message"),
    [({"noise": -0.1}, "noise must be 0 .off. or more, got -0.1"), ({"dropout": 1.0}, "dropout must be below 1")],
)
def test_config_is_checked(change, message):
    with pytest.raises(ValueError, match=message):
        AugmentConfig(**change)
