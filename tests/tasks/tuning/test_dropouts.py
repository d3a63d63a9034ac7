"""Dropouts with rates in buffers: PyTorch's own at one rate, and others for every net of a batch."""

import pytest
import torch
from torch import nn

from weightspace.generators import hypernetize
from weightspace.tasks.tuning import RateDropout, rates_of, tunable_dropouts


def test_they_drop_and_rescale_as_those_of_pytorch():
    x = torch.ones(200_000)
    torch.manual_seed(0)
    own, theirs = RateDropout(0.3)(x), nn.Dropout(0.3)(x)
    assert set(own.unique().tolist()) == set(theirs.unique().tolist())
    assert float((own == 0).float().mean()) == pytest.approx(0.3, abs=0.01)
    assert (RateDropout(0.3).eval()(x) == x).all()


def test_every_dropout_of_a_module_is_changed_in_a_copy():
    module = nn.Sequential(nn.Dropout(0.1), nn.Sequential(nn.Linear(3, 3), nn.Dropout(0.2)))
    changed, names = tunable_dropouts(module)
    assert names == ("0", "1.1") and isinstance(module[0], nn.Dropout)
    assert [float(changed.get_submodule(name).rate) for name in names] == pytest.approx([0.1, 0.2])
    with pytest.raises(ValueError, match=r"must have a torch\.nn\.Dropout, got a Linear"):
        tunable_dropouts(nn.Linear(2, 2))


def test_rates_differ_within_a_batch_of_nets():
    changed, names = tunable_dropouts(nn.Sequential(nn.Sequential(nn.Linear(4, 400), nn.Dropout())))
    net = hypernetize(changed, {"0.1": (0, 0.9)})
    inputs = {"0.1": torch.tensor([0.0, 0.8])}
    torch.manual_seed(0)
    out = net.run({**net.weights(**inputs), **rates_of(names, inputs)}, torch.randn(50, 4))
    dropped = (out == 0).float().mean((1, 2))
    assert float(dropped[0]) == 0 and float(dropped[1]) == pytest.approx(0.8, abs=0.02)
