"""Protocols end to end on a tiny zoo: jobs, result files, skipping, obstacles, scores."""

from dataclasses import replace

import pytest
import torch

from weightspace import Recipe, build_zoo
from weightspace.tasks.comparison.jobs.job import run_jobs
from weightspace.tasks.comparison.jobs.method import METHODS
from weightspace.tasks.comparison.jobs.predictionjob import PredictionJob, judge, prediction_jobs, split_of
from weightspace.tasks.comparison.jobs.protocol import PROTOCOLS, Protocol
from weightspace.tasks.comparison.jobs.result import read_results
from weightspace.tasks.comparison.jobs.splits import accuracy_and_gap, inr_class, limits
from weightspace.tasks.comparison.jobs.workspace import Workspace, ZooSource
from weightspace.tasks.labelled.labellednets import LabelledNets
from weightspace.tasks.labelled.labelledsplit import LabelledSplit
from weightspace.tasks.prediction.methodrun import MethodRun, Predictions
from weightspace.tasks.training.train import TrainConfig

INRS = """
name = "tiny-inrs"
nets = 90

[data]
name = "digits"

[net]
name = "siren"
hidden = [4]
w0 = 10.0
w0_hidden = 10.0

[train]
lr = 5e-3
steps = 5

[fit]
views = 2

[split]
val = 0.3
test = 0.3
"""


@pytest.fixture(scope="module")
def inr_zoo(tmp_path_factory):
    return build_zoo(Recipe.from_toml(INRS), tmp_path_factory.mktemp("zoos") / "inrs", workers=1, progress=False)


@pytest.fixture
def workspace(tmp_path, tiny_zoo, tiny_recipe, monkeypatch):
    """Folders, with a protocol "tiny" on the zoo that all tests share."""
    protocol = Protocol("Tiny", {"S": ZooSource(str(tiny_recipe))}, accuracy_and_gap, {"S": TrainConfig(steps=2)})
    monkeypatch.setitem(PROTOCOLS, "tiny", protocol)
    (tmp_path / "zoos").mkdir()
    (tmp_path / "zoos" / "tiny").symlink_to(tiny_zoo.path)
    split_of.cache_clear()
    yield Workspace(str(tmp_path / "zoos"), str(tmp_path / "results"), str(tmp_path / "runs"))
    split_of.cache_clear()


def test_the_zoo_that_is_there_is_taken(workspace, tiny_zoo):
    assert PredictionJob("tiny", "S", "", 0).source.open(workspace).path.resolve() == tiny_zoo.path.resolve()
    with pytest.raises(ValueError, match="tier must be one of S for tiny, got 'L'"):
        PredictionJob("tiny", "L", "", 0).source.open(workspace)


def test_jobs_go_seed_by_seed_and_leave_out_what_cannot_take_the_problem(workspace):
    jobs, obstacles = prediction_jobs("tiny", "S", workspace, ["FlatMLP", "boosting on statistics", "DWSNet"], (3, 4))
    assert [(job.method, job.seed) for job in jobs] == [
        ("FlatMLP", 3),
        ("boosting on statistics", 3),
        ("FlatMLP", 4),
    ]
    assert obstacles == {"DWSNet": "takes perceptrons only"}
    with pytest.raises(ValueError, match=r"methods must be among SpaceNet.*got NoNet"):
        prediction_jobs("tiny", "S", workspace, ["NoNet"])


def test_results_are_written_once(workspace, monkeypatch):
    jobs, _ = prediction_jobs("tiny", "S", workspace, ["FlatMLP", "boosting on hyperparameters"], (0,))
    said = []
    made = list(run_jobs(jobs, workspace, say=said.append))
    assert said[0] == "0 of 2 results are there, 2 to make"
    result = made[0]
    assert list(read_results(workspace.results)) == made
    assert (result.method, result.tier, result.reads, result.parameters > 1000) == (
        "FlatMLP",
        "S",
        "flat weights",
        True,
    )
    assert set(result.scores) == {"test_accuracy", "gap"}
    assert result.command.endswith('tiny --tier S --methods "FlatMLP" --seeds 0')
    assert len(result.details["calibration"]["gap"]["true"]) == result.nets["test"]
    assert list(run_jobs(jobs, workspace)) == []
    monkeypatch.setitem(PROTOCOLS, "tiny", replace(PROTOCOLS["tiny"], training={"S": TrainConfig(steps=3)}))
    assert not jobs[0].is_done(workspace)


def test_side_by_side_a_failure_does_not_stop_the_others(workspace, monkeypatch):
    import concurrent.futures

    monkeypatch.setattr(
        concurrent.futures, "ProcessPoolExecutor", lambda n, mp_context: concurrent.futures.ThreadPoolExecutor(1)
    )
    broken = replace(METHODS["StatNet"], run=lambda split, run: 1 / 0)
    monkeypatch.setitem(METHODS, "StatNet", broken)
    jobs, _ = prediction_jobs("tiny", "S", workspace, ["StatNet", "boosting on hyperparameters"], (0,))
    made = []
    with pytest.raises(RuntimeError, match=r"1 of 2 runs failed:\n.*StatNet, seed 0: division by zero"):
        made.extend(run_jobs(jobs, workspace, workers=2))
    assert jobs[1].is_done(workspace)


def test_every_method_takes_inrs_or_says_why_not(inr_zoo):
    split = inr_class(inr_zoo)
    assert split.train.classes == tuple("0123456789")
    assert sum(len(nets) for nets in split.parts.values()) == 90
    obstacles = {name: method.obstacle(split) for name, method in METHODS.items()}
    assert {name for name, obstacle in obstacles.items() if obstacle} == {
        "boosting on hyperparameters",
        "boosting on statistics and hyperparameters",
        "extrapolated learning curve",
        "boosting on learning curve",
        "boosting on learning curve and hyperparameters",
        "lowest loss",
    }


def test_views_of_an_image_are_in_one_part(inr_zoo):
    parts = inr_class(inr_zoo).parts
    runs = [{row["run"] for row in nets.rows} for nets in parts.values()]
    assert not (runs[0] & runs[1] or runs[0] & runs[2] or runs[1] & runs[2])


@pytest.mark.parametrize("name", ["classifier of renders", "ProbeNet", "FlatMLP, permuted while training"])
def test_classifiers_give_chances(name, inr_zoo, tmp_path):
    split = inr_class(inr_zoo)
    training = TrainConfig(steps=2, batch_size=8)
    run = MethodRun(training, tmp_path, {"width": 4})
    predictions = METHODS[name].run(split, run)
    chances = predictions.of_part["test"].exp()
    torch.testing.assert_close(chances.sum(1), torch.ones(len(split.parts["test"])))
    assert predictions.parameters > 0
    scores, details = judge(split, predictions)
    assert scores["label"]["nets"] == len(split.parts["test"])
    assert set(details["calibration"]["label"]) == {"predicted", "true", "spread"}


def test_several_parts_are_columns_of_their_own(tiny_zoo):
    split = accuracy_and_gap(tiny_zoo)
    parts = {"train": split.train, "val": split.val, "a": split.parts["test"], "b": split.val}
    perfect = Predictions({name: parts[name].labels for name in ("a", "b")})
    scores, _ = judge(LabelledSplit(parts), perfect)
    assert set(scores) == {"a: test_accuracy", "a: gap", "b: test_accuracy", "b: gap"}
    assert scores["a: gap"]["r2"] == 1


def test_a_problem_without_nets_to_judge(tiny_zoo):
    with pytest.raises(ValueError, match="nets to train, to val and to judge on, got train"):
        LabelledSplit({"train": accuracy_and_gap(tiny_zoo).train})


def test_a_hyperparameter_is_not_predicted_from_itself(tiny_zoo):
    parts = {name: LabelledNets.from_zoo(tiny_zoo.split(name), ["lr"]) for name in ("train", "val", "test")}
    assert set(LabelledSplit(parts).hyperparameters) == {"activation", "optimizer", "fraction"}


def test_limits_are_medians_of_distinct_shapes():
    shapes = [(4, 4)] * 90 + [(4, 8), (8, 8), (4, 4, 4), (16, 16), (4, 4, 4, 4)]
    assert limits(shapes) == (4, 2)


def test_the_command_of_a_job():
    command = PredictionJob("cnn", "M", "SpaceNet, weights only", 1).command
    assert command == 'python scripts/train_predictor.py cnn --tier M --methods "SpaceNet, weights only" --seeds 1'
