"""Nets that are stopped at the accuracy that was asked for."""

from functools import lru_cache

import pytest
import torch

from tests.generators.cases import space
from weightspace.generators import EarlyStopped, load_generator
from weightspace.nets import build_net
from weightspace.space import WeightSpace
from weightspace.tasks.generation.prompts import follows


@lru_cache
def task():
    """A net, its space, and labelled examples that it can learn."""
    net = build_net("mlp", in_features=6, hidden=[10], out_features=4).eval()
    source = torch.Generator().manual_seed(0)
    inputs = torch.randn(600, 6, generator=source)
    labels = (inputs @ torch.randn(6, 4, generator=source)).argmax(1)
    return net, WeightSpace.trace(net, *net.example_inputs()), inputs, labels


@lru_cache
def stopped(**settings):
    net, own, inputs, labels = task()
    return EarlyStopped.for_net(own, net, inputs[:500], labels[:500], steps=40, batch=50, **settings)


def test_nets_are_as_accurate_as_was_asked_for():
    net, own, inputs, labels = task()
    generator = stopped()
    low, high = generator.config.prompt_low[0], generator.config.prompt_high[0]
    asked = torch.linspace(low, high, 60)
    drawn = generator.sample(own, 60, prompt={"accuracy": asked}, condition=net, seed=1)
    assert high > low + 0.4 and (generator.watched_accuracy(net, drawn) - asked).abs().median() < 0.03
    answers = torch.func.vmap(lambda w: torch.func.functional_call(net, w, inputs[500:]))(drawn).argmax(2)
    found = follows(asked, (answers == labels[500:]).float().mean(1))
    assert found.rank > 0.85 and 0.8 < found.slope < 1.2


def test_without_a_prompt_training_goes_on_to_the_end():
    net, own, *_ = task()
    last = stopped().sample(own, 3, condition=net, seed=0)
    best = stopped().sample(own, 3, prompt={"accuracy": stopped().config.prompt_high[0]}, condition=net, seed=0)
    started = stopped().start.sample(own, 3, seed=0)
    assert (stopped().watched_accuracy(net, last) > stopped().watched_accuracy(net, started) + 0.3).all()
    assert not torch.equal(last["linears.0.weight"], best["linears.0.weight"])


def test_a_net_depends_on_its_number_and_prompt_alone(tmp_path):
    net, own, *_ = task()
    stopped().save_pretrained(tmp_path)
    many = load_generator(tmp_path).sample(own, 4, prompt={"accuracy": 0.5}, condition=net, seed=0)
    one = stopped().sample(own, 1, prompt={"accuracy": 0.5}, condition=net, seed=0, first=3)
    assert all(torch.allclose(many[key][3:], one[key], atol=1e-6) for key in one)


def test_bad_input_is_refused():
    net, own, inputs, labels = task()
    with pytest.raises(ValueError, match="examples and runs the net, which must be its condition, got NoneType"):
        stopped().sample(own, 2, seed=0)
    with pytest.raises(ValueError, match="EarlyStopped keeps no examples and takes no condition, got a MLP"):
        EarlyStopped.for_spaces(own).sample(own, 2, condition=net, seed=0)
    with pytest.raises(ValueError, match="accuracy must lie between"):
        stopped().sample(own, 2, prompt={"accuracy": 1.0}, condition=net, seed=0)
    with pytest.raises(ValueError, match="one weight space without buffers"):
        EarlyStopped.for_spaces(space("cnn"))
    with pytest.raises(ValueError, match=r"watched between 0 and 1, got 0, 0\.02 and 0\.2"):
        EarlyStopped.for_spaces(own, steps=0)
    with pytest.raises(ValueError, match="batch must be 1 to 400, got 450"):
        EarlyStopped.for_net(own, net, inputs[:500], labels[:500], batch=450)
