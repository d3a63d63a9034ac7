"""Norms without gains: the same function, and a residual stream that may be turned."""

import pytest
import torch
from torch import nn
from torch.nn import functional

from tests.space.nets.mixing import MATRICES, Attending
from weightspace.align import fold_norms
from weightspace.nets import build_net
from weightspace.space import WeightSpace
from weightspace.testing import randomized


def gap(one, other):
    return float((one - other).abs().max() / one.abs().max())


class Llama(nn.Module):
    """A block with norms of its own class."""

    class Norm(nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = nn.Parameter(torch.randn(8))

        def forward(self, x):
            return self.weight * (x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-6))

    def __init__(self):
        super().__init__()
        self.embed, self.norm, self.last, self.out = (
            nn.Embedding(11, 8),
            self.Norm(),
            self.Norm(),
            nn.Linear(8, 11, False),
        )
        self.gate, self.up, self.down = nn.Linear(8, 12, False), nn.Linear(8, 12, False), nn.Linear(12, 8, False)

    def forward(self, x):
        x = self.embed(x)
        y = self.norm(x)
        return self.out(self.last(x + self.down(functional.silu(self.gate(y)) * self.up(y))))


TOKENS = torch.randint(11, (2, 5), generator=torch.Generator().manual_seed(0))
CASES = {
    "vit": lambda: (build_net("vit", dim=16, heads=2), (torch.randn(3, 1, 8, 8),)),
    "llama": lambda: (Llama(), (TOKENS,)),
}


def made(name):
    module, inputs = CASES[name]()
    return randomized(module).double(), tuple(x.double() if x.is_floating_point() else x for x in inputs)


@pytest.mark.parametrize("name", CASES)
def test_a_module_without_gains_computes_the_same(name):
    module, inputs = made(name)
    folded = fold_norms(module, inputs=inputs)
    assert gap(module(*inputs), folded(*inputs)) < 1e-12
    assert not [tensor for tensor in folded.state_dict() if "norm" in tensor or "last" in tensor]
    assert "orthogonal" not in [group.kind for group in WeightSpace.trace(module, *inputs).matrices]


@pytest.mark.parametrize("name", CASES)
def test_its_stream_can_be_turned(name):
    module, inputs = made(name)
    folded = fold_norms(module, inputs=inputs)
    space = WeightSpace.trace(folded, *inputs)
    assert [group.kind for group in space.matrices].count("orthogonal") == 1
    state = folded.state_dict()
    moved = space.apply(space.random_symmetry(torch.Generator().manual_seed(0), MATRICES), state)
    assert (
        gap(
            state["embed.weight" if name == "llama" else "positions"],
            moved["embed.weight" if name == "llama" else "positions"],
        )
        > 0.1
    )
    assert gap(folded(*inputs), torch.func.functional_call(folded, moved, inputs)) < 1e-10


@pytest.mark.parametrize("name", CASES)
def test_weights_of_a_space_get_gains_of_one(name):
    module, inputs = made(name)
    space = WeightSpace.trace(module, *inputs)
    folded = fold_norms(space, module.state_dict())
    gains = [n for n, spec in space.tensors.items() if spec.slot == "scale"]
    assert len(gains) == (5 if name == "vit" else 2)
    assert all(torch.equal(folded[n], torch.ones_like(folded[n])) for n in gains)
    assert gap(module(*inputs), torch.func.functional_call(module, folded, inputs)) < 1e-12


def test_other_weights_are_folded():
    module, inputs = made("vit")
    other = {n: t + 0.1 * torch.randn_like(t) for n, t in module.state_dict().items()}
    folded = fold_norms(module, other, inputs)
    assert gap(torch.func.functional_call(module, other, inputs), folded(*inputs)) < 1e-12


def test_weights_of_another_net_are_refused():
    module, inputs = made("vit")
    state = module.state_dict()
    with pytest.raises(ValueError, match="weights must have the tensors of the module, but 'positions' is missing"):
        fold_norms(module, {name: tensor for name, tensor in state.items() if name != "positions"}, inputs)
    with pytest.raises(ValueError, match="weights: tensor 'positions' holds NaN"):
        fold_norms(module, {**state, "positions": state["positions"] * float("nan")}, inputs)


def test_a_stream_that_is_read_without_a_norm_is_refused():
    module = randomized(Attending()).double()
    with pytest.raises(ValueError, match="something else than norms reads the residual stream"):
        fold_norms(module, inputs=(torch.randn(2, 7, 5, dtype=torch.float64),))


def test_a_residual_after_the_norm_is_refused():
    class Post(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.norm, self.b, self.c = nn.Linear(5, 8), nn.LayerNorm(8), nn.Linear(8, 8), nn.Linear(8, 2)

        def forward(self, x):
            y = self.norm(self.a(x))
            return self.c(torch.relu(self.b(y)) + y)

    with pytest.raises(ValueError, match="norm 'norm' can't be folded: something else than linear layers"):
        fold_norms(Post(), inputs=(torch.randn(3, 5),))


def test_what_is_missing_is_named():
    module, inputs = made("llama")
    with pytest.raises(ValueError, match="needs inputs="):
        fold_norms(module)
    with pytest.raises(ValueError, match="needs the weights of a net"):
        fold_norms(WeightSpace.trace(module, *inputs, verify=False), None)


def test_a_shift_without_a_bias_to_go_to_is_refused():
    module = nn.Sequential(nn.Linear(3, 6), nn.LayerNorm(6), nn.Linear(6, 2, bias=False))
    module = randomized(module).double()
    x = torch.randn(4, 3, dtype=torch.float64)
    with pytest.raises(ValueError, match=r"shift '1\.bias' can't be folded into '2\.weight', which has no bias"):
        fold_norms(WeightSpace.trace(module, x), module.state_dict())
    assert gap(module(x), fold_norms(module, inputs=(x,))(x)) < 1e-12
