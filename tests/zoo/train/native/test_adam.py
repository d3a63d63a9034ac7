import pytest
import torch

from weightspace.machine.compiler import load_native
from weightspace.zoo.recipe.hyperparameters import Hyperparameters
from weightspace.zoo.train.native import adam as native_adam
from weightspace.zoo.train.optimizer import StackedOptimizer


def walk(optimizer, dtype):
    """Three nets of an optimizer, each with its own rate, decay and count of steps."""
    trains = [Hyperparameters(optimizer=optimizer, weight_decay=decay) for decay in (0.0, 0.1, 0.5)]
    generator = torch.Generator().manual_seed(0)
    flat, grads = (torch.randn(*shape, 37, generator=generator).to(dtype) for shape in ((3,), (3, 3)))
    stacked = StackedOptimizer.start(trains, torch.ones(37, dtype=dtype), flat)
    for k, grad in enumerate(grads):
        lr, counts = torch.tensor([[[0.1], [0.01], [1.0]], [[1.0], [7.0], [900.0]]], dtype=dtype)
        stacked.step(flat, grad, lr, counts + k)
    return flat, stacked.first, stacked.second


@pytest.mark.skipif(load_native(native_adam.SOURCE) is None, reason="no C compiler")
@pytest.mark.parametrize("optimizer", ["adam", "adamw"])
def test_compiled_steps_are_those_of_tensors_in_float64(optimizer, monkeypatch):
    compiled = walk(optimizer, torch.float32)
    monkeypatch.setattr(native_adam, "load_native", lambda name: None)
    plain, exact = walk(optimizer, torch.float32), walk(optimizer, torch.float64)
    for ours, both in zip(compiled, exact, strict=True):
        torch.testing.assert_close(ours.double(), both, rtol=1e-5, atol=3e-6)
    assert not torch.equal(compiled[0], plain[0])  # it was the compiled one that moved them


def test_what_is_not_float32_or_not_contiguous_is_left_to_tensors():
    row, columns = torch.ones(1, 1), torch.ones(2, 3)
    settings = {"decoupled": False, "betas": (0.9, 0.999), "eps": 1e-8}
    for odd in (columns.double(), torch.ones(3, 2).T):
        flat = odd.clone(memory_format=torch.preserve_format)
        two = row.expand(2, 1).contiguous()
        assert not native_adam.adam_rows(flat, columns, columns, columns, two, two, two, **settings)
        assert torch.equal(flat, odd)
