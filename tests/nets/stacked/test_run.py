import copy

import pytest
import torch

from weightspace.nets import NETS, build_net
from weightspace.nets.stacked.dropout import Noise
from weightspace.nets.stacked.run import STACKED, run_stack
from weightspace.nets.stacked.vmap import run_any

CASES = {
    "mlp": ("mlp", {"in_features": 6, "hidden": [5, 4], "out_features": 3}),
    "mlp-batch": ("mlp", {"in_features": 6, "hidden": [5], "out_features": 3, "norm": "batch"}),
    "mlp-layer": ("mlp", {"in_features": 6, "hidden": [5], "out_features": 3, "norm": "layer", "activation": "tanh"}),
    "cnn": ("cnn", {"channels": [3, 5], "stride": [2, 1], "kernel": [3, 5]}),
    "cnn-batch": ("cnn", {"channels": [3, 5], "stride": 1, "norm": "batch", "pool": [2, 1]}),
    "cnn-group": ("cnn", {"channels": [4, 4], "stride": 1, "norm": "group", "residual": True, "activation": "gelu"}),
    "cnn-flatten": ("cnn", {"channels": [4, 2], "stride": 2, "padding": "valid", "head": "flatten", "hidden": [7]}),
    "cnn-pool-first": ("cnn", {"channels": [4, 2], "stride": 1, "pool": 2, "pool_first": True, "activation": "gelu"}),
    "resnet-batch": ("resnet", {"width": 4, "blocks": [1, 1]}),
    "resnet-group": ("resnet", {"width": 4, "blocks": [2], "norm": "group", "activation": "gelu"}),
    "vit": ("vit", {"dim": 8, "depth": 1, "patch": 4}),
    "siren": ("siren", {"hidden": [5, 4], "w0": 2.0, "w0_hidden": 2.0}),
    "fourier": ("fourier", {"hidden": [5, 4], "features": 3, "activation": "tanh"}),
    "adapter": ("adapter", {"kind": "rslora", "rank": 2}),
    "adapter-dora": ("adapter", {"kind": "dora", "rank": 3}),
}


def make_stack(case, nets=3):
    name, settings = CASES[case]
    singles = [build_net(name, **settings) for _ in range(nets)]
    generator = torch.Generator().manual_seed(0)
    for net in singles:
        for tensor in net.state_dict().values():
            if tensor.is_floating_point():
                tensor.copy_(torch.rand(tensor.shape, generator=generator) - 0.3)
        for key, tensor in net.state_dict().items():
            if key.endswith("running_var"):
                tensor.abs_().add_(0.5)
    states = [net.state_dict() for net in singles]
    return singles, {key: torch.stack([state[key] for state in states]).clone() for key in states[0]}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("run", [run_stack, run_any], ids=["hand", "vmap"])
@pytest.mark.parametrize("training", [False, True])
def test_a_stack_is_its_nets_one_by_one(case, run, training):
    singles, weights = make_stack(case)
    shape = singles[0].example_inputs()[0].shape[1:]
    x = torch.randn(3, 8, *shape, generator=torch.Generator().manual_seed(1))
    out = run(copy.deepcopy(singles[0]).train(training), weights, x, None)
    for i, net in enumerate(singles):
        torch.testing.assert_close(out[i], net.train(training)(x[i]), rtol=1e-4, atol=1e-5)
        for key, value in net.state_dict().items():
            torch.testing.assert_close(weights[key][i], value, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("run", [run_stack, run_any], ids=["hand", "vmap"])
def test_one_batch_can_be_shared(case, run):
    singles, weights = make_stack(case)
    x = torch.randn(4, *singles[0].example_inputs()[0].shape[1:])
    net = singles[0].eval()
    torch.testing.assert_close(run(net, weights, x, None), run(net, weights, x.expand(3, *x.shape), None))


@pytest.mark.parametrize("run", [run_stack, run_any], ids=["hand", "vmap"])
@pytest.mark.parametrize("case", ["mlp", "cnn", "vit"])
def test_dropout_belongs_to_the_net_and_the_step(case, run):
    singles, weights = make_stack(case)
    net, x = singles[0].train(), torch.randn(8, *singles[0].example_inputs()[0].shape[1:])

    def noise(step, rows=(0, 1, 2)):
        rows = list(rows)
        return Noise(torch.tensor([11, 12, 13])[rows], torch.tensor([0.0, 0.5, 0.5])[rows], step)

    out = run(net, weights, x, noise(1))
    torch.testing.assert_close(out[0], run(net, weights, x, None)[0])
    assert not torch.allclose(out[1], run(net, weights, x, None)[1])
    assert not torch.allclose(out[1], run(net, weights, x, noise(2))[1])
    alone = run(net, {key: value[1:2] for key, value in weights.items()}, x, noise(1, rows=[1]))
    torch.testing.assert_close(alone[0], out[1])


def test_masks_keep_the_mean_and_the_rate():
    mask = Noise(torch.arange(4), torch.tensor([0.0, 0.1, 0.3, 0.9]), 5).mask(5000, 7)
    torch.testing.assert_close(mask.mean((0, 2)), torch.ones(4), rtol=0, atol=0.05)
    torch.testing.assert_close((mask == 0).float().mean((0, 2)), torch.tensor([0.0, 0.1, 0.3, 0.9]), rtol=0, atol=0.01)
    columns = mask[:, 2].T
    assert torch.corrcoef(columns).fill_diagonal_(0).abs().max() < 0.08
    assert torch.corrcoef(torch.stack([mask[:-1, 2].flatten(), mask[1:, 2].flatten()]))[0, 1].abs() < 0.03


def test_every_net_is_on_the_list():
    assert {name for name, _ in CASES.values()} == set(NETS)
    assert set(STACKED) <= set(NETS.values())
