import pytest
import torch

from weightspace.data import grid_coordinates
from weightspace.inr import Convention, render, render_stack
from weightspace.nets import Architecture, build_net

NETS = {"siren": {"hidden": [6], "w0": 10.0}, "fourier": {"hidden": [6], "features": 4}}


def stack(name: str, count: int = 3) -> tuple[Convention, list[torch.nn.Module], dict[str, torch.Tensor]]:
    torch.manual_seed(0)
    nets = [build_net(name, **NETS[name]) for _ in range(count)]
    weights = {key: torch.stack([net.state_dict()[key] for net in nets]) for key in nets[0].state_dict()}
    return Convention(Architecture.of(nets[0]), (5, 4), "corners"), nets, weights


@pytest.mark.parametrize("name", NETS)
def test_values_and_gradients_are_the_modules(name):
    convention, nets, weights = stack(name)
    points = grid_coordinates((5, 4))
    leaves = {key: w.clone().requires_grad_(key in dict(nets[0].named_parameters())) for key, w in weights.items()}
    values = render_stack(leaves, convention, points)
    assert values.shape == (3, 1, 20)
    values.square().sum().backward()
    for i, net in enumerate(nets):
        out = net(points)
        torch.testing.assert_close(values[i], out.T)
        out.square().sum().backward()
        for key, parameter in net.named_parameters():
            torch.testing.assert_close(leaves[key].grad[i], parameter.grad, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", NETS)
def test_each_net_may_have_points_of_its_own_and_gradients_reach_them(name):
    convention, nets, weights = stack(name)
    points = torch.rand(3, 7, 2).requires_grad_()
    values = render_stack(weights, convention, points)
    for i, net in enumerate(nets):
        torch.testing.assert_close(values[i], net(points[i]).T)
    values.sum().backward()
    assert points.grad.abs().amin(2).gt(0).all()


def test_render_is_it_on_the_grid_without_gradients():
    convention, _, weights = stack("siren")
    leaves = {key: w.requires_grad_() for key, w in weights.items()}
    pictures = render(leaves, convention)
    assert not pictures.requires_grad
    torch.testing.assert_close(pictures.flatten(2), render_stack(leaves, convention, grid_coordinates((5, 4))))
