"""Which neurons correspond: what was planted is found, in each of the three ways."""

import pytest
import torch
from torch import nn

from tests.align.planted import hidden
from tests.align.trained import points, trained
from weightspace.align import correspond


def test_one_to_one_finds_a_planted_order():
    space, module, weights = trained("mlp")
    moved, planted = hidden(space, weights, 3)
    found = correspond(module, weights, moved, points("mlp")[0], "linears.1.weight")
    order = planted.permutations["linears.1"]
    alive = found.scores > 0.999
    assert alive.all()
    assert torch.equal(order[found.partners], torch.arange(len(order)))
    strangers = correspond(module, weights, trained("mlp", 1)[2], points("mlp")[0], "linears.1.weight")
    assert strangers.scores.mean() < 0.9


@pytest.fixture(scope="module")
def mixed():
    """A linear layer, and one whose neurons are made of two of its neurons each, or of those of one half."""
    module = nn.Sequential(nn.Linear(12, 8), nn.Linear(8, 2))
    generator = torch.Generator().manual_seed(0)
    one = {n: torch.randn(t.shape, generator=generator) for n, t in module.state_dict().items()}
    one["0.weight"] = torch.linalg.qr(torch.randn(12, 8, generator=generator)).Q.T.contiguous()
    pairs = torch.zeros(8, 8)
    for row in range(8):
        pairs[row, row], pairs[row, (row + 3) % 8] = 1.0, 0.5
    halves = torch.block_diag(*(torch.linalg.qr(torch.randn(4, 4, generator=generator)).Q for _ in range(2)))
    few, many = ({**one, "0.weight": mix @ one["0.weight"]} for mix in (torch.linalg.inv(pairs), halves))
    return module, one, few, many, torch.randn(500, 12, generator=generator)


def test_one_to_many_finds_the_few(mixed):
    module, one, few, _, x = mixed
    found = correspond(module, one, few, x, "0.weight", "one-to-many", sparsity=0.02)
    strongest = found.table.abs().topk(2).indices.sort(1).values
    wanted = torch.tensor([sorted((row, (row + 3) % 8)) for row in range(8)])
    assert torch.equal(strongest, wanted)
    assert (found.scores > 0.95).all()
    sparse = correspond(module, one, few, x, "0.weight", "one-to-many", sparsity=0.9)
    assert (sparse.table != 0).sum() < (found.table != 0).sum()


def test_many_to_many_finds_the_groups(mixed):
    module, one, _, many, x = mixed
    found = correspond(module, one, many, x, "0.weight", "many-to-many", groups=2)
    for labels in found.groups:
        assert len(set(labels[:4].tolist())) == len(set(labels[4:].tolist())) == 1
        assert labels[0] != labels[4]
    assert found.groups[0][0] == found.groups[1][0]
    assert (found.scores > 0.1).all()


@pytest.mark.parametrize("way", ["one-to-one", "one-to-many", "many-to-many"])
def test_pictures(mixed, tmp_path, way):
    module, one, few, _, x = mixed
    path = correspond(module, one, few, x, "0.weight", way).plot(tmp_path / "deep" / "c.png")
    assert path.read_bytes().startswith(b"\x89PNG")


def test_bad_wishes_are_told(mixed):
    module, one, few, _, x = mixed
    with pytest.raises(ValueError, match=r"way must be one of one-to-one.*got 'all'"):
        correspond(module, one, few, x, "0.weight", "all")
    with pytest.raises(ValueError, match=r"no linear or convolutional layer with '0\.bias'"):
        correspond(module, one, few, x, "0.bias")
    with pytest.raises(ValueError, match="sparsity must lie in"):
        correspond(module, one, few, x, "0.weight", "one-to-many", sparsity=1.0)
    with pytest.raises(ValueError, match="groups must lie between 2 and the number of neurons, 8, got 9"):
        correspond(module, one, few, x, "0.weight", "many-to-many", groups=9)


def test_nets_that_are_not_the_modules_are_named(mixed):
    module, one, few, _, x = mixed
    with pytest.raises(ValueError, match=r"b must have the tensors of the module, but '0\.bias' is missing"):
        correspond(module, one, {n: t for n, t in few.items() if n != "0.bias"}, x, "0.weight")
    with pytest.raises(ValueError, match="a must have the tensors of the module, but 'new' is none of them"):
        correspond(module, {**one, "new": x}, few, x, "0.weight")
    with pytest.raises(ValueError, match=r"b: tensor '1\.weight' must have the shape \[2, 8\].* got \[8, 2\]"):
        correspond(module, one, {**few, "1.weight": few["1.weight"].T}, x, "0.weight")
    with pytest.raises(ValueError, match=r"b: tensor '0\.weight' holds NaN"):
        correspond(module, one, {**few, "0.weight": few["0.weight"] * float("nan")}, x, "0.weight")


def test_pictures_number_the_neurons(mixed, tmp_path, monkeypatch):
    from matplotlib import pyplot

    module, one, few, _, x = mixed
    found = correspond(module, one, few, x, "0.weight")
    monkeypatch.setattr(pyplot, "close", lambda figure: None)
    found.plot(tmp_path / "c.png")
    axis = pyplot.gcf().axes[0]
    rows, columns = ([int(label.get_text()) for label in side.get_ticklabels()] for side in (axis.yaxis, axis.xaxis))
    monkeypatch.undo()
    pyplot.close("all")
    assert rows == found.scores.argsort(descending=True).tolist()
    assert columns == found.partners[rows].tolist()
