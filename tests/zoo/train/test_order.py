from dataclasses import replace

import pytest
import torch

from weightspace.nets import Architecture
from weightspace.zoo.recipe.hyperparameters import Hyperparameters
from weightspace.zoo.recipe.save import Save
from weightspace.zoo.recipe.trial import Trial
from weightspace.zoo.train.order import Order, draw_labels, draw_subset, take_all


def trial_of(**settings):
    return Trial(5, 5, 0, 7, 8, "train", Architecture("mlp"), {}, Hyperparameters(steps=10, **settings))


def test_every_pass_shows_every_example_once():
    order = Order(trial_of(fraction=0.5), 20)
    stream = order.take(35)
    assert set(stream[:10].tolist()) == set(order.subset.tolist()) == set(stream[10:20].tolist())
    assert stream[:10].tolist() != stream[10:20].tolist()


def test_batches_do_not_change_the_stream():
    whole, pieces = Order(trial_of(), 300).take(6000), Order(trial_of(), 300)
    assert torch.equal(whole, torch.cat([pieces.take(count) for count in (1, 2999, 2000, 1000)]))


def test_nets_whose_passes_are_sorted_together_see_what_each_sees_alone(device, monkeypatch):
    monkeypatch.setattr("weightspace.zoo.train.order.SORTED", 2)
    trials = [replace(trial_of(fraction=fraction), seed=seed) for seed, fraction in enumerate((1.0, 0.5, 1.0, 1.0))]
    alone, together = ([Order(trial, 300) for trial in trials] for _ in range(2))
    for count in (7, 6000, 1):
        wanted = torch.stack([order.take(count) for order in alone])
        assert torch.equal(take_all(together, count, str(device)), wanted)


def test_fractions_are_nested():
    small, large = draw_subset(trial_of(fraction=0.1), 100), draw_subset(trial_of(fraction=0.6), 100)
    assert len(small) == 10 and set(small) < set(large)


def test_label_noise_changes_its_share():
    labels = torch.zeros(5000, dtype=torch.long)
    assert draw_labels(trial_of(), labels, 10) is labels
    noisy = draw_labels(trial_of(label_noise=0.4), labels, 10)
    assert (noisy != 0).float().mean().item() == pytest.approx(0.36, abs=0.03)
    other = draw_labels(replace(trial_of(label_noise=0.4), seed=9), labels, 10)
    assert not torch.equal(noisy, other)


@pytest.mark.parametrize(
    ("save", "steps"),
    [
        (Save(), (100,)),
        (Save(count=4), (25, 50, 75, 100)),
        (Save(count=2, spacing="log"), (10, 100)),
        (Save(points=(1.0, 2.0), unit="epochs"), (20, 40, 100)),
        (Save(points=(0.0, 30.0, 300.0), initial=True), (0, 30, 100)),
        (Save(initial=True), (0, 100)),
    ],
)
def test_saves(save, steps):
    assert save.steps(100, 20.0) == steps


@pytest.mark.parametrize(
    ("settings", "message"),
    [({"spacing": "x"}, r"spacing must be one of even, log"), ({"unit": "x"}, r"unit must be one of steps, epochs")],
)
def test_wrong_saves_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        Save(**settings)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"optimizer": "adamx"}, r"optimizer must be one of sgd, adam, adamw, rmsprop, got 'adamx'"),
        ({"schedule": "x"}, r"schedule must be one of constant, step, cosine, got 'x'"),
        ({"init": "x"}, r"init must be one of default, .*, got 'x'"),
        ({"lr": 0.0}, r"lr must be above 0, got 0.0"),
        ({"l2": -1.0}, r"l2 must be at least 0 and at most 1e\+06, got -1.0"),
        ({"warmup": 2.0}, r"warmup must be at least 0 and at most 1, got 2.0"),
        ({"dropout": 1.0}, r"dropout must be at least 0 and at most 0.995, got 1.0"),
    ],
)
def test_wrong_hyperparameters_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        Hyperparameters(**settings)
