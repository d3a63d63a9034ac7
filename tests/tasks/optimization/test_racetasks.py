"""The tasks of the race: every one trains, without a folder of images too."""

import pytest
import torch

from weightspace.tasks.optimization.contestants import AdamW
from weightspace.tasks.optimization.race import RaceConfig, Setting, race
from weightspace.tasks.optimization.racetasks import CONTEXT, RACES, CharacterTransformer


@pytest.mark.parametrize("kind", RACES)
def test_every_task_trains(kind, monkeypatch):
    monkeypatch.delenv("WEIGHTSPACE_DATA", raising=False)
    task = RACES[kind]()
    assert task.name.split("-")[0] in ("digits", "text")
    config = RaceConfig(steps=30, every=5)
    curves = race(task, AdamW, [Setting(1e-2, "cosine")], config, 1, 0)
    assert curves.isfinite().all() and curves[0, 0, -1] < curves[0, 0, 0]


def test_characters_see_only_what_came_before():
    torch.manual_seed(0)
    net, x = CharacterTransformer(20), torch.randint(0, 20, (1, CONTEXT))
    other = x.clone()
    other[0, 9] = (x[0, 9] + 1) % 20
    same = (net(x) == net(other)).all(-1)[0]
    assert same[:9].all() and not same[9:].any()
