"""Held-out architectures are fixed and apart from those of training; training through the loss of nets helps."""

import pytest
import torch

from weightspace.data import load_dataset
from weightspace.generators import Refiner
from weightspace.nets import Architecture
from weightspace.tasks.generation.architectures import HELD_OUT, SEEN, draw_different, held_out_sets
from weightspace.tasks.generation.refining import RefinerTraining, train_refiner, written_loss
from weightspace.zoo.folder.spaces import trace_architecture


def test_held_out_sets_are_fixed_and_as_they_are_called():
    sets = held_out_sets()
    assert sets == held_out_sets() != held_out_sets(seed=1)
    assert {name: len(some) for name, some in sets.items()} == {name: count for name, (_, count) in HELD_OUT.items()}
    every = [each.id for some in sets.values() for each in some]
    assert len(set(every)) == len(every)
    for name, (within, _) in HELD_OUT.items():
        for each in sets[name]:
            s = each.settings
            assert len(s["channels"]) in within.depths and s["activation"] in within.activations
            assert all(within.widths[0] <= width <= within.widths[1] for width in s["channels"])


def test_drawn_architectures_are_built_and_leave_out_what_is_held():
    held = held_out_sets()["in range"]
    drawn = draw_different(40, torch.Generator().manual_seed(0), SEEN, held)
    assert not {each.id for each in drawn} & {each.id for each in held}
    for each in (*drawn, *(some[0] for some in held_out_sets().values())):
        assert each.build().eval()(torch.zeros(2, 1, 8, 8)).shape == (2, 10)
    assert {each.settings["norm"] for each in drawn} == {"none", "batch", "group"}


@pytest.mark.parametrize("examples", [0, 100])
def test_training_through_the_loss_of_nets_brings_it_down(examples):
    nets = [
        Architecture("cnn", {"image_size": 8, "channels": [6], "stride": [2], "norm": norm})
        for norm in ("none", "batch")
    ]
    torch.manual_seed(0)
    kept = {"examples": examples, "example_shape": (1, 8, 8), "descents": 1} if examples else {}
    refiner = Refiner.for_spaces(*map(trace_architecture, nets), width=16, layers=1, probes=10, **kept)
    data, heard = load_dataset("digits"), []
    settings = RefinerTraining(steps=100, nets=2, batch=32, support=60, warmup=10)

    def losses():
        refiner.train()
        source = torch.Generator().manual_seed(5)
        return [float(written_loss(refiner, net, data, settings, source).detach().mean()) for net in nets]

    before = losses()
    train_refiner(refiner, nets, data, settings, lambda *said: heard.append(said))
    assert not refiner.training and len(heard) == 1
    assert all(b < a - 0.1 for a, b in zip(before, losses(), strict=True))
