import json

import pytest
import torch
from safetensors.torch import save_file

from weightspace.checkpoints import find_checkpoints


def test_a_folder_means_what_is_in_it(tmp_path):
    for name in ("b.pth", "deep/a.safetensors", "c.bin", "optimizer.pt", ".cache/d.pt", "notes.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    found = find_checkpoints([tmp_path, tmp_path / "b.pth"])
    assert [path.relative_to(tmp_path).as_posix() for path in found] == [
        "b.pth",
        "c.bin",
        "deep/a.safetensors",
        "b.pth",
    ]


def test_shards_are_one_checkpoint(tmp_path):
    save_file({"w": torch.ones(1)}, tmp_path / "model-1.safetensors")
    save_file({"w": torch.ones(1)}, tmp_path / "other.safetensors")
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps({"weight_map": {"w": "model-1.safetensors"}}))
    names = [path.name for path in find_checkpoints([tmp_path])]
    assert names == ["model.safetensors.index.json", "other.safetensors"]


def test_patterns(tmp_path):
    for name in ("b.pth", "a.pth", "c.pt"):
        (tmp_path / name).write_bytes(b"")
    assert [path.name for path in find_checkpoints([f"{tmp_path}/*.pth"])] == ["a.pth", "b.pth"]
    with pytest.raises(ValueError, match="must match one checkpoint at least"):
        find_checkpoints([f"{tmp_path}/*.safetensors"])


def test_what_is_not_there(tmp_path):
    with pytest.raises(ValueError, match=r"must hold checkpoints \(\.safetensors, \.pt"):
        find_checkpoints([tmp_path])
    with pytest.raises(FileNotFoundError, match=r"no checkpoint .*nowhere"):
        find_checkpoints([tmp_path / "nowhere"])
