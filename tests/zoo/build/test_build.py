import json
import subprocess
import sys

import pytest
import torch

from weightspace.zoo import Recipe, Zoo, build_zoo
from weightspace.zoo.build.shards import build_shard

VOLATILE = ("seconds",)


def same(zoo, other):
    a, b = zoo.table.drop_columns(list(VOLATILE)), other.table.drop_columns(list(VOLATILE))
    return a.equals(b)


def test_a_zoo_holds_every_saved_state(zoo):
    assert len(zoo) == 36 and len(zoo.final()) == 12
    assert set(zoo.table["step"].to_pylist()) == {0, 6, 12}
    assert zoo.hyperparameters == ["activation", "optimizer", "lr", "dropout", "label_noise", "fraction"]
    assert {len(part) for part in zoo.by_space().values()} != {36}


def test_two_workers_build_the_same_zoo(recipe, zoo, tmp_path):
    other = build_zoo(recipe, tmp_path / "other", workers=2, progress=False)
    assert same(zoo, other)
    assert zoo.table["checksum"].equals(other.table["checksum"])


def test_a_stopped_build_goes_on(recipe, zoo, tmp_path, monkeypatch):
    def stop(recipe, shard, out, done):
        if shard == 1:
            raise KeyboardInterrupt
        build_shard(recipe, shard, out, done)

    with monkeypatch.context() as patch:
        patch.setattr("weightspace.zoo.build.build.build_shard", stop)
        with pytest.raises(KeyboardInterrupt):
            build_zoo(recipe, tmp_path / "zoo", workers=1, progress=False)
    with pytest.raises(FileNotFoundError, match=r"no finished zoo: it has no manifest.json"):
        Zoo(tmp_path / "zoo")
    first = tmp_path / "zoo" / "shards" / "00000.safetensors"
    before = first.stat().st_mtime_ns
    assert same(zoo, build_zoo(recipe, tmp_path / "zoo", workers=1, progress=False))
    assert first.stat().st_mtime_ns == before


def test_a_short_zoo_is_the_beginning_of_a_longer_one(recipe, zoo, tmp_path):
    short = build_zoo(recipe, tmp_path / "zoo", workers=1, progress=False, nets=7)
    assert len(short.final()) == 7
    whole = build_zoo(recipe, tmp_path / "zoo", workers=1, progress=False)
    assert whole.table.drop_columns(["seconds"])[:21].equals(short.table.drop_columns(["seconds"]))
    assert same(zoo, whole)
    with pytest.raises(ValueError, match=r"holds 12 nets of this recipe, but 7 were asked for"):
        build_zoo(recipe, tmp_path / "zoo", workers=1, progress=False, nets=7)


def test_other_folders_are_refused_and_left_alone(recipe, zoo, tmp_path):
    changed = Recipe.from_toml(recipe.text.replace("1e-3", "2e-3"))
    with pytest.raises(
        ValueError, match=rf"another recipe: tiny {recipe.hash} is there, tiny {changed.hash} was given"
    ):
        build_zoo(changed, zoo.path, progress=False)
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(ValueError, match=r"is not empty and holds no zoo \(mine.txt\)"):
        build_zoo(recipe, tmp_path, progress=False)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]
    with pytest.raises(ValueError, match=r"is a file; a zoo needs a folder"):
        build_zoo(recipe, tmp_path / "mine.txt", progress=False)


def test_a_second_builder_is_refused(recipe, tmp_path):
    from filelock import FileLock

    (tmp_path / "zoo").mkdir()
    with FileLock(tmp_path / "zoo" / ".lock"), pytest.raises(RuntimeError, match=r"another builder is at work in"):
        build_zoo(recipe, tmp_path / "zoo", progress=False)


def test_a_diverged_net_is_flagged_and_hurts_nobody(recipe, tmp_path):
    text = recipe.text.replace("lr = {low = 1e-3, high = 1e-1, log = true}", "lr = [0.01, 1e3]\nl2 = 15.0")
    text = text.replace('["adam", "sgd", "rmsprop"]', '"sgd"')
    zoo = build_zoo(Recipe.from_toml(text), tmp_path / "zoo", workers=1, progress=False)
    final = zoo.final().table.to_pandas()
    wild = final[final.status == "diverged"]
    assert len(wild) >= 3 and (wild.lr == 1e3).all() and wild.train_loss.isna().all()
    assert wild.reason.str.match(r"the loss was not finite at step \d+").all()
    tame = final[final.lr != 1e3]
    assert len(tame) and (tame.status == "ok").all() and (tame.step == 12).all()


def test_the_command_of_a_worker_ends_with_its_input(recipe, zoo):
    command = [sys.executable, "-m", "weightspace.zoo.build.worker", str(zoo.path), "12"]
    done = subprocess.run(command, input="", capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0 and done.stdout == ""


def test_manifest_comes_with_checksums(recipe, zoo):
    manifest = json.loads((zoo.path / "manifest.json").read_text())
    assert manifest["nets"] == 12 and manifest["states"] == 36
    assert set(manifest["files"]) >= {"index.parquet", "spaces.json", "shards/00002.safetensors"}
    assert (zoo.path / "README.md").read_text().startswith("---\nlicense")
    assert (zoo.path / "recipe.toml").read_text() == recipe.text


def test_nets_train(zoo):
    final = zoo.final().table.to_pandas()
    start = zoo.table.to_pandas().query("step == 0")
    assert final.train_loss.mean() < start.train_loss.mean()
    torch.testing.assert_close(
        torch.tensor(final.gap.values), torch.tensor((final.train_accuracy - final.test_accuracy).values)
    )


def test_nets_that_do_not_fit_the_data_are_refused_before_anything_is_built(tmp_path):
    images = Recipe.from_toml(TOO_LARGE)
    with pytest.raises(ValueError, match=r"net 'cnn' takes \(1, 28, 28\) and returns \(10,\), but digits has examples"):
        build_zoo(images, tmp_path / "zoo", workers=1, progress=False)
    fits = Recipe.from_toml(TOO_LARGE.replace('"cnn"\nimage_size = 28', '"siren"\nout_features = 3'))
    with pytest.raises(ValueError, match=r"takes \(2,\) and returns \(3,\), but digits needs \(\(2,\), \(1,\)\)"):
        build_zoo(fits, tmp_path / "zoo", workers=1, progress=False)
    assert not (tmp_path / "zoo").exists()


TOO_LARGE = """
name = "large"
nets = 1
[data]
name = "digits"
[net]
name = "cnn"
image_size = 28
[train]
steps = 1
"""
