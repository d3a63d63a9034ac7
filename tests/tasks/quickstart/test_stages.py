"""How long stages took, over all runs."""

import json

import pytest

from weightspace.tasks.quickstart.stages import Stages


def test_what_was_finished_keeps_its_seconds_and_what_was_not_adds_up(tmp_path):
    said = []
    first = Stages(tmp_path / "run" / "stages.json", said.append)
    with first("build", "Building"):
        pass
    with pytest.raises(KeyboardInterrupt), first("train", "Training"):
        raise KeyboardInterrupt
    kept = json.loads((tmp_path / "run" / "stages.json").read_text())
    assert {name: stage["finished"] for name, stage in kept.items()} == {"build": True, "train": False}
    again = Stages(tmp_path / "run" / "stages.json", said.append)
    with again("build", "Building"), again("train", "Training"):
        pass
    assert again.seconds["build"] == kept["build"]["seconds"]
    assert again.seconds["train"] >= kept["train"]["seconds"]
    assert said[0] == "Building" and said.count("Training") == 2
