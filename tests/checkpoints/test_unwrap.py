"""Weights are found in what training programs save around them."""

import pytest
import torch

from weightspace.checkpoints.unwrap import clean_weights

PLAIN = {"a.weight": torch.ones(2, 3), "a.bias": torch.zeros(2)}


def same(found):
    return set(found) == set(PLAIN) and all(torch.equal(found[name], tensor) for name, tensor in PLAIN.items())


@pytest.mark.parametrize(
    "saved",
    [
        PLAIN,
        {"state_dict": PLAIN, "epoch": 3},
        {"model": {"state_dict": PLAIN}},
        {f"module.{name}": tensor for name, tensor in PLAIN.items()},
        {f"module.module.{name}": tensor for name, tensor in PLAIN.items()},
        {f"_orig_mod.{name}": tensor for name, tensor in PLAIN.items()},
        {name.replace("a.", "a._fsdp_wrapped_module."): tensor for name, tensor in PLAIN.items()},
        {name: tensor.half() for name, tensor in PLAIN.items()},
    ],
)
def test_wrappers_are_taken_off(saved):
    found = clean_weights(saved, "x.pt")
    assert same(found)
    assert all(tensor.dtype == torch.float32 for tensor in found.values())


@pytest.mark.parametrize(
    ("saved", "message"),
    [
        ([1], r"x.pt must hold a dict of tensors by name \(a state_dict\), got a list"),
        ({"epoch": 3}, "got a dict of 'epoch'"),
        ({"a": torch.ones(1), "_orig_mod.a": torch.ones(1)}, "must hold one set of weights, but holds two"),
        ({"a": torch.ones(2).to_sparse()}, "the tensor 'a' must be dense"),
        ({"a": torch.ones(2, dtype=torch.complex64)}, "the tensor 'a' must hold real numbers, got torch.complex64"),
    ],
)
def test_what_holds_no_weights_is_refused(saved, message):
    with pytest.raises(ValueError, match=message):
        clean_weights(saved, "x.pt")
