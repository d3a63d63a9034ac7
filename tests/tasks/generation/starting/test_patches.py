"""A transformer writes a SIREN's weights from an image: it begins as its base and learns to show what it reads."""

import pytest
import torch

from tests.generators.cases import make
from tests.generators.test_start import signals
from weightspace.data import Signals
from weightspace.tasks.generation.starting.patches import PatchTransformer, train_transformer
from weightspace.tasks.generation.starting.starts import StartConfig


def transformer(width=16):
    torch.manual_seed(0)
    return PatchTransformer(make("LearnedStart"), width)


def test_it_begins_as_the_start_that_it_was_given():
    net, images = transformer(), signals().values
    assert torch.equal(net(images), net.start.start.detach().expand(6, -1))
    assert net.shift.requires_grad and bool((net.units > 0).all())


def test_every_entry_of_the_weights_can_be_written_and_every_patch_is_read():
    net, images = transformer(), signals().values
    for head in net.heads:
        torch.nn.init.normal_(head.weight)
    written = net(images)
    assert bool((written != net.start.start).all()) and len(written.unique(dim=0)) == 6
    for point in range(images.shape[2]):
        other = images.clone()
        other[0, 0, point] += 1
        assert not torch.equal(net(other)[0], written[0]) and torch.equal(net(other)[1:], written[1:])


def test_learning_makes_nets_of_one_pass_show_their_images():
    net, even = transformer(), torch.linspace(0, 1, 6)[:, None, None].expand(-1, 1, 16)
    some = Signals("even", (4, 4), "corners", even, *[torch.zeros(6, dtype=torch.int64)] * 2)
    train_transformer(net, some, StartConfig(steps=150, batch=6, learning_rate=3e-3))
    assert net.start.loss(net(even), even).mean() < 0.2 * even.var() and not net.training


def test_a_width_that_does_not_fit_is_refused():
    with pytest.raises(ValueError, match=r"width must be a multiple of 4 .* got 10, and 2 for \[4, 4\]"):
        transformer(10)
