import json

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from weightspace import load_metanet
from weightspace.tasks.prediction.files import predict_files
from weightspace.tasks.quickstart.quickstart import QuickstartConfig, run_quickstart
from weightspace.tasks.training.log import read_log

METHODS = [
    "metanet on weights",
    "perceptron on flat weights",
    "boosting on layer statistics",
    "boosting on hyperparameters",
]


def test_result_holds_every_method_label_and_measure(tiny_quickstart):
    _, result = tiny_quickstart
    assert list(result["scores"]) == METHODS
    for labels in result["scores"].values():
        assert list(labels) == ["test_accuracy", "gap"]
        for cell in labels.values():
            assert set(cell) == {"tau", "r2", "mae", "tau_ceiling", "nets"}
            assert -1 <= cell["tau"] <= cell["tau_ceiling"] <= 1
            assert cell["nets"] == result["nets"]["test"]
    assert sum(result["nets"].values()) == 24
    assert list(result["seconds"]) == ["build", "read", "graphs", "metanet", "baselines", "checkpoint", "figure"]


def test_files(tiny_quickstart):
    out, result = tiny_quickstart
    assert json.loads((out / "table.json").read_text()) == result
    table = (out / "table.md").read_text()
    assert all(method in table for method in METHODS)
    assert (out / "predictions.png").read_bytes().startswith(b"\x89PNG")
    assert (out / "zoo" / "manifest.json").exists()
    assert [line["step"] for line in read_log(out / "training" / "metanet" / "train.jsonl")] == [10]


def test_loaded_metanet_gives_the_reported_prediction_and_is_blind_to_permutation(tiny_quickstart):
    out, result = tiny_quickstart
    shown = result["checkpoint"]
    files = [out / name for name in shown["files"]]
    own, permuted = predict_files(load_metanet(out / "metanet"), files).values()
    assert own == shown["predicted"]
    assert permuted == pytest.approx(own, abs=1e-5)
    before, after = (load_file(path) for path in files)
    assert shown["largest_change_of_a_weight"] > 0.01
    assert any(not torch.equal(before[name], after[name]) for name in before)


def test_called_again_it_only_reads(tiny_quickstart, tiny_recipe):
    out, result = tiny_quickstart
    kept = {path: path.stat().st_mtime_ns for path in out.rglob("*.safetensors") if "training" in path.parts}
    kept |= {path: path.stat().st_mtime_ns for path in (out / "zoo").rglob("*") if path.is_file()}
    assert len(kept) > 5
    said = []
    config = QuickstartConfig(recipe=str(tiny_recipe), out=str(out), workers=1, steps=10, flat_steps=10)
    again = run_quickstart(config, say=said.append, progress=False)
    assert {path: path.stat().st_mtime_ns for path in kept} == kept
    assert again["scores"] == result["scores"]
    assert again["seconds"] == result["seconds"]
    assert sum(message[0] in "1234567" for message in said) == 7


def test_other_settings_in_the_same_folder_are_refused(tiny_quickstart, tiny_recipe):
    out, _ = tiny_quickstart
    with pytest.raises(ValueError, match="another model or configuration"):
        run_quickstart(QuickstartConfig(recipe=str(tiny_recipe), out=str(out), workers=1, steps=11), progress=False)


def test_its_metanet_knows_its_data_and_warns_of_others(tiny_quickstart, tmp_path):
    out, _ = tiny_quickstart
    net = load_file(out / "checkpoint.safetensors")
    with safe_open(out / "checkpoint.safetensors", framework="pt") as file:
        note = file.metadata()
    save_file(net, tmp_path / "net.safetensors", metadata=note | {"data": '{"name": "mnist"}'})
    warnings = []
    assert predict_files(load_metanet(out / "metanet"), [tmp_path / "net.safetensors"], warn=warnings.append)
    assert "data.name is mnist here and was digits in training" in warnings[0]


def test_unknown_metanet():
    with pytest.raises(ValueError, match=r"metanet must be one of SpaceNet.*got 'nonet'"):
        QuickstartConfig(metanet="nonet")
