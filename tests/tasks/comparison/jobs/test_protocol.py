"""Questions that are columns of a zoo's index: what is learned from, what is asked, and what may be read."""

import pytest
import torch

from weightspace import Recipe, build_zoo
from weightspace.data import load_dataset
from weightspace.tasks.comparison.baselines.answers import from_answers, losses_on_tasks
from weightspace.tasks.comparison.jobs.obstacles import needs_hyperparameters, needs_tasks
from weightspace.tasks.comparison.jobs.protocol import PROTOCOLS
from weightspace.tasks.prediction.methodrun import MethodRun
from weightspace.tasks.training.train import TrainConfig
from weightspace.zoo.recipe.gallery import gallery_path

CNNS = """
name = "tiny-questions"
nets = 60
seed = 3

[data]
name = "digits"

[net]
name = "cnn"
image_size = 8
channels = [2]
stride = [2]

[train]
optimizer = ["adam", "sgd"]
lr = 1e-2
label_noise = { low = 0.0, high = 0.5 }
fraction = 0.1
batch_size = 32
steps = 4

[save]
count = 2

[split]
val = 0.3
test = 0.3
"""


@pytest.fixture(scope="module")
def cnns(tmp_path_factory):
    return build_zoo(Recipe.from_toml(CNNS), tmp_path_factory.mktemp("zoos") / "cnns", workers=1, progress=False)


@pytest.mark.parametrize(("question", "label"), [("loss", "test_loss"), ("label-noise", "label_noise")])
def test_numbers_are_asked_of_the_last_states(cnns, question, label):
    split = PROTOCOLS[question].prepare(cnns)
    assert split.train.names == (label,) and not split.train.classes
    assert sum(map(len, split.parts.values())) == 60
    asked = {row["net"]: row[label] for row in cnns.final().table.to_pylist()}
    for nets in split.parts.values():
        assert nets.labels[:, 0].tolist() == pytest.approx([asked[row["net"]] for row in nets.rows])
    assert label not in split.hyperparameters and "optimizer" in split.hyperparameters


def test_the_optimizer_is_a_class_that_no_baseline_may_read(cnns):
    split = PROTOCOLS["optimizer"].prepare(cnns)
    assert split.train.classes == ("adam", "sgd")
    assert all(
        split.train.classes[int(number)] == row["optimizer"]
        for nets in split.parts.values()
        for number, row in zip(nets.labels[:, 0], nets.rows, strict=True)
    )
    assert split.hyperparameters == ("label_noise",) and not needs_hyperparameters(split)


SETS = CNNS.replace("tiny-questions", "tiny-sets").replace("nets = 60", "nets = 36").replace("steps = 4", "steps = 300")
SETS = SETS.replace("fraction = 0.1", 'fraction = 1.0\ntask = ["plain", "inverted", "shifted"]')
SETS = SETS.replace("label_noise = { low = 0.0, high = 0.5 }", "").replace('["adam", "sgd"]', '"adam"')
SETS = SETS.replace("[save]\ncount = 2", "").replace("channels = [2]", "channels = [4]")


def test_nets_know_their_own_data_set_best(tmp_path):
    """Run on the images of each, and by hand: the one with the lowest loss is the one that the recipe drew."""
    zoo = build_zoo(Recipe.from_toml(SETS), tmp_path / "sets", workers=1, progress=False)
    split = PROTOCOLS["dataset"].prepare(zoo)
    assert split.train.classes == ("inverted", "plain", "shifted") and not needs_tasks(split)
    (test,) = split.judged.values()
    losses = losses_on_tasks(split, test)
    module, data = split.modules[test.spaces[0]], load_dataset("digits")
    module.load_state_dict({name: tensor[1] for name, tensor in test.stacks[0].items()})
    with torch.no_grad():
        expected = torch.nn.functional.cross_entropy(module.eval()(data.x_test), (data.y_test + 1) % 10)
    torch.testing.assert_close(losses[1, 2], expected, rtol=1e-4, atol=1e-5)
    found = from_answers(split, MethodRun(TrainConfig(), tmp_path)).of_part["test"]
    torch.testing.assert_close(found.exp().sum(1), torch.ones(len(found)))
    assert torch.equal(found.argmax(1), test.labels[:, 0].long())


def test_the_lowest_loss_is_for_one_question(cnns):
    assert "which data set isn't asked here" in needs_tasks(PROTOCOLS["optimizer"].prepare(cnns))


def test_the_recipe_of_label_noise_varies_it():
    noise = PROTOCOLS["label-noise"].sources["S"]
    assert "label_noise = { low = 0.0" in gallery_path(noise.recipe).read_text()
