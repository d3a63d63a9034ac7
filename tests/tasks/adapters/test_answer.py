from dataclasses import replace

import pytest
import torch

from weightspace.tasks.adapters.answer import CODE, CaseReader, answer
from weightspace.tasks.adapters.methods import ADAPTER_METHODS
from weightspace.tasks.adapters.questions import Question
from weightspace.tasks.training.train import TrainConfig

SIZES = (6, 5, 5, 4)
TRAINING = TrainConfig(steps=80, batch_size=32, learning_rate=1e-2, judge_every=20, average=0.9)


def planted(classes, members=1):
    """Looks ``[nets, rank + 1, width]`` with what is asked for in one of their numbers."""
    looks = torch.randn(460, 3, sum(SIZES), generator=torch.Generator().manual_seed(0))
    places = {"train": torch.arange(300), "val": torch.arange(300, 360), "test": torch.arange(360, 460)}
    cases = {part: own[:, None] if members == 1 else torch.stack([own, own.roll(1)], 1) for part, own in places.items()}
    values = {part: looks[case, 2, 0].sum(1) for part, case in cases.items()}
    targets = {part: (value > 0).float() if classes else value for part, value in values.items()}
    return looks, Question("c", "c", cases, targets, classes)


@pytest.mark.parametrize("name", ADAPTER_METHODS)
@pytest.mark.parametrize(("classes", "members"), [(2, 1), (0, 1), (2, 2)])
def test_every_reader_answers_every_kind_of_question(name, classes, members, tmp_path):
    looks, question = planted(classes, members)
    found, parameters = answer(ADAPTER_METHODS[name], question, looks, SIZES, TRAINING, tmp_path)
    assert parameters > 0 and set(found) >= ({"auc"} if classes else {"tau", "r2"})


def test_what_shows_is_found_and_what_does_not_show_is_not(tmp_path):
    looks, question = planted(2)
    method = ADAPTER_METHODS["statistics, logistic regression"]
    training = replace(TRAINING, steps=300, learning_rate=3e-2)
    assert answer(method, question, looks, SIZES, training, tmp_path / "shown")[0]["auc"] > 0.9
    hidden = looks.clone()
    hidden[:, 2, 0] = 0
    assert answer(method, question, hidden, SIZES, training, tmp_path / "hidden")[0]["auc"] < 0.75


def test_the_order_of_a_pair_does_not_matter():
    torch.manual_seed(0)
    looks = torch.randn(6, 2, 3, sum(SIZES))
    reader = ADAPTER_METHODS["GL-net"].reader(looks[:, 0], CODE, SIZES)
    model = CaseReader(reader, 2, pairs=True).eval()
    torch.testing.assert_close(model(looks), model(looks.flip(1)))
