"""Products with sparse matrices, and attention with code of its own for scores and masks."""

import pytest
import torch
from torch import nn
from torch.nn.attention.flex_attention import create_block_mask, flex_attention

from tests.space.nets.layered import Code
from tests.space.nets.operators import OPERATORS, make
from weightspace.space import WeightSpace

ROWS = torch.randn(4, 5, generator=torch.Generator().manual_seed(0))
NEXT = torch.tensor([[0.0, 1.5, 0.0, 0.0], [0.0, 0.0, -0.5, 2.0], [1.0, 0.0, 0.0, 0.0], [0.0, 0.3, 0.7, 0.0]])


def traced(net, *inputs):
    """The space, whose code needed no mending and lost no operator."""
    space = WeightSpace.trace(net.eval(), *inputs)
    assert space.report.sound and not space.report.failed and not space.report.lost
    return space


def table(function):
    """A matrix of parameters that a sparse input is multiplied with."""
    net = Code(function, o=nn.Linear(8, 2))
    net.w, net.bias = nn.Parameter(torch.randn(5, 8)), nn.Parameter(torch.randn(8))
    return net


@pytest.mark.parametrize("layout", ["to_sparse", "to_sparse_csr"])
@pytest.mark.parametrize("product", [torch.sparse.mm, torch.mm, torch.matmul])
def test_a_sparse_input_reads_a_dense_weight(layout, product):
    net = table(lambda m, x: m.o((product(x, m.w) + m.bias).relu()))
    space = traced(net, getattr(ROWS.relu(), layout)())
    assert space.free == ("w",) and space.names["w"].kinds == ("permutation", "scale")


def test_a_sparse_product_is_added_to_a_bias():
    net = table(lambda m, x: m.o(torch.sparse.addmm(m.bias, x, m.w).relu()))
    assert traced(net, ROWS.relu().to_sparse()).free == ("w",)


@pytest.mark.parametrize("layout", ["to_sparse", "to_sparse_csr"])
def test_messages_along_a_sparse_graph(layout):
    def forward(m, x, graph):
        return m.o(torch.sparse.mm(graph, m.b(torch.sparse.mm(graph, m.a(x)).relu())).relu())

    net = Code(forward, a=nn.Linear(5, 8), b=nn.Linear(8, 6), o=nn.Linear(6, 2))
    space = traced(net, ROWS, getattr(NEXT, layout)())
    assert sorted(space.names[name].size for name in space.free) == [6, 8]


@pytest.mark.parametrize("persistent", [True, False])
def test_a_sparse_buffer_stays_where_it_is(persistent):
    net = Code(lambda m, x: m.o(torch.sparse.mm(m.graph, m.a(x).relu())), a=nn.Linear(5, 8), o=nn.Linear(8, 2))
    net.register_buffer("graph", NEXT.to_sparse(), persistent=persistent)
    space = traced(net, ROWS)
    assert space.free == ("a",) and ("graph" in space.tensors) == persistent
    moved = space.apply(space.random_symmetry(), net.state_dict())
    assert not persistent or torch.equal(moved["graph"].to_dense(), NEXT)


def attending(change=None, mask=None, of=(1, 1), attention=flex_attention):
    """Two heads of four channels; ``change`` gives the function of scores from the module."""

    def forward(m, x):
        q, k, v = (part(x).unflatten(-1, (2, 4)).transpose(1, 2) for part in (m.q, m.k, m.v))
        blocks = create_block_mask(mask, *of, 5, 5, device="cpu") if mask is not None else None
        function = change(m) if change is not None else None
        return m.o(attention(q, k, v, score_mod=function, block_mask=blocks).transpose(1, 2).flatten(2))

    net = Code(forward, **{name: nn.Linear(3, 8) for name in "qkv"}, o=nn.Linear(8, 2))
    net.bias = nn.Parameter(torch.randn(2, 5, 5))
    return net


SEQUENCE = torch.randn(2, 5, 3, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize(
    ("settings", "heads_move"),
    [({}, True), ({"change": lambda _: lambda s, b, h, i, j: 20 * torch.tanh(s / 20) - abs(i - j)}, True),
     ({"change": lambda _: lambda s, b, h, i, j: s - (h + 1) * (i - j)}, False),
     ({"mask": lambda b, h, i, j: i >= j}, True),
     ({"mask": lambda b, h, i, j: (i >= j) | (h == 0), "of": (1, 2)}, False)],
)  # fmt: skip
def test_heads_move_unless_the_code_tells_them_apart(settings, heads_move):
    space = traced(attending(**settings), SEQUENCE)
    assert space.free == ("q.heads",) * heads_move + ("q.dim", "v.dim")
    assert all(space.names[name].kinds == ("permutation", "scale", "sign") for name in space.free)


def latents(change):
    """Learned queries, whose places may be exchanged unless the code reads them."""

    def forward(m, x):
        q, k, v = (part.unflatten(-1, (2, 4)).transpose(1, 2) for part in (m.q(m.z[None]), m.k(x), m.v(x)))
        return m.o(flex_attention(q.expand(2, -1, -1, -1), k, v, score_mod=change).transpose(1, 2).flatten(2).mean(1))

    net = Code(forward, q=nn.Linear(6, 8), k=nn.Linear(3, 8), v=nn.Linear(3, 8), o=nn.Linear(8, 2))
    net.z = nn.Parameter(torch.randn(7, 6))
    return net


def test_places_that_the_code_reads_are_fixed():
    apart, alike = (traced(latents(change), SEQUENCE) for change in (lambda s, b, h, i, j: s * (i + 1), None))
    assert "Axis 0, " in apart.explain("z") and "It is fixed, because flex_attention" in apart.explain("z")
    assert str(alike.tensors["z"].axes[0]) in alike.free and alike.tensors["z"].axes[0].size == 7


def test_a_table_that_the_code_looks_up_is_fixed():
    space = traced(attending(change=lambda m: lambda s, b, h, i, j: s + m.bias[h, i, j]), SEQUENCE)
    assert space.free == ("q.dim", "v.dim")


def test_attention_of_other_arguments_can_be_read_next():
    with_table = attending(change=lambda m: lambda s, b, h, i, j: s + m.bias[h, i, j])
    torch._dynamo.reset()
    WeightSpace.trace(with_table, SEQUENCE, verify=False)  # torch 2.13 keeps conditions on the table, and fails on them
    module, x = make(*OPERATORS["flex_attention"])
    assert WeightSpace.trace(module, x, verify=False).free == ("a.heads", "a.dim")


def test_compiled_attention_is_proved_uncompiled():
    net = attending(attention=torch.compile(flex_attention))  # which refuses float64 on a CPU
    assert traced(net, SEQUENCE).free == ("q.heads", "q.dim", "v.dim")
