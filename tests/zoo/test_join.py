import json
import shutil

import pytest
import torch

from weightspace.zoo import build_zoo, describe_zoo, merge_zoos, plot_zoo, verify_zoo


@pytest.fixture(scope="module")
def short(recipe, tmp_path_factory):
    return build_zoo(recipe, tmp_path_factory.mktemp("zoo") / "short", workers=1, progress=False, nets=6)


def test_merged_zoos_keep_everything_apart(zoo, short, tmp_path):
    merged = merge_zoos([zoo.path, short.path], tmp_path / "both")
    assert len(merged) == 36 + 18 and len(merged.final()) == 18
    assert merged.table["net"].to_pylist()[36:] == [net + 12 for net in short.table["net"].to_pylist()]
    assert len(set(merged.table["source"].to_pylist())) == 2
    for i, (part, k) in ((3, (zoo, 3)), (40, (short, 4))):
        for name, tensor in part[k][0].items():
            assert torch.equal(merged[i][0][name], tensor)
    assert verify_zoo(merged.path, sample=4).sound
    assert (merged.path / "sources" / "0-tiny.toml").read_text() == zoo.recipe.text


def test_what_cannot_be_merged_is_refused(zoo, tmp_path):
    with pytest.raises(ValueError, match=r"merging needs at least two zoos, got 1"):
        merge_zoos([zoo.path], tmp_path / "one")
    (tmp_path / "a.txt").write_text("a")
    with pytest.raises(ValueError, match=r"is not empty; choose another folder"):
        merge_zoos([zoo.path, zoo.path], tmp_path)


def test_a_description_is_json_and_adds_up(zoo):
    described = json.loads(json.dumps(describe_zoo(zoo)))
    assert described["nets"] == 12 == sum(described["splits"].values())
    assert sum(space["nets"] for space in described["spaces"].values()) == 12
    assert all(space["parameters"] == 8 * 64 + 8 + 80 + 10 for space in described["spaces"].values())
    low, median, high = described["metrics"]["test_accuracy"]
    assert 0 <= low <= median <= high <= 1
    assert described["hyperparameters"]["activation"] == ["relu", "tanh"]


def test_figures_are_written(zoo, tmp_path):
    written = plot_zoo(zoo, tmp_path / "figures")
    assert [path.name for path in written] == ["metrics.png", "hyperparameters.png", "curves.png"]
    assert all(path.read_bytes()[:4] == b"\x89PNG" for path in written)


@pytest.mark.parametrize("name", ["x/../../../escaped", "../../escaped", "a\x00b", "n" * 400, "\x1b[31mred"])
def test_a_name_in_a_manifest_does_not_lead_outside(zoo, tmp_path, name):
    shutil.copytree(zoo.path, tmp_path / "a" / "evil")
    manifest = json.loads((tmp_path / "a" / "evil" / "manifest.json").read_text())
    (tmp_path / "a" / "evil" / "manifest.json").write_text(json.dumps(manifest | {"name": name}))
    merge_zoos([tmp_path / "a" / "evil", zoo.path], tmp_path / "a" / "merged")
    assert not list(tmp_path.glob("escaped*")) and not list((tmp_path / "a").glob("escaped*"))
    first, second = sorted(path.name for path in (tmp_path / "a" / "merged" / "sources").iterdir())
    assert first.startswith("0-") and first.isprintable() and len(first) < 70 and second == "1-tiny.toml"


@pytest.mark.parametrize("file", ["shards/00001.safetensors", "recipe.toml"])
def test_a_file_of_another_size_is_not_copied(zoo, tmp_path, file):
    shutil.copytree(zoo.path, tmp_path / "huge")
    with open(tmp_path / "huge" / file, "r+b") as opened:
        opened.truncate(20 << 30)  # sparse: it takes no room
    with pytest.raises(ValueError, match=rf"{file} must have [\d,]+ bytes, as its manifest says, got 21,474,836,480"):
        merge_zoos([zoo.path, tmp_path / "huge"], tmp_path / "merged")
