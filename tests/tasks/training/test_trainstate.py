"""A checkpoint is whole or refused, and a disk that fills up leaves the last good one."""

import pytest
import torch
from safetensors import SafetensorError

from tests.tasks.training.problem import Problem
from weightspace.tasks.training import trainstate


@pytest.fixture
def stopped(tmp_path):
    """A run that was stopped after its third look at the validation nets."""
    problem = Problem()
    problem.stop_after = 3
    with pytest.raises(KeyboardInterrupt):
        problem.run(tmp_path)
    return tmp_path / "checkpoint.safetensors"


def flipped(data, place):
    return data[:place] + bytes([data[place] ^ 64]) + data[place + 1 :]


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: b"",
        lambda data: data[: len(data) // 2],
        lambda data: data[:-1],
        lambda data: b"hello" * 100,
        lambda data: bytes(len(data)),
        lambda data: flipped(data, len(data) - 5),
        lambda data: data[:-4] + b"\x00\x00\xc0\x7f",
        lambda data: data.replace(b'"step":"20"', b'"step":"30"'),
    ],
)
def test_a_damaged_checkpoint_is_named_and_never_gone_on_from(stopped, damage):
    data = stopped.read_bytes()
    assert damage(data) != data
    stopped.write_bytes(damage(data))
    with pytest.raises(ValueError, match=r"The checkpoint .*checkpoint\.safetensors .*Remove it"):
        Problem().run(stopped.parent)


def test_a_full_disk_leaves_the_last_checkpoint_and_nothing_else(stopped, monkeypatch):
    data, save = stopped.read_bytes(), trainstate.save_file

    def full(tensors, path, metadata):
        save(tensors, path, metadata=metadata)
        path.write_bytes(path.read_bytes()[:100])
        raise SafetensorError("I/O error: No space left on device (os error 28)")

    monkeypatch.setattr(trainstate, "save_file", full)
    with pytest.raises(OSError, match=r"couldn't be written .*No space left.*an earlier step is still there"):
        Problem().run(stopped.parent)
    assert stopped.read_bytes() == data
    assert {path.name for path in stopped.parent.iterdir()} == {"checkpoint.safetensors", "train.jsonl"}
    monkeypatch.setattr(trainstate, "save_file", save)
    gone_on, whole = Problem(), Problem()
    gone_on.run(stopped.parent)
    whole.run(stopped.parent / "whole")
    assert all(map(torch.equal, gone_on.model.parameters(), whole.model.parameters()))
