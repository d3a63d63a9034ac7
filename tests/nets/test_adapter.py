import math

import pytest
import torch

from weightspace.nets import Architecture, build_net
from weightspace.nets.adapter import KINDS, base_weights
from weightspace.space import WeightSpace


def adapter(kind="lora", rank=3, dtype=torch.float32):
    net = build_net("adapter", kind=kind, rank=rank).eval().to(dtype)
    generator = torch.Generator().manual_seed(rank)
    for parameter in net.parameters():
        parameter.data += 0.3 * torch.randn(parameter.shape, generator=generator, dtype=dtype)
    return net


@pytest.mark.parametrize("kind", KINDS)
def test_an_untrained_adapter_is_its_base(kind):
    net = build_net("adapter", kind=kind)
    base = build_net("mlp", in_features=64, hidden=[32, 32], out_features=10)
    base.load_state_dict(base_weights("digits-base"))
    (x,) = net.example_inputs()
    torch.testing.assert_close(net(x), base(x))
    assert not set(net.state_dict()) & set(base.state_dict())


def test_each_kind_is_its_papers_formula():
    base = base_weights("digits-base")["linears.1.weight"].double()
    for kind in KINDS:
        net = adapter(kind, dtype=torch.float64)
        layer = net.layers[1]
        scale = 8 / math.sqrt(3) if kind == "rslora" else 8 / 3
        wanted = base + scale * torch.einsum("or,ri->oi", layer.lora_B, layer.lora_A)
        if kind == "dora":
            wanted = torch.diag(layer.magnitude) @ wanted / torch.linalg.vector_norm(wanted, dim=1, keepdim=True)
        found = layer(torch.eye(32, dtype=torch.float64)) - layer.bias_of_base.double()
        torch.testing.assert_close(found.T, wanted)


@pytest.mark.parametrize("kind", KINDS)
def test_any_invertible_matrix_between_the_factors_is_a_symmetry(kind):
    net = adapter(kind, dtype=torch.float64)
    space = WeightSpace.trace(build_net("adapter", kind=kind, rank=3).eval(), *build_net("adapter").example_inputs())
    assert [(group.kind, group.shape(space)[1]) for group in space.matrices] == [("linear", 3)] * 3
    moved = {name for name, group in space.names.items() if group.free}
    assert moved == {group.name for group in space.matrices}
    weights, x = dict(net.state_dict()), net.example_inputs()[0].double()
    moved = space.apply(space.random_symmetry(torch.Generator().manual_seed(0)), weights)
    assert (moved["layers.0.lora_A"] - weights["layers.0.lora_A"]).abs().max() > 0.1
    torch.testing.assert_close(torch.func.functional_call(net, moved, (x,)), net(x))
    one_side = {**weights, "layers.0.lora_A": moved["layers.0.lora_A"]}  # a fault: B isn't multiplied
    assert (torch.func.functional_call(net, one_side, (x,)) - net(x)).abs().max() > 1e-3


def test_wrong_settings_are_refused():
    for settings, message in (
        ({"kind": "qlora"}, r"kind must be one of lora, rslora, dora, got 'qlora'"),
        ({"base": "mnist"}, r"base must be one of digits-base, got 'mnist'"),
        ({"rank": 0}, r"rank must be at least 1 and at most 1,024, got 0"),
        ({"alpha": 0.0}, r"alpha must be at least 1e-06"),
    ):
        with pytest.raises(ValueError, match=message):
            Architecture("adapter", settings).build()
