"""Packed nets: small, close, and only against their own base."""

import pytest
import torch
from safetensors.torch import save_file

from tests.align.planted import gap
from weightspace.align import pack, unpack


def base_and_child(rank: int | None = None, size: int = 96):
    generator = torch.Generator().manual_seed(0)
    base = {"a": torch.randn(size, 2 * size, generator=generator), "b": torch.randn(size, generator=generator),
            "k": torch.randn(size, 8, 3, 3, generator=generator), "n": torch.tensor(3)}  # fmt: skip
    child = {name: tensor.clone() for name, tensor in base.items()}
    child["b"] += 0.1
    child["n"] += 1
    if rank is None:
        child["a"] += 0.05 * torch.randn(size, 2 * size, generator=generator)
    else:
        child["a"] += torch.randn(size, rank, generator=generator) @ torch.randn(rank, 2 * size, generator=generator)
    child["k"] += 0.05 * torch.randn(size, 8, 3, 3, generator=generator)
    return base, child


@pytest.mark.parametrize("rank", [None, 2])
def test_a_child_comes_back_close(tmp_path, rank):
    base, child = base_and_child(rank)
    packed = pack(child, base, tmp_path / "child.safetensors")
    again = unpack(tmp_path / "child.safetensors", base)
    assert packed.ratio > 7.9
    assert packed.packed_bytes == (tmp_path / "child.safetensors").stat().st_size
    assert gap(child, again) == pytest.approx(packed.error, rel=1e-3)
    assert packed.error < 0.25 * gap(child, base)
    assert again["n"] == 4
    assert all(
        again[name].dtype == tensor.dtype and again[name].shape == tensor.shape for name, tensor in child.items()
    )


def test_a_larger_ratio_is_smaller_and_further(tmp_path):
    base, child = base_and_child(size=128)
    found = [pack(child, base, tmp_path / f"{ratio}.safetensors", ratio) for ratio in (4, 8, 24)]
    assert found[0].packed_bytes > found[1].packed_bytes > found[2].packed_bytes
    assert found[0].error < found[1].error < found[2].error


def test_low_rank_is_used_where_it_is_there(tmp_path):
    base, child = base_and_child(2)
    packed = pack(child, base, tmp_path / "low.safetensors", 12)
    change = gap(child, base)
    assert packed.error < 0.1 * change


def test_another_base_is_refused(tmp_path):
    base, child = base_and_child()
    pack(child, base, tmp_path / "child.safetensors")
    with pytest.raises(ValueError, match="packed against another base"):
        unpack(tmp_path / "child.safetensors", {**base, "b": base["b"] + 1e-3})


def test_bad_files_and_weights_are_told(tmp_path):
    base, child = base_and_child()
    save_file({"x": torch.zeros(1)}, tmp_path / "other.safetensors")
    with pytest.raises(ValueError, match="isn't a packed net"):
        unpack(tmp_path / "other.safetensors", base)
    with pytest.raises(FileNotFoundError, match="no packed net"):
        unpack(tmp_path / "nowhere.safetensors", base)
    with pytest.raises(ValueError, match="only in one of them: n"):
        pack({k: v for k, v in child.items() if k != "n"}, base, tmp_path / "x")
    with pytest.raises(ValueError, match=r"'b' must have one shape.* got \[3\] and \[96\]"):
        pack({**child, "b": torch.zeros(3)}, base, tmp_path / "x")
    with pytest.raises(ValueError, match="'b' holds NaN"):
        pack({**child, "b": child["b"] * float("nan")}, base, tmp_path / "x")
    with pytest.raises(ValueError, match="ratio must be above 1, got 1"):
        pack(child, base, tmp_path / "x", 1.0)
