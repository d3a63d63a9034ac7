"""What the example doesn't read is fixed, so that a space found on a short input is true on a long one."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from weightspace.space import WeightSpace
from weightspace.space.computation.probe import Probe

LONG = 12


class Table(nn.Module):
    """Layers and tables for sequences ``[batch, length, 5]``, and a computation with them."""

    def __init__(self, function, **shapes):
        super().__init__()
        self.a, self.b, self.o = nn.Linear(5, 8), nn.Linear(8, 8), nn.Linear(8, 2)
        for name, shape in shapes.items():
            self.register_parameter(name, nn.Parameter(torch.randn(shape)))
        self.register_buffer("mask", torch.randn(LONG, LONG).tril())
        self.function = function

    def forward(self, x):
        return self.o(self.function(self, self.a(x)))


def attend(m, h, bias):
    scores = h @ m.b(h).transpose(1, 2) + bias
    return scores.softmax(-1) @ h


def toeplitz(m, h):
    """Filters by distance, read as a window of a longer one."""
    length = h.shape[1]
    rows = [m.filter[LONG - row : LONG - row + length] for row in range(length)]
    return torch.stack(rows).tanh() @ h


def slimmable(m, h):
    width = min(8, 2 + h.shape[1])
    return F.linear(F.linear(h, m.b.weight[:width]).relu(), m.wide[:, :width])


TABLES = {
    "positions": (lambda m, h: torch.tanh(h + m.pos[:, : h.shape[1]]), {"pos": (1, LONG, 8)}),
    "positions of a sum": (lambda m, h: torch.tanh(h + (m.pos + m.pos2)[: h.shape[1]]),
                           {"pos": (LONG, 8), "pos2": (LONG, 8)}),
    "relative bias": (lambda m, h: attend(m, h, m.rel[: h.shape[1], : h.shape[1]]), {"rel": (LONG, LONG)}),
    "float mask": (lambda m, h: attend(m, h, m.mask[: h.shape[1], : h.shape[1]]), {}),
    "toeplitz": (toeplitz, {"filter": (2 * LONG,)}),
    "frequencies": (lambda m, h: torch.fft.rfft(h, dim=1).abs() * m.freq[: h.shape[1] // 2 + 1, None].exp(),
                    {"freq": (LONG,)}),
    "rotary": (lambda m, h: h * m.cos[: h.shape[1]].cos() + h.roll(4, -1) * m.cos[: h.shape[1]].sin(),
               {"cos": (LONG, 8)}),
    "slimmable": (slimmable, {"wide": (8, 8)}),
}  # fmt: skip


@pytest.mark.parametrize("name", TABLES)
def test_what_is_found_on_a_short_input_holds_on_a_long_one(name):
    torch.manual_seed(0)
    function, shapes = TABLES[name]
    net = Table(function, **shapes)
    space = WeightSpace.trace(net, torch.randn(2, 4, 5), verify=False)
    assert space.report.unread
    # on the long one alone: what reads fewer rows on a shorter input than the example is for the proof to find
    probe = Probe(net, (torch.randn(2, 9, 5),), {}, others=False)
    generator = torch.Generator().manual_seed(1)
    assert probe.error(space, space.random_symmetry(generator, ("permutation", "scale", "sign"))) < 1e-9


def test_the_report_says_how_much_was_read():
    function, shapes = TABLES["positions"]
    report = WeightSpace.trace(Table(function, **shapes), torch.randn(2, 4, 5)).report
    assert report.unread["pos"] == "read 4 of 12 along axis 1" and report.unread["b.weight"] == "read nowhere"
    full = WeightSpace.trace(Table(function, **shapes), torch.randn(2, LONG, 5)).report
    assert "pos" not in full.unread


def test_a_number_that_is_only_an_index_counts_as_read():
    def route(m, h):
        best = m.b(h).tanh().mean(1) @ m.code.t()
        return m.code[best.argmax(-1)][:, None] + h

    space = WeightSpace.trace(Table(route, code=(3, 8)), torch.randn(2, 4, 5))
    assert not {"b.weight", "code"} & set(space.report.unread)


@pytest.mark.parametrize("name", ["positions", "relative bias", "float mask", "rotary"])
def test_sizes_that_vary_fix_what_is_read_along_them(name):
    torch.manual_seed(0)
    function, shapes = TABLES[name]
    net, length = Table(function, **shapes), torch.export.Dim("length", min=2, max=LONG - 1)
    space = WeightSpace.trace(net, torch.randn(2, 6, 5), dynamic_shapes=({1: length},))
    (table,) = shapes or ("mask",)
    assert not any(atom.name in space.free and atom.size == LONG for atom in space.tensors[table].atoms())
    assert space.report.sound and not space.report.failed


def test_code_that_branches_on_a_size_that_varies_is_refused():
    net = Table(lambda m, h: h if h.shape[1] < 6 else m.b(h))
    with pytest.raises(ValueError, match=r"torch\.export refuses"):
        WeightSpace.trace(net, torch.randn(2, 4, 5), dynamic_shapes=({1: torch.export.Dim("length", min=2, max=9)},))
