import pytest
import torch

from weightspace.zoo.folder.shard import (
    check_regular,
    file_checksum,
    open_shard,
    stack_states,
    state_checksum,
    write_tensors,
)


def state(value, width=2):
    return {"a": torch.full((width,), float(value)), "n": torch.tensor(value)}


def test_states_are_stacked_by_space_and_found_again(tmp_path):
    states = [("x", state(1)), ("y", state(2, 3)), ("x", state(3))]
    tensors, rows = stack_states(states)
    assert rows == [0, 0, 1] and set(tensors) == {"x/a", "x/n", "y/a", "y/n"}
    write_tensors(tmp_path / "s.safetensors", tensors)
    for (space, weights), row in zip(states, rows, strict=True):
        read = open_shard(tmp_path / "s.safetensors", space)
        assert all(torch.equal(read[name][row], tensor) for name, tensor in weights.items())


def test_a_checksum_sees_values_names_and_shapes_and_no_order():
    one = state(1)
    assert state_checksum(one) == state_checksum(dict(reversed(one.items())))
    for other in (state(2), {"b": one["a"], "n": one["n"]}, one | {"a": one["a"].view(2, 1)}):
        assert state_checksum(one) != state_checksum(other)


def test_what_is_no_shard_is_refused(tmp_path):
    (tmp_path / "s.safetensors").write_bytes(b"12345678 not a shard")
    for path in (tmp_path / "s.safetensors", tmp_path / "nothing", tmp_path):
        with pytest.raises(ValueError, match=r"is damaged \(.*\); fetch or build it again"):
            open_shard(path, "x")
    with pytest.raises(OSError, match="must be a file, got a folder"):
        check_regular(tmp_path)


def test_the_checksum_of_a_file_is_its_sha_256(tmp_path):
    (tmp_path / "a").write_bytes(b"abc")
    assert file_checksum(tmp_path / "a") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
