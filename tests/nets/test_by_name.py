import pytest
import torch

from weightspace.nets import NETS, build_net, net_class


@pytest.mark.parametrize("name", NETS)
def test_every_net_runs_on_its_own_examples(name):
    net = build_net(name).eval()
    first, second = net.example_inputs(), net.example_inputs()
    assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True))
    out = net(*first)
    assert len(out) == 2 and out.isfinite().all()
    assert not torch.equal(out[0], out[1])


@pytest.mark.parametrize("name", NETS)
def test_every_net_is_rebuilt_from_its_settings(name):
    net = build_net(name)
    again = build_net(name, **net.settings)
    assert again.config == net.config
    again.load_state_dict(net.state_dict())


def test_unknown_names_and_values_are_refused():
    with pytest.raises(ValueError, match=r"unknown net 'cnnn'; known are mlp, cnn"):
        net_class("cnnn")
    with pytest.raises(ValueError, match=r"net 'mlp': unknown key 'widths' for MLPConfig; known are activation"):
        build_net("mlp", widths=[3])
    with pytest.raises(TypeError, match=r"hidden must be a list of whole numbers, got '32', which is a string"):
        build_net("mlp", hidden="32")
    with pytest.raises(ValueError, match=r"activation must be one of relu, .*, got 'rleu'"):
        build_net("cnn", activation="rleu")
    with pytest.raises(ValueError, match=r"used up by the layers"):
        build_net("cnn", image_size=8, channels=[4, 4, 4], padding="valid", stride=2)
    with pytest.raises(ValueError, match=r"stride must have one entry a layer \(3\), got 2"):
        build_net("cnn", stride=[2, 2])


def test_known_parameter_counts():
    def count(net):
        return sum(parameter.numel() for parameter in net.parameters())

    assert count(build_net("cnn", image_size=28, stride=2, padding="valid")) == 4970
    cnn_s = {"channels": [8, 6, 4], "kernel": [5, 5, 2], "stride": 1, "pool": [2, 2, 1], "padding": "valid"}
    assert count(build_net("cnn", image_size=28, head="flatten", hidden=[20], **cnn_s)) == 2464
    assert count(build_net("mlp", in_features=784, hidden=[10], out_features=10)) == 7960
