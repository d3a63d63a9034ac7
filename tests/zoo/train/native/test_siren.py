import pytest
import torch

from tests.zoo.train.test_fit import TEXT
from weightspace.data import grid_coordinates
from weightspace.machine.compiler import load_native
from weightspace.nets import build_net
from weightspace.nets.stacked.flatlayout import FlatLayout
from weightspace.zoo import Recipe
from weightspace.zoo.build.shards import run_shard
from weightspace.zoo.train.gradient import PlainGradient
from weightspace.zoo.train.native import adam as native_adam
from weightspace.zoo.train.native import siren as native_siren
from weightspace.zoo.train.native.siren import NativeSirenGradient

needs_compiler = pytest.mark.skipif(load_native(native_siren.SOURCE) is None, reason="no C compiler")


def stack(nets, shape, **settings):
    """A net, its grid, and weights as at the start with targets, in float32."""
    net, coordinates = build_net("siren", **settings), grid_coordinates(shape)
    generator = torch.Generator().manual_seed(0)
    rows = []
    for _ in range(nets):
        net.reset_parameters(generator)
        rows.append(torch.cat([p.detach().flatten() for p in net.parameters()]))
    targets = torch.rand(nets, net.config.out_features, len(coordinates), generator=generator)
    return net, coordinates, torch.stack(rows) + 0.01, targets


@needs_compiler
@pytest.mark.parametrize(
    ("shape", "settings"),
    [
        ((28, 28), {}),
        ((7, 5), {"hidden": [5, 4], "output_shift": 0.0}),
        ((40,), {"in_features": 1, "hidden": [33, 17], "w0_hidden": 5.0}),
        ((3, 3, 3), {"in_features": 3, "hidden": [16, 48, 8], "out_features": 3, "first_layer": "siren"}),
        ((6, 6), {"hidden": [9], "out_features": 20}),
    ],
)
def test_gradient_is_autograd_in_float64(shape, settings):
    net, coordinates, flat, targets = stack(3, shape, **settings)
    native = NativeSirenGradient(net, coordinates)
    grad, losses = native(flat, targets)
    expected, expected_losses = PlainGradient(net.double(), coordinates.double(), {})(flat.double(), targets.double())
    torch.testing.assert_close(losses.double(), expected_losses, rtol=2e-6, atol=1e-8)
    for name, part in FlatLayout.of(net).views(expected).items():
        ours = FlatLayout.of(net).views(grad)[name].double()
        torch.testing.assert_close(ours, part, rtol=1e-4, atol=3e-6 * float(part.abs().max()), msg=name)
    assert torch.equal(native.loss(flat, targets), losses)


@needs_compiler
def test_sines_and_cosines_are_exact_to_a_few_parts_in_ten_million():
    net, coordinates, _, _ = stack(1, (1,), in_features=1, hidden=[1], w0=1.0, output_shift=0.0)
    z = torch.cat([torch.linspace(-1e4, 1e4, 200_001), torch.linspace(-1e-3, 1e-3, 101)])
    zero, one = torch.zeros_like(z), torch.ones_like(z)
    flat = torch.stack([zero, z, one, zero], 1)  # weight and bias of the neuron, weight and bias of the output
    grad, _ = NativeSirenGradient(net, coordinates)(flat, zero.view(-1, 1, 1) - 1)
    sine = grad[:, 3].double() / 2 - 1
    torch.testing.assert_close(sine, z.double().sin(), rtol=0, atol=3e-7)
    away = sine > -0.5  # there the error, by which the cosine is multiplied, is no small number
    cosine = grad[away, 1].double() / grad[away, 3].double()
    torch.testing.assert_close(cosine, z[away].double().cos(), rtol=0, atol=3e-7)


@needs_compiler
def test_a_net_has_the_same_gradient_in_any_stack_even_beside_one_that_diverged():
    net, coordinates, flat, targets = stack(4, (6, 6), hidden=[8, 8])
    native = NativeSirenGradient(net, coordinates)
    grad, losses = native(flat, targets)
    flat[1], flat[2, 5] = float("nan"), float("inf")
    beside, beside_losses = native(flat, targets)
    assert torch.equal(beside[[0, 3]], grad[[0, 3]]) and torch.equal(beside_losses[[0, 3]], losses[[0, 3]])
    assert beside_losses[1:3].isnan().all()
    alone, _ = native(flat[3:], targets[3:])
    assert torch.equal(alone, grad[3:])
    every_other, _ = native(flat[::3], targets[::3])
    assert torch.equal(every_other, grad[::3])


def test_only_what_it_can_do_is_done_by_it(monkeypatch):
    net, coordinates, _, _ = stack(1, (2, 2), hidden=[4])
    assert not NativeSirenGradient.fits(net, coordinates.double())
    assert not NativeSirenGradient.fits(build_net("siren", hidden=[2] * 32), coordinates)
    assert NativeSirenGradient.fits(net, coordinates) == (load_native(native_siren.SOURCE) is not None)
    monkeypatch.setattr(native_siren, "load_native", lambda name: None)
    assert not NativeSirenGradient.fits(net, coordinates)


@needs_compiler
def test_fits_come_out_alike_with_and_without_a_compiler(monkeypatch):
    recipe = Recipe.from_toml(TEXT).with_nets(4)
    ours = [state.weights for state in run_shard(recipe, 0, lambda nets: None) if state.step == 10]
    again = [state.weights for state in run_shard(recipe, 0, lambda nets: None) if state.step == 10]
    monkeypatch.setattr(native_siren, "load_native", lambda name: None)
    monkeypatch.setattr(native_adam, "load_native", lambda name: None)
    plain = [state.weights for state in run_shard(recipe, 0, lambda nets: None) if state.step == 10]
    assert len(ours) == len(plain) == 4
    for name in ours[0]:
        first, second, third = (torch.stack([weights[name] for weights in way]) for way in (ours, again, plain))
        assert torch.equal(first, second) and not torch.equal(first, third)
        torch.testing.assert_close(first, third, rtol=1e-4, atol=1e-4)
