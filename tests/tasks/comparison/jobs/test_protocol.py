"""Questions that are columns of a zoo's index: what is learned from, what is asked, and what may be read."""

import pytest

from weightspace import Recipe, build_zoo
from weightspace.tasks.comparison.jobs.obstacles import needs_hyperparameters
from weightspace.tasks.comparison.jobs.protocol import PROTOCOLS
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


def test_the_recipe_of_label_noise_varies_it():
    noise = PROTOCOLS["label-noise"].sources["S"]
    assert "label_noise = { low = 0.0" in gallery_path(noise.recipe).read_text()
