import pytest
import torch

from weightspace.nets import NETS, build_net
from weightspace.nets.stacked.flatlayout import FlatLayout


@pytest.mark.parametrize("name", NETS)
def test_views_of_a_row_are_the_parameters(name):
    net = build_net(name)
    layout, named = FlatLayout.of(net), dict(net.named_parameters())
    row = torch.cat([parameter.detach().flatten() for parameter in named.values()])
    views = layout.views(torch.stack([row, 2 * row]))
    assert list(views) == list(named) and layout.numel == len(row)
    for key, parameter in named.items():
        assert torch.equal(views[key], torch.stack([parameter, 2 * parameter]))
    assert set(layout.buffers) | set(named) == set(net.state_dict())


def test_a_mask_marks_the_entries_of_some_parameters():
    layout = FlatLayout(("a.weight", "a.bias", "scale"), ((2, 3), (2,), (1,)), ())
    assert layout.mask(("a.bias",)).tolist() == [0] * 6 + [1] * 2 + [0]
    assert layout.matrices == ("a.weight",)
    assert layout.mask(layout.matrices).sum() == 6


def test_gradients_of_views_reach_the_row():
    layout = FlatLayout.of(build_net("mlp", in_features=2, hidden=[3], out_features=1))
    row = torch.zeros(1, layout.numel, requires_grad=True)
    layout.views(row)["linears.0.bias"].sum().backward()
    assert torch.equal(row.grad[0], layout.mask(("linears.0.bias",)))
