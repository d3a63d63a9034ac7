"""Tasks: runs in rows give what each net gives by itself."""

import pytest
import torch

from weightspace.tasks.optimization.innertask import TASKS


@pytest.mark.parametrize("name", TASKS)
def test_rows_are_nets(name):
    task, generator = TASKS[name](), torch.Generator().manual_seed(0)
    rows, examples = task.start(3, generator), task.examples(3, generator)[:, :5]
    losses, gradient = task.gradient(rows, examples)
    for row, loss, slope, chosen in zip(rows, losses, gradient, examples, strict=True):
        weights = {k: v[0].requires_grad_() for k, v in task.layout.views(row[None].clone()).items()}
        out, targets = torch.func.functional_call(task.net, weights, (task.inputs[chosen],)), task.targets[chosen]
        wanted = (
            (out - targets).square().mean()
            if targets.is_floating_point()
            else torch.nn.functional.cross_entropy(out, targets)
        )
        found = torch.autograd.grad(wanted, list(weights.values()))
        torch.testing.assert_close(loss, wanted.detach(), rtol=1e-4, atol=1e-6)
        torch.testing.assert_close(slope, torch.cat([each.flatten() for each in found]), rtol=1e-3, atol=1e-5)


def test_starts_and_examples_come_from_the_generator():
    task = TASKS["digits-mlp"]()
    one, other = (task.start(2, torch.Generator().manual_seed(4)) for _ in range(2))
    assert (one == other).all() and not (one[0] == one[1]).all()


def test_bounds_are_those_of_torch():
    task = TASKS["digits-mlp"]()
    row = task.start(50, torch.Generator().manual_seed(0))
    first = task.layout.views(row)["linears.0.weight"]
    assert 0.9 / 8 < float(first.abs().max()) <= 1 / 8
