"""Held-out architectures are fixed and apart from those of training; training through the loss of nets helps."""

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


def plain(norm):
    return Architecture("cnn", {"image_size": 8, "channels": [6], "stride": [2], "norm": norm})


def fresh(**settings):
    torch.manual_seed(0)
    spaces = [trace_architecture(plain(norm)) for norm in ("none", "batch")]
    return Refiner.for_spaces(*spaces, width=32, layers=2, probes=20, **settings)


KEPT = {"examples": 100, "example_shape": (1, 8, 8)}


def test_training_through_the_loss_of_nets_brings_it_down():
    refiner, data, heard = fresh(), load_dataset("digits"), []
    settings = RefinerTraining(steps=120, nets=2, batch=32, support=60, warmup=10, learning_rate=5e-3)

    def losses():
        source, judged = torch.Generator().manual_seed(5), RefinerTraining(nets=8, batch=200, support=60)
        with torch.no_grad():
            return [
                float(written_loss(refiner, plain(norm), data, judged, source).mean()) for norm in ("none", "batch")
            ]

    before = losses()
    train_refiner(refiner, [plain("none"), plain("batch")], data, settings, lambda *said: heard.append(said))
    assert not refiner.training and len(heard) == 1
    assert all(after < first - 0.1 for first, after in zip(before, losses(), strict=True))


def test_the_loss_goes_through_steps_of_descent_and_the_solved_layer():
    refiner, settings = fresh(**KEPT, descents=2), RefinerTraining(nets=2, batch=32, support=60)
    torch.nn.init.constant_(refiner.strengths, 0.1)
    source = torch.Generator().manual_seed(0)
    written_loss(refiner, plain("batch"), load_dataset("digits"), settings, source).mean().backward()
    reached = [refiner.log_rates, refiner.log_ridge, refiner.strengths, refiner.metanet.changes.new]
    assert all(p.grad is not None and bool(p.grad.isfinite().all()) and float(p.grad.abs().max()) > 0 for p in reached)
