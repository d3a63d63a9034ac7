"""The scripts that people start from, run whole on tiny zoos: they end, and leave what they promise."""

import json
import re
import runpy
import sys
from pathlib import Path

import pytest

from tests.inr.inrs import DIGITS, build
from weightspace import Recipe, build_zoo
from weightspace.tasks.comparison.jobs.protocol import PROTOCOLS, Protocol
from weightspace.tasks.comparison.jobs.splits import accuracy_and_gap
from weightspace.tasks.comparison.jobs.workspace import ZooSource
from weightspace.tasks.training.trainconfig import TrainConfig

SCRIPTS = Path(__file__).parents[2] / "scripts"
SHORT = ["--train.steps", "2", "--train.batch-size", "8"]


@pytest.fixture
def run(monkeypatch, capsys):
    """Runs a script with flags, and gives what it printed."""

    def run(name, *flags):
        monkeypatch.setattr(sys, "argv", [str(SCRIPTS / name), *map(str, flags)])
        runpy.run_path(str(SCRIPTS / name), run_name="__main__")
        return capsys.readouterr().out

    return run


def test_train_predictor_on_a_zoo(run, tiny_zoo, tmp_path):
    said = run("train_predictor.py", "zoo", "--zoo", tiny_zoo.path, "--out", tmp_path, *SHORT)
    assert "train 15, val 7, test 2 nets" in said
    rows = [line.split("|")[1].strip() for line in (tmp_path / "table.md").read_text().splitlines()]
    assert rows[2:] == ["SpaceNet", "FlatMLP", "boosting on statistics", "boosting on hyperparameters"]
    assert (tmp_path / "metanet" / "model.safetensors").exists()


def test_train_predictor_without_baselines(run, tiny_zoo, tmp_path):
    flags = ["--zoo", tiny_zoo.path, "--out", tmp_path, "--metanet", "StatNet"]
    run("train_predictor.py", "zoo", *flags, *SHORT, "--baselines")
    rows = [line.split("|")[1].strip() for line in (tmp_path / "table.md").read_text().splitlines()]
    assert rows[2:] == ["StatNet"]


def test_search_settings(run, tiny_zoo, tiny_recipe, tmp_path, monkeypatch):
    question = Protocol("Tiny", {"S": ZooSource(str(tiny_recipe))}, accuracy_and_gap, {"S": TrainConfig(steps=2)})
    monkeypatch.setitem(PROTOCOLS, "tiny", question)
    (tmp_path / "tiny").symlink_to(tiny_zoo.path)
    flags = ["--zoos", tmp_path, "--results", tmp_path / "trials", "--runs", tmp_path / "runs", "--workers", "1"]
    said = run("search_settings.py", "tiny", "--methods", "StatNet", "DWSNet", "--trials", "2", *flags)
    assert "without DWSNet: takes perceptrons only" in said and "0 of 2 results are there, 2 to make" in said
    assert said.splitlines()[-1].startswith("| StatNet | ")
    assert "2 of 2 results are there" in run(
        "search_settings.py", "tiny", "--methods", "StatNet", "--trials", "2", *flags
    )


def test_train_editor_then_tables(run, tmp_path):
    zoo = build(DIGITS, tmp_path / "inr")
    flags = ["--zoo", zoo.path, "--out", tmp_path / "out", "--results", tmp_path / "results", "--edit", "dilate"]
    said = run("train_editor.py", *flags, "--width", "8", "--layers", "1", "--probes", "4", "--refits", "1", *SHORT)
    assert "| dilate | SpaceNet |" in said
    assert "| dilate | refit, 1 steps |" in said
    made = {path.name for path in (tmp_path / "out").iterdir()}
    assert {"metanet", "table.json", "dilate.png", "example.safetensors"} <= made
    scores = json.loads((tmp_path / "out" / "table.json").read_text())["scores"]["dilate"]
    assert scores["refit, 1 steps"]["mse"] < scores["nothing"]["mse"]

    run("tables.py", "--results", tmp_path / "results", "--out", tmp_path / "RESULTS.md")
    table = (tmp_path / "RESULTS.md").read_text(encoding="utf-8")
    assert "### Editing implicit representations, dilate (edit-dilate, tier S)" in table
    assert "| SpaceNet, weights and gradient and readout | weights and gradient and readout |" in table


@pytest.mark.parametrize(
    "words", ["train_editor.py", "train_predictor.py zoo", "compare_editors.py", "tables.py", "search_settings.py"]
)
def test_every_flag_has_a_text_of_its_own(words, monkeypatch, capsys):
    script, *rest = words.split()
    monkeypatch.setenv("COLUMNS", "400")
    monkeypatch.setattr(sys, "argv", [str(SCRIPTS / script), *rest, "--help"])
    with pytest.raises(SystemExit):
        runpy.run_path(str(SCRIPTS / script), run_name="__main__")
    parts = re.split(r"\n\s*(?=--)", re.sub("[│╭╮╰╯─|+]|-{3,}", " ", capsys.readouterr().out))[1:]
    texts = {part.split()[0].rstrip(","): " ".join(part.split()) for part in parts}
    names = "|".join(flag.rsplit(".", 1)[-1].lstrip("-") for flag in texts)
    assert len(texts) > 2
    for text in texts.values():
        said = re.sub(r"^(--\S+ )+(\[?[A-Z]+ )?(\[[A-Z]+ \.\.\.\]\] )?", "", text)
        assert re.match(r"\S.*\w{3}.* \((default|required)", said), text
        assert not said.startswith("(default"), text
        assert not re.search(rf"\. ({names}): ", said), text


@pytest.mark.slow
def test_train_forecaster(run, tmp_path):
    flags = [
        "--nets",
        "10",
        "--forecast.steps",
        "3",
        "--steps",
        "60",
        "--seeds",
        "1",
        "--rates",
        "3e-3",
        "--aheads",
        "50",
        "--shapes",
        "wider",
    ]
    run("train_forecaster.py", "--out", tmp_path, *flags)
    lines = [json.loads(line) for line in (tmp_path / "results.jsonl").read_text().splitlines()]
    assert len(lines) == 7 and {line["net"] for line in lines} == {"wider"}
    assert all(line["jumps"] for line in lines if "nowcasting" in line["row"])
    assert (tmp_path / "forecaster" / "model.safetensors").exists()


@pytest.mark.slow
def test_self_tune(run, tmp_path):
    flags = ["--seeds", "1", "--steps", "20", "--tuning-steps", "120", "--runs", "3", "--out", tmp_path / "lines.jsonl"]
    said = run("self_tune.py", "--net", "cnn", *flags)
    assert "self-tuning: val" in said and "random search: val" in said
    ways = [json.loads(line)["way"] for line in (tmp_path / "lines.jsonl").read_text().splitlines()]
    assert ways == ["self-tuning", "random search"]


@pytest.mark.slow
def test_optimizers_race_and_what_is_there_isnt_run_again(run, tmp_path):
    flags = ["--tasks", "siren", "--optimizers", "AdamW", "ours", "--steps", "20", "--out", tmp_path / "lines.jsonl"]
    first, again = run("bench/bench_optimizers.py", *flags), run("bench/bench_optimizers.py", *flags)
    assert "| AdamW | 1.00 | 1.00 |" in first and "| ours |" in first
    assert "digits-siren        ours" in first and "digits-siren        ours" not in again
    assert len((tmp_path / "lines.jsonl").read_text().splitlines()) == 2


@pytest.mark.slow
def test_learn_continually_and_what_is_there_isnt_run_again(run, tmp_path):
    flags = ["--steps", "3", "--hidden", "8", "--entries", "100", "--width", "8", "--out", tmp_path / "lines.jsonl"]
    first, again = run("learn_continually.py", *flags), run("learn_continually.py", *flags)
    assert first == again and "| split-digits | one net, all tasks at once | " in first
    assert len((tmp_path / "lines.jsonl").read_text().splitlines()) == 5


@pytest.mark.slow
def test_embed_architectures(run, tiny_recipe, tmp_path):
    choices = "{ choices = [[3, 3], [4, 4], [3, 4], [4, 3], [5, 3], [3, 5]] }"
    text = re.sub(r"channels = .*", f'channels = {choices}\nnorm = ["none", "batch"]', tiny_recipe.read_text())
    (tmp_path / "park.toml").write_text(text)
    zoo = build_zoo(Recipe.load(tmp_path / "park.toml"), tmp_path / "zoo", workers=1, progress=False)
    flags = ["--seeds", "1", "--draws", "1", "--after", "2", "3", "--inits", "2", "--steps", "2", "--columns", "4"]
    said = run("embed_architectures.py", "--zoo", zoo.path, *flags, "--out", tmp_path / "lines.jsonl")
    assert "architectures, mean accuracy" in said and "| contrastive | " in said and "norm=batch, alone" in said
    lines = [json.loads(line) for line in (tmp_path / "lines.jsonl").read_text().splitlines()]
    assert [line["vector"] for line in lines][-1] == "random search" and len(lines) == 6
