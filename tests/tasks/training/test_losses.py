"""Losses since the last look."""

import pytest
import torch

from weightspace.tasks.training.losses import Losses


def test_the_mean_forgets_what_it_has_told():
    losses = Losses()
    for step, value in enumerate((1.0, 3.0), 1):
        losses.add(torch.tensor(value), step)
    assert losses.mean() == 2.0
    losses.add(torch.tensor(5.0), 3)
    assert losses.mean() == 5.0


@pytest.mark.parametrize("bad", ["nan", "inf"])
def test_the_first_loss_that_is_not_finite_is_named(bad):
    losses = Losses()
    losses.add(torch.tensor(1.0), 1)
    with pytest.raises(ValueError, match=rf"The loss is {bad} at step 1; a smaller learning_rate may help"):
        losses.add(torch.tensor(float(bad)), 2)
