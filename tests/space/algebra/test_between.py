"""Weights that multiply weights: the neurons between them stand at sites of their own."""

import pytest
import torch
from torch import nn
from torch.nn import functional

from weightspace.graphs import from_graph, to_graph
from weightspace.space import WeightSpace


class Product(nn.Module):
    """A layer whose matrix is computed from several."""

    def __init__(self, kind: str):
        super().__init__()
        self.kind = kind
        self.plain, self.head = nn.Linear(6, 8), nn.Linear(8, 2)
        self.a, self.b = nn.Parameter(torch.randn(3, 6)), nn.Parameter(torch.randn(8, 3))
        self.middle, self.factor = nn.Parameter(torch.randn(3, 3)), nn.Parameter(torch.randn(3))
        self.c, self.d = nn.Parameter(torch.randn(4, 6)), nn.Parameter(torch.randn(8, 4))

    def matrix(self) -> torch.Tensor:
        a, b = self.a, self.b
        ways = {
            "adapter": lambda: self.plain.weight + b @ a,
            "three": lambda: b @ self.middle @ a,
            "einsum": lambda: torch.einsum("or,rs,si->oi", b, self.middle, a),
            "factor": lambda: self.plain.weight + (b * self.factor) @ a,
            "two products": lambda: (b @ a) * (self.d @ self.c),
            "unit rows": lambda: functional.normalize(self.plain.weight + b @ a, dim=1),
            "sum of two": lambda: b @ (a + self.middle @ a),
        }
        return ways[self.kind]()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(functional.linear(x, self.matrix(), self.plain.bias).relu())


def _traced(kind: str) -> WeightSpace:
    torch.manual_seed(0)
    return WeightSpace.trace(Product(kind), torch.randn(4, 6))


def _ends(space: WeightSpace, name: str) -> tuple[list[str], str]:
    spec = space.tensors[name]
    assert spec.target_site is not None
    return [str(space.sites[n].axis) for n in spec.source_sites if n is not None], str(
        space.sites[spec.target_site].axis
    )


@pytest.mark.parametrize("kind", ["adapter", "unit rows", "factor"])
def test_the_rank_of_an_adapter_lies_between_its_input_and_its_output(kind):
    space = _traced(kind)
    assert _ends(space, "a") == (["in"], "a")
    assert _ends(space, "b") == (["a"], "b")
    assert _ends(space, "plain.weight") == (["in"], "b")


@pytest.mark.parametrize("kind", ["three", "einsum"])
def test_of_three_matrices_the_middle_one_leads_from_neurons_to_neurons(kind):
    space = _traced(kind)
    assert _ends(space, "a") == (["in"], "a")
    assert _ends(space, "middle") == (["a"], "middle")
    assert _ends(space, "b") == (["middle"], "b")
    assert [site.depth for site in space.sites] == [0, 1, 2, 3, 4]


def test_a_factor_of_the_rank_sits_on_it():
    spec = _traced("factor").tensors["factor"]
    assert (spec.role, spec.target, spec.target_site) == ("vector", (0,), 1)


def test_two_products_have_neurons_of_their_own():
    space = _traced("two products")
    assert _ends(space, "a") == (["in"], "a")
    assert _ends(space, "c") == (["in"], "c")
    assert _ends(space, "d") == (["c"], "b")
    assert space.names["c"].size == 4


@pytest.mark.parametrize("kind", ["adapter", "three", "einsum", "factor", "two products", "unit rows", "sum of two"])
def test_graphs_hold_all_weights_and_give_them_back(kind):
    space = _traced(kind)
    weights = {name: tensor.detach() for name, tensor in Product(kind).state_dict().items()}
    back = from_graph(to_graph(space, weights))
    assert all(torch.equal(back[name], tensor) for name, tensor in weights.items())
