"""`scripts/gpu/run --small`: every stage runs, what is done isn't run again, and what fails is said."""

import json
import subprocess
from pathlib import Path

import pytest
import torch

ROOT = Path(__file__).parents[2]
STAGES = ("tests", "building", "metanets", "results", "generators")


def run(*flags):
    return subprocess.run(
        [ROOT / "scripts" / "gpu" / "run", *flags], capture_output=True, text=True, cwd=ROOT, timeout=900
    )


@pytest.mark.slow
def test_all_stages_run_small_and_only_once(tmp_path):
    done = run("--small", "--out", str(tmp_path))
    assert done.returncode == 0, done.stdout + done.stderr + (tmp_path / "tests.log").read_text()
    results = {name: json.loads((tmp_path / f"{name}.json").read_text()) for name in STAGES}
    assert {result["status"] for result in results.values()} == {"ok"}
    cases = {row["case"]: row for row in results["building"]["rows"]}
    assert set(cases) == {"SIREN 28x28", "CNN 28x28", "CNN-S 28x28", "builder, SIREN 28x28", "builder, CNN 28x28"}
    assert all(cases[name]["floor_H200_ms"] > 0 for name in cases if not name.startswith("builder"))
    assert {row["metanet"] for row in results["metanets"]["rows"]} == {
        "SpaceNet", "UNF", "SpaceNet, plain", "UNF, plain",
    }  # fmt: skip
    assert all(row["kernels"] > 0 and row["ms"] > 0 for row in results["metanets"]["rows"])
    assert [row["script"] for row in results["results"]["rows"]] == ["train_predictor.py", "train_editor.py"]
    assert [(row["generator"], row["what"]) for row in results["generators"]["rows"]] == [
        ("Refiner", "training step"), ("Refiner", "writing"), ("Flow", "training step"), ("Flow", "writing"),
    ]  # fmt: skip
    assert {"building-siren", "building-cnn", "metanets-spacenet", "generators-flow"} <= {
        path.name.removesuffix(".profile.txt") for path in tmp_path.glob("*.profile.txt")
    }
    (tmp_path / "metanets.json").write_text(json.dumps(results["metanets"] | {"status": "ended with 1"}))
    kept = (tmp_path / "building.json").stat().st_mtime_ns
    again = run("--small", "--out", str(tmp_path))
    assert again.returncode == 0
    assert (tmp_path / "building.json").stat().st_mtime_ns == kept
    assert json.loads((tmp_path / "metanets.json").read_text())["rows"] == results["metanets"]["rows"]


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_without_a_card_it_says_so_and_runs_nothing(tmp_path):
    done = run("--out", str(tmp_path / "out"))
    assert done.returncode == 2
    assert "sees no CUDA device; --small runs the stages" in done.stderr
    assert not (tmp_path / "out").exists()


def test_stages_are_named():
    done = run("--stages", "nothing")
    assert done.returncode == 2
    assert all(name in done.stderr for name in STAGES)
