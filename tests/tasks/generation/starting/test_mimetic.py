"""Attention that begins as trained attention looks."""

import pytest
import torch

from weightspace.data import load_dataset
from weightspace.nets import Architecture
from weightspace.tasks.generation.starting.mimetic import mimetic
from weightspace.zoo.folder.spaces import trace_architecture


def test_attention_begins_like_the_identity():
    vit = Architecture("vit", {"dim": 16, "heads": 1, "depth": 1})
    data = load_dataset("digits")
    found = mimetic(vit, 2, data, 0)
    assert trace_architecture(vit).check(found) == 2
    (name,) = [name.removesuffix(".qkv.weight") for name in found if name.endswith(".qkv.weight")]
    q, k, v = found[f"{name}.qkv.weight"].chunk(3, 1)
    meet, leave = q.mT @ k, (found[f"{name}.out.weight"] @ v).mT
    assert float(meet.diagonal(dim1=1, dim2=2).mean()) == pytest.approx(0.7, abs=0.15)
    assert float(leave.diagonal(dim1=1, dim2=2).mean()) == pytest.approx(-0.4, abs=0.12)
    off = meet - torch.diag_embed(meet.diagonal(dim1=1, dim2=2))
    assert float(off.std()) == pytest.approx(0.7 / 4, abs=0.05)
    with pytest.raises(ValueError, match=r"is for nets with attention \(vit\), got cnn"):
        mimetic(Architecture("cnn", {"image_size": 8}), 1, data, 0)
