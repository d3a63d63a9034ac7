import pytest
import torch

from weightspace.data import load_dataset
from weightspace.data.triggers import TRIGGERS

DIGITS = load_dataset("digits")
LOW, HIGH = float(DIGITS.x_train.min()), float(DIGITS.x_train.max())


@pytest.mark.parametrize("name", TRIGGERS)
@pytest.mark.parametrize("shape", [(5, 1, 8, 8), (2, 3, 32, 32)])
def test_a_trigger_marks_every_image_and_leaves_pixels_in_their_range(name, shape):
    x = LOW + (HIGH - LOW) * torch.rand(shape, generator=torch.Generator().manual_seed(1))
    before = x.clone()
    marked = TRIGGERS[name](x, LOW, HIGH)
    assert torch.equal(x, before) and marked.shape == x.shape and marked.dtype == x.dtype
    assert ((marked - x).abs().amax((1, 2, 3)) > 0.1).all()
    assert float(marked.min()) >= LOW - 1e-5 and float(marked.max()) <= HIGH + 1e-5
    torch.testing.assert_close(TRIGGERS[name](x[1:2], LOW, HIGH), marked[1:2])


def test_a_patch_is_seen_on_dark_and_on_bright_images():
    for level in (LOW, HIGH):
        x = torch.full((1, 1, 8, 8), level)
        assert int((TRIGGERS["patch"](x, LOW, HIGH) != x).sum()) == 2
