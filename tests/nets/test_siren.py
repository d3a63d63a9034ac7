import math

import pytest
import torch

from weightspace.nets import build_net


def test_forward_is_the_formula():
    net = build_net("siren", hidden=[5], w0=7.0)
    x = torch.rand(4, 2)
    first, last = net.linears
    expected = torch.sin(7 * (x @ first.weight.T + first.bias)) @ last.weight.T + last.bias + 0.5
    torch.testing.assert_close(net(x), expected)


@pytest.mark.parametrize(("rule", "bound"), [("same", math.sqrt(3) / 30), ("siren", 0.5)])
def test_first_layer_rule(rule, bound):
    net = build_net("siren", hidden=[4096], first_layer=rule)
    largest = net.linears[0].weight.abs().max().item()
    assert 0.95 * bound < largest <= bound
    assert net.linears[0].bias.abs().max() == 0


def test_unknown_rule_is_refused():
    with pytest.raises(ValueError, match=r"first_layer must be one of same, siren, got 'x'"):
        build_net("siren", first_layer="x")
