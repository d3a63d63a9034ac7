"""The search for settings: trials are drawn once and for all, judged on validation nets, and the best one is used."""

from dataclasses import replace

import pytest

from weightspace.tasks.comparison.jobs import setup
from weightspace.tasks.comparison.jobs.job import run_jobs
from weightspace.tasks.comparison.jobs.method import METHODS
from weightspace.tasks.comparison.jobs.predictionjob import PredictionJob, split_of
from weightspace.tasks.comparison.jobs.protocol import PROTOCOLS, Protocol
from weightspace.tasks.comparison.jobs.setup import keep_tuned, tuned_setup, usual_setup
from weightspace.tasks.comparison.jobs.splits import accuracy_and_gap
from weightspace.tasks.comparison.jobs.trialjob import SETTINGS, TrialJob, best_trials, goodness, trial_jobs
from weightspace.tasks.comparison.jobs.workspace import Workspace, ZooSource
from weightspace.tasks.training.train import TrainConfig


@pytest.fixture
def workspace(tmp_path, tiny_zoo, tiny_recipe, monkeypatch):
    protocol = Protocol("Tiny", {"S": ZooSource(str(tiny_recipe))}, accuracy_and_gap, {"S": TrainConfig(steps=2)})
    monkeypatch.setitem(PROTOCOLS, "tiny", protocol)
    monkeypatch.setattr(setup, "TUNED", tmp_path / "tuned.json")
    (tmp_path / "zoos").mkdir()
    (tmp_path / "zoos" / "tiny").symlink_to(tiny_zoo.path)
    for cache in (split_of, setup._tuned):
        cache.cache_clear()
    yield Workspace(str(tmp_path / "zoos"), str(tmp_path / "trials"), str(tmp_path / "runs"))
    for cache in (split_of, setup._tuned):
        cache.cache_clear()


def test_every_method_that_learns_by_steps_is_searched():
    assert {name for name, method in METHODS.items() if method.small} == set(SETTINGS)


def test_a_trial_draws_the_same_whenever_it_is_asked(workspace):
    first, again = (TrialJob("tiny", "S", "StatNet", 3) for _ in range(2))
    assert first.drawn == again.drawn and first.drawn["settings"]["width"] in SETTINGS["StatNet"]["width"]
    assert len({str(TrialJob("tiny", "S", "StatNet", number).drawn) for number in range(12)}) == 12
    assert TrialJob("tiny", "S", "StatNet", 0).setup == usual_setup("tiny", "S", "StatNet")


def test_trials_are_judged_on_validation_nets_and_the_best_one_is_used(workspace):
    jobs = trial_jobs("tiny", "S", ["FlatMLP", "StatNet"], 3)
    assert [(job.method, job.seed) for job in jobs[:3]] == [("FlatMLP", 0), ("StatNet", 0), ("FlatMLP", 1)]
    made = list(run_jobs(jobs, workspace))
    split = split_of("tiny", jobs[0].source, workspace)
    assert {result.nets["validation"] for result in made} == {len(split.val)} and "test" not in made[0].nets
    assert all(job.is_done(workspace) for job in jobs)
    best = best_trials(made)
    assert goodness(best["FlatMLP"]) == max(goodness(result) for result in made if result.method == "FlatMLP")
    before = PredictionJob("tiny", "S", "FlatMLP", 1).fingerprint
    keep_tuned("tiny", "S", {"FlatMLP": jobs[2].drawn})
    found = tuned_setup("tiny", "S", "FlatMLP", 1)
    assert found == replace(jobs[2].setup, training=replace(jobs[2].setup.training, seed=1))
    assert PredictionJob("tiny", "S", "FlatMLP", 1).fingerprint != before
    assert tuned_setup("tiny", "S", "StatNet") == usual_setup("tiny", "S", "StatNet")


def test_bad_input(workspace):
    with pytest.raises(ValueError, match=r"protocol must be one of .*tiny; got 'tny'"):
        trial_jobs("tny", "S", ["StatNet"], 2)
    with pytest.raises(ValueError, match=r"methods must be among SpaceNet.*got classifier of renders"):
        trial_jobs("tiny", "S", ["classifier of renders"], 2)
    with pytest.raises(ValueError, match="trials must be 1 or more, got 0"):
        trial_jobs("tiny", "S", ["StatNet"], 0)
