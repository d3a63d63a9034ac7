"""Matching by activations: layers show what they give and read, streams are turned, what nobody shows is left over."""

import pytest
import torch
from torch import nn

from tests.align.planted import gap
from tests.align.trained import points, trained
from tests.space.nets.mixing import KINDS
from weightspace.align import align, fold_norms
from weightspace.align.matching.activations import observe, observed_space, turned_streams
from weightspace.nets import build_net
from weightspace.space import WeightSpace
from weightspace.testing import randomized


def _vit(folded: bool):
    module = randomized(build_net("vit", dim=16, heads=2)).double()
    inputs = torch.randn(64, 1, 8, 8, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    module = (fold_norms(module, inputs=(inputs[:2],)) if folded else module).eval()
    weights = {name: tensor.detach() for name, tensor in module.state_dict().items()}
    return WeightSpace.trace(module, inputs[:2]), module, weights, inputs


@pytest.mark.parametrize("folded", [False, True])
def test_a_transformer_and_its_twin_are_matched(folded):
    space, module, weights, inputs = _vit(folded)
    kinds = KINDS if folded else ("permutation",)
    twin = space.apply(space.random_symmetry(torch.Generator().manual_seed(1), kinds), weights)
    found = align(space, weights, twin, "activations", module=module, data=(inputs, torch.zeros(64, dtype=torch.int64)))
    assert gap(weights, space.apply(found, twin)) < 1e-5


def test_a_stream_is_turned_by_what_is_read_from_it():
    space, module, weights, inputs = _vit(True)
    (index,) = [k for k, group in enumerate(space.matrices) if group.kind == "orthogonal"]
    planted = space.random_symmetry(torch.Generator().manual_seed(1), ("orthogonal",))
    one, other = ({n: t.unsqueeze(0) for n, t in net.items()} for net in (weights, space.apply(planted, weights)))
    found = turned_streams(space, module, one, other, inputs)
    assert torch.allclose(found.matrices[index][0] @ planted.matrices[index], torch.eye(16).double(), atol=1e-8)


def test_layers_show_what_they_give_and_what_they_read():
    space, module, weights = trained("resnet")
    shown = observed_space(space, module, 7)
    assert {"stem.weight", "blocks.0.conv1.weight", "blocks.0.conv1.weight reads", "head.weight reads"} <= {
        *shown.tensors
    }
    assert not {"stem.weight reads", "head.weight"} & {*shown.tensors}  # pixels and classes keep their order
    inputs, _ = points("resnet")
    read = observe(module, weights, inputs, ["head.weight reads"])["head.weight reads"][0]
    seen = []
    handle = module.head.register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    module(inputs)
    handle.remove()
    rows = seen[0] - seen[0].mean(0)
    assert read.shape == rows.shape
    assert torch.allclose(read.norm(dim=0), torch.ones(rows.shape[1]), atol=1e-4)
    assert torch.allclose((read.T @ read).sort().values, torch.corrcoef(rows.T).sort().values, atol=1e-4)


def test_every_net_is_observed_in_the_same_places():
    _, module, weights = trained("cnn")
    inputs = torch.randn(700, 1, 8, 8, generator=torch.Generator().manual_seed(0))  # more places than samples
    one, again = (observe(module, weights, inputs, ["convs.0.weight"])["convs.0.weight"] for _ in range(2))
    assert torch.equal(one, again)
    assert one.shape[1] < 700 * 64


def test_a_module_without_layers_is_refused():
    class Bare(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b = nn.Parameter(torch.randn(6, 4)), nn.Parameter(torch.randn(3, 6))

        def forward(self, x):
            return torch.relu(x @ self.a.T) @ self.b.T

    module, inputs = Bare(), torch.randn(5, 4)
    space, weights = WeightSpace.trace(module, inputs), dict(module.state_dict())
    with pytest.raises(
        ValueError, match=r"Activation matching needs linear or convolutional layers.*method=\"weights\""
    ):
        align(space, weights, weights, "activations", module=module, data=(inputs, torch.zeros(5, 3)))
