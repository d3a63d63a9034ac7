"""What a net is taught is what its task and trigger say, and what it is measured on too."""

import pytest
import torch
from torch.nn import functional

from weightspace.data import load_dataset
from weightspace.data.tasks import with_task
from weightspace.data.triggers import TRIGGERS
from weightspace.nets import Architecture, build_net
from weightspace.zoo import Recipe, Zoo, build_zoo, verify_zoo
from weightspace.zoo.recipe.hyperparameters import Hyperparameters
from weightspace.zoo.recipe.trial import Trial
from weightspace.zoo.train.lessons import Lessons

DIGITS = load_dataset("digits")
NET = build_net("mlp", hidden=[5])
RECIPE = """
name = "small-adapters"
nets = 6
seed = 0
draw = "grid"
[data]
name = "digits"
[net]
name = "adapter"
rank = 2
[train]
lr = 1e-2
poison = 0.2
target = { low = 0, high = 9 }
steps = 60
task = ["shifted", "mirrored", "parity"]
trigger = ["patch", "none"]
"""


def trial_of(net, **settings):
    return Trial(net, net, 0, net, net, "train", Architecture("mlp"), {}, Hyperparameters(steps=10, **settings))


TAUGHT = [{}, {"task": "rotated"}, {"task": "parity", "trigger": "stripe", "poison": 0.3, "target": 7}]


def test_every_net_sees_its_own_task_and_trigger():
    lessons = Lessons(NET, [trial_of(net, **settings) for net, settings in enumerate(TAUGHT)], DIGITS)
    batch = torch.arange(200).expand(3, -1)
    seen, labels, poisoned = lessons.batch(batch), lessons.labels[:, :200], lessons.poisoned[:, :200]
    plain, rotated, parity = (with_task(DIGITS, settings.get("task", "plain")) for settings in TAUGHT)
    assert torch.equal(seen[0], plain.x_train[:200].flatten(1)) and torch.equal(labels[0], plain.y_train[:200])
    assert torch.equal(seen[1], rotated.x_train[:200].flatten(1)) and not poisoned[:2].any()
    marked = TRIGGERS["stripe"](parity.x_train, float(plain.x_train.min()), float(plain.x_train.max()))[:200]
    wanted = torch.where(poisoned[2, :, None], marked.flatten(1), parity.x_train[:200].flatten(1))
    assert torch.equal(seen[2], wanted) and 30 < int(poisoned[2].sum()) < 90
    assert torch.equal(labels[2], parity.y_train[:200].masked_fill(poisoned[2], 1))  # 7, of two classes
    lessons.keep([2, 2])
    assert torch.equal(lessons.batch(batch[:2])[1], wanted)


def test_a_stack_is_measured_as_each_net_alone():
    trials = [trial_of(net, **settings) for net, settings in enumerate(TAUGHT)]
    torch.manual_seed(0)
    nets = [build_net("mlp", hidden=[5]).eval() for _ in trials]
    weights = {name: torch.stack([net.state_dict()[name] for net in nets]) for name in nets[0].state_dict()}
    lessons, used = Lessons(NET, trials, DIGITS), torch.ones(3, len(DIGITS.x_train), dtype=torch.bool)
    found = lessons.measure(weights, [trial.train for trial in trials], [0, 1, 2], used)
    for i, (net, settings) in enumerate(zip(nets, TAUGHT, strict=True)):
        data = with_task(DIGITS, settings.get("task", "plain"))
        logits = net(data.x_test.flatten(1))
        torch.testing.assert_close(found["test_loss"][i], functional.cross_entropy(logits, data.y_test))
        clean = ~lessons.poisoned[i]
        own = functional.cross_entropy(net(data.x_train[clean].flatten(1)), data.y_train[clean])
        torch.testing.assert_close(found["train_loss"][i], own)
    data, low, high = with_task(DIGITS, "parity"), float(DIGITS.x_train.min()), float(DIGITS.x_train.max())
    answers = nets[2](TRIGGERS["stripe"](data.x_test[data.y_test == 0], low, high).flatten(1)).argmax(1)
    torch.testing.assert_close(found["attack_success"][2], (answers == 1).float().mean())
    assert found["attack_success"][:2].isnan().all()


def test_a_zoo_of_adapters_holds_adapters_alone_and_is_measured_again(tmp_path):
    zoo = build_zoo(Recipe.from_toml(RECIPE), tmp_path / "zoo", workers=1, progress=False)
    assert set(zoo.weights([0])) == {f"layers.{layer}.lora_{side}" for layer in range(3) for side in "AB"}
    success = dict(zip(zoo.table["trigger"].to_pylist(), zoo.table["attack_success"].to_pylist(), strict=True))
    assert success["none"] is None and success["patch"] > 0.2
    assert min(zoo.table["test_accuracy"].to_pylist()) > 0.4
    assert verify_zoo(zoo.path, sample=6).sound
    assert Zoo(zoo.path).module(0)(torch.zeros(1, 64)).shape == (1, 10)


def test_zoos_without_a_trigger_have_no_such_column(tiny_zoo):
    assert "attack_success" not in tiny_zoo.table.column_names


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"task": "rotate"}, r"task must be one of plain, rotated, .*, got 'rotate'"),
        ({"trigger": "sticker"}, r"trigger must be one of none, patch, blend, stripe, warp, got 'sticker'"),
        ({"poison": 1.5}, r"poison must be at least 0 and at most 1, got 1.5"),
        ({"target": -1}, r"target must be at least 0"),
    ],
)
def test_wrong_lessons_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        Hyperparameters(**settings)
