import pytest
import torch

from weightspace.zoo import build_zoo, verify_zoo
from weightspace.zoo.build.pool import Pool
from weightspace.zoo.recipe.trial import draw_trial
from weightspace.zoo.train.device import run_within_memory, training_device
from weightspace.zoo.train.fit import StackFitter
from weightspace.zoo.train.train import StackTrainer

FITS = {
    "name": "fits",
    "nets": 7,
    "data": {"name": "digits"},
    "net": {"name": "siren", "hidden": [6]},
    "train": {"lr": 1e-3, "steps": 4},
    "store": {"shard": 7},
}


def too_small_for(monkeypatch, stack, nets):
    """A device whose memory holds so many nets: more fail at the first step."""
    run, sizes = stack.run, []

    def checked(self, done):
        sizes.append(getattr(self, "real", len(self.trials)))
        if sizes[-1] > nets:
            done(1)  # a net may have left before
            raise torch.OutOfMemoryError("CUDA out of memory")
        yield from run(self, done)

    monkeypatch.setattr(stack, "run", checked)
    return sizes


def test_stacks_shrink_until_they_fit(recipe, zoo, tmp_path, monkeypatch):
    sizes = too_small_for(monkeypatch, StackTrainer, 1)
    again = build_zoo(recipe, tmp_path / "zoo", workers=1, progress=False)
    assert max(sizes) > 1 and sizes.count(1) == 12
    assert again.table.drop_columns(["seconds"]).equals(zoo.table.drop_columns(["seconds"]))


def test_fits_shrink_too(tmp_path, monkeypatch):
    whole = build_zoo(FITS, tmp_path / "whole", workers=1, progress=False)
    sizes = too_small_for(monkeypatch, StackFitter, 3)
    small = build_zoo(FITS, tmp_path / "small", workers=1, progress=False)
    assert sizes == [7, 3]
    assert small.table["net"].to_pylist() == whole.table["net"].to_pylist()
    assert verify_zoo(small.path, sample=3).sound


def test_what_was_heard_of_a_failed_attempt_is_taken_back(recipe):
    heard, sizes, nets = [], [], [draw_trial(recipe, net) for net in range(10)]

    def run(trials, size, done):
        sizes.append(size)
        done(2)
        if size > 2:
            raise torch.OutOfMemoryError("no room")
        done(len(trials) - 2)
        yield from trials

    assert list(run_within_memory(nets, 100, run, heard.append)) == nets
    assert sizes == [100, 5, 2] and sum(heard) == 10


def test_no_room_for_one_net_is_an_error(recipe):
    def run(trials, size, done):
        raise torch.OutOfMemoryError("no room")
        yield

    with pytest.raises(torch.OutOfMemoryError, match="no room"):
        list(run_within_memory([draw_trial(recipe, 0)], 1, run, print))


def test_workers_are_spread_over_the_gpus(recipe, tmp_path, monkeypatch):
    started = []

    class Process:
        stdin = stdout = None

        def __init__(self, command, env, **pipes):
            started.append((env.get("CUDA_VISIBLE_DEVICES"), env.get("CUBLAS_WORKSPACE_CONFIG")))

        def kill(self):
            pass

        wait = kill

    monkeypatch.setattr("weightspace.zoo.build.pool.subprocess.Popen", Process)
    monkeypatch.setattr("weightspace.zoo.build.pool.visible_gpus", lambda: ["4", "GPU-7"])
    with Pool(tmp_path, recipe, 3):
        pass
    assert started == [("4", ":4096:8"), ("GPU-7", ":4096:8"), ("4", ":4096:8")]


@pytest.mark.gpu
def test_a_gpu_builds_the_same_nets_as_a_cpu(recipe, zoo, tmp_path):
    assert training_device() == "cuda"
    ours = build_zoo(recipe, tmp_path / "gpu", workers=1, progress=False)
    assert ours.table["net"].to_pylist() == zoo.table["net"].to_pylist()
    for name in ("train_loss", "test_loss"):
        drawn, wanted = (torch.tensor(z.table[name].to_pylist(), dtype=torch.float) for z in (ours, zoo))
        torch.testing.assert_close(drawn, wanted, rtol=1e-2, atol=1e-2)
    assert verify_zoo(ours.path).sound


@pytest.mark.gpu
@pytest.mark.parametrize("workers", [1, 2])
def test_a_gpu_builds_the_same_twice(recipe, tmp_path, workers):
    first = build_zoo(recipe, tmp_path / "first", workers=workers, progress=False)
    again = build_zoo(recipe, tmp_path / "again", workers=workers, progress=False)
    assert first.table["checksum"].to_pylist() == again.table["checksum"].to_pylist()


@pytest.mark.gpu
def test_fits_on_a_gpu(tmp_path):
    zoo = build_zoo(FITS, tmp_path / "fits", workers=1, progress=False)
    assert verify_zoo(zoo.path, sample=7).sound
