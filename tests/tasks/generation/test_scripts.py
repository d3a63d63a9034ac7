"""The scripts of generation run whole on tiny zoos: they end, and leave what they promise."""

import json
import runpy
import sys
from pathlib import Path

import pytest
import torch

from weightspace import Recipe, build_zoo, load_metanet

SCRIPTS = Path(__file__).parents[3] / "scripts"


@pytest.fixture
def run(monkeypatch, capsys):
    """Runs a script with flags on one thread, and gives what it printed."""
    threads = torch.get_num_threads()

    def run(name, *flags):
        monkeypatch.setattr(sys, "argv", [str(SCRIPTS / name), *map(str, flags)])
        runpy.run_path(str(SCRIPTS / name), run_name="__main__")
        return capsys.readouterr().out

    yield run
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def zoo(tmp_path_factory):
    """Nets that are all in reach of a low stage."""
    text = Recipe.load("digits-cnn").text.replace("steps = 200", "steps = 3").replace('["relu", "tanh"]', '"relu"')
    return build_zoo(Recipe.from_toml(text), tmp_path_factory.mktemp("zoo"), nets=140, workers=1, progress=False)


def lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_compare_starts(run, tmp_path):
    run(
        "compare_starts.py", "--recipe", "digits-cnn", "--out", tmp_path, "--starts", "He", "ZerO", "--nets", 1,
        "--epochs", 1, "--generators", "digits-initializer", "--learning-seconds", 9,
    )  # fmt: skip
    found = {line["start"]: line for line in lines(tmp_path / "results.jsonl")}
    assert list(found) == ["He", "ZerO", "digits-initializer"] and all(len(x["curve"]) == 2 for x in found.values())
    assert found["digits-initializer"]["curve"][0] > found["He"]["curve"][0] + 0.2
    assert found["digits-initializer"]["nets_to_break_even"] > 0 and found["He"]["epochs_to_90"] <= 1


def test_train_start(run, tmp_path):
    run(
        "train_start.py", "--recipe", "digits-inr", "--out", tmp_path, "--train.steps", 2, "--train.batch", 4,
        "--horizon", 4, "--reptile-steps", 1, "--nets", 4, 6, "--transformers", 8,
    )  # fmt: skip
    found = {line["start"]: line for line in lines(tmp_path / "results.jsonl")}
    *plain, read = list(found)
    assert plain == ["SIREN", "SIREN x 2.5", "Reptile", "Meta-SGD's start, Adam", "Meta-SGD, then Adam"]
    assert read == "transformer from patches, 3,710 parameters, then Adam"
    assert all(set(line["psnr"]) == {"0", "1", "3"} for line in found.values())
    assert (tmp_path / "steps.png").exists()
    assert load_metanet(tmp_path / "start").config.steps == 3


def test_observe_start(run, tmp_path):
    run(
        "observe_start.py", "--recipe", "digits-inr", "--out", tmp_path, "--train.steps", 2, "--train.batch", 4,
        "--nets", 3, 4, "--given", 4, 8,
    )  # fmt: skip
    found = lines(tmp_path / "results.jsonl")
    assert len({line["way"] for line in found}) == 6 and [line["given"] for line in found] == [4] * 6 + [8] * 6
    assert all(0 < line["psnr"] < 120 for line in found) and (tmp_path / "observed-8.png").exists()
    assert load_metanet(tmp_path / "start").config.steps == 3


def test_a_flow_is_trained_and_judged_beside_its_rivals(run, zoo, tmp_path):
    run(
        "train_generator.py", "--zoo", zoo.path, "--out", tmp_path / "flow", "--least", 0.0, "--width", 8,
        "--layers", 1, "--train.steps", 2, "--train.check", 1, "--train.batch", 4,
    )  # fmt: skip
    said = run(
        "evaluate_generator.py", "--zoo", zoo.path, "--out", tmp_path, "--least", 0.0, "--samples", 16, "--seeds", 1,
        "--generators", tmp_path / "flow", "--rivals", "retrieval", "--curves", 1, "--told-steps", 2,
    )  # fmt: skip
    run("train_generator.py", "--zoo", zoo.path, "--out", tmp_path / "stopped", "--kind", "stopped", "--steps", 3)
    assert load_metanet(tmp_path / "stopped").config.examples == 1000
    assert "envelope of the rivals" in said
    found = {line["generator"]: line for line in lines(tmp_path / "results.jsonl")}
    assert list(found) == ["held-out trainings", "retrieval", "flow", "envelope of the rivals"]
    assert "Trivial rivals" in found["envelope of the rivals"]["room"] and found["flow"]["team_of_16"] < 1
    run(
        "evaluate_generator.py", "--zoo", zoo.path, "--out", tmp_path, "--least", 0.0, "--samples", 16, "--seeds", 1,
        "--rivals", "--generators", "digits-initializer", "--told-steps", 2,
    )  # fmt: skip
    more = {line["generator"]: line for line in lines(tmp_path / "results.jsonl")}
    assert {"digits-initializer", "He, finished as digits-initializer"} <= set(more) and "retrieval" in more
    assert "copies" in found["retrieval"]["called"] and found["retrieval"]["share"]["0.1"] == 0
    assert found["held-out trainings"]["called"] == []
    assert set(found["flow"]["response"]["accuracy"]) == {"rank", "slope"}
    assert 0 <= found["flow"]["apart_from_trainings"] <= 1
    assert found["flow"]["velocity"] > 0 and found["retrieval"]["velocity"] is None
    assert set(found["flow"]["tensor_sizes"]) == set(load_metanet(tmp_path / "flow").config.spaces[0].tensors)
    curves = json.loads((tmp_path / "curves.json").read_text())
    assert set(curves) == {"He", "held-out trainings", "flow"} and all(len(curve) == 2 for curve in curves.values())
    assert (tmp_path / "novelty.png").exists()


def test_a_last_layer_for_every_input_is_compared_with_ensembles(run, zoo, tmp_path):
    run(
        "train_per_input.py", "--zoo", zoo.path, "--out", tmp_path, "--nets", 1, "--samples", 2, "--width", 8,
        "--train.steps", 2, "--train.check", 1, "--train.batch", 4,
    )  # fmt: skip
    found = {line["way"]: line for line in lines(tmp_path / "results.jsonl")}
    ways = ["plain net", "one layer an input", "2 layers an input", "2 layers of other inputs", "2 nets"]
    assert list(found) == ways and all(0 <= line["accuracy"] <= 1 and line["loss"] > 0 for line in found.values())
