"""Trackers get the numbers of the log; one that isn't installed is named before anything is trained."""

import json
import sys
from dataclasses import replace
from importlib.util import find_spec

import accelerate.tracking
import pytest
from accelerate.utils import LoggerType

from tests.tasks.training.problem import CONFIG, Problem
from weightspace.tasks.training.log import read_log
from weightspace.tasks.training.trackers import open_trackers

FAKE = '''
"""Stands for the tracker of this name: writes down what it is told."""
import json, pathlib
class Run:
    def __init__(self, **given): self.lines = [given]
    def log(self, values, step=None): self.lines.append({"step": step, **values})
    def finish(self): pathlib.Path(__file__).with_name("told.json").write_text(json.dumps(self.lines))
class Settings:
    def update(self, values, allow_val_change): run.lines.append(values)
config = Settings()
def init(**given):
    global run
    run = Run(**given)
    return run
'''


@pytest.fixture
def trackio(tmp_path, monkeypatch):
    """A package called trackio, and where it writes; accelerate has looked for trackers when it was imported."""
    (tmp_path / "site" / "trackio").mkdir(parents=True)
    (tmp_path / "site" / "trackio" / "__init__.py").write_text(FAKE)
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    monkeypatch.delitem(sys.modules, "trackio", raising=False)
    monkeypatch.setattr(accelerate.tracking, "get_available_trackers", lambda: [LoggerType.TRACKIO])
    return tmp_path / "site" / "trackio" / "told.json"


def test_a_tracker_is_told_what_the_log_holds(tmp_path, trackio):
    problem = Problem(replace(CONFIG, trackers=("trackio",)))
    problem.run(tmp_path / "run")
    start, config, *told = json.loads(trackio.read_text())
    assert start == {"project": "weightspace", "name": "training"}
    assert (config["steps"], config["trackers"]) == (60, "('trackio',)")
    assert told == list(read_log(tmp_path / "run" / "train.jsonl"))


def test_watching_does_not_make_it_another_run(tmp_path, trackio):
    Problem().run(tmp_path / "run")
    watched = Problem(replace(CONFIG, trackers=("trackio",)))
    watched.run(tmp_path / "run")
    assert watched.seen == 0


def test_a_tracker_that_is_not_installed_is_named(tmp_path):
    missing = [name for name in ("wandb", "trackio") if find_spec(name) is None]
    if not missing:
        pytest.skip("all trackers are installed here")
    problem = Problem(replace(CONFIG, trackers=tuple(missing)))
    with pytest.raises(ValueError, match=rf"{' and '.join(missing)} must be installed .*weightspace\[track\]"):
        problem.run(tmp_path)
    assert problem.seen == 0


def test_without_trackers_nothing_is_sent(tmp_path):
    with open_trackers((), tmp_path, "training", {}) as track:
        assert track({"train": 1.0}, 1) is None
    assert not list(tmp_path.iterdir())
