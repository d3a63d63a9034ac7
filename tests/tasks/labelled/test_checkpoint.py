import pickle

import pytest
import torch
from safetensors.torch import save_file

from weightspace.tasks.labelled.checkpoint import find_checkpoints, read_checkpoint


def test_reads_what_was_saved(tmp_path):
    save_file({"w": torch.arange(6.0).reshape(2, 3)}, tmp_path / "net.safetensors", metadata={"space": "abc"})
    weights, metadata = read_checkpoint(tmp_path / "net.safetensors")
    assert torch.equal(weights["w"], torch.arange(6.0).reshape(2, 3))
    assert metadata == {"space": "abc"}


@pytest.mark.parametrize("name", ["net.pt", "net.pth", "net.safetensors", "net"])
@pytest.mark.parametrize("zipped", [True, False])
def test_pickles_are_refused_and_never_run(tmp_path, name, zipped):
    torch.save({"w": torch.ones(2)}, tmp_path / name, _use_new_zipfile_serialization=zipped)
    with pytest.raises(ValueError, match=r"pickle.*Convert it once.*weights_only=True"):
        read_checkpoint(tmp_path / name)


def test_a_plain_pickle_under_a_false_name(tmp_path):
    (tmp_path / "net.safetensors").write_bytes(pickle.dumps({"w": [1.0]}))
    with pytest.raises(ValueError, match="holds a pickle"):
        read_checkpoint(tmp_path / "net.safetensors")


def test_other_files(tmp_path):
    (tmp_path / "net.npz2").write_bytes(b"nothing")
    with pytest.raises(ValueError, match=r"must be a \.safetensors file, but .* is a \.npz2 file"):
        read_checkpoint(tmp_path / "net.npz2")


def test_a_file_cut_short(tmp_path):
    save_file({"w": torch.ones(100)}, tmp_path / "net.safetensors")
    whole = (tmp_path / "net.safetensors").read_bytes()
    (tmp_path / "net.safetensors").write_bytes(whole[:-50])
    with pytest.raises(ValueError, match="isn't a whole safetensors file"):
        read_checkpoint(tmp_path / "net.safetensors")


def test_no_file(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no checkpoint .*nowhere\.safetensors"):
        read_checkpoint(tmp_path / "nowhere.safetensors")


def test_a_folder_means_what_is_in_it(tmp_path):
    for name in ("b", "a"):
        save_file({"w": torch.ones(1)}, tmp_path / f"{name}.safetensors")
    found = find_checkpoints([tmp_path, tmp_path / "b.safetensors"])
    assert [path.name for path in found] == ["a.safetensors", "b.safetensors", "b.safetensors"]


def test_an_empty_folder(tmp_path):
    with pytest.raises(ValueError, match=r"holds no \.safetensors"):
        find_checkpoints([tmp_path])
