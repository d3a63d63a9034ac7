import colorsys

import torch

from weightspace.data import load_dataset, load_signals
from weightspace.data.colours import DIM, tint


def test_ink_and_background_are_two_colours():
    grey = torch.tensor([0.0, 0.5, 1.0]).reshape(1, 1, 1, 3)
    shown = tint(grey, torch.tensor([[0.0, 0.5, 1.0, 1.0]]))[0, :, 0]
    background = torch.tensor(colorsys.hsv_to_rgb(0.5, 1.0, DIM))
    torch.testing.assert_close(shown[:, 2], torch.tensor([1.0, 0.0, 0.0]))
    torch.testing.assert_close(shown[:, 0], background)
    torch.testing.assert_close(shown[:, 1], (shown[:, 0] + shown[:, 2]) / 2)


def test_the_digits_are_those_in_grey():
    colours, grey = load_signals("coloured-digits"), load_signals("digits")
    assert colours.values.shape == (1797, 3, 64) and colours.values.min() >= 0 and colours.values.max() <= 1
    assert torch.equal(colours.labels, grey.labels) and torch.equal(colours.parts, grey.parts)
    known = 1 - grey.values  # background where the digit isn't, so channels are linear in it
    first, last = known[7, 0].argmax(), known[7, 0].argmin()
    ground, ink = colours.values[7, :, first], colours.values[7, :, last]
    share = (known[7] - known[7, 0, last]) / (known[7, 0, first] - known[7, 0, last])
    torch.testing.assert_close(colours.values[7], ink[:, None] + share * (ground - ink)[:, None], rtol=1e-4, atol=1e-5)


def test_channels_are_standardised_and_colours_differ():
    data = load_dataset("coloured-digits")
    assert data.input_shape == (3, 8, 8) and data.classes == 10
    torch.testing.assert_close(data.x_train.mean((0, 2, 3)), torch.zeros(3), rtol=0, atol=1e-5)
    torch.testing.assert_close(data.x_train.std((0, 2, 3)), torch.ones(3), rtol=1e-4, atol=0)
    corners = data.x_train[:, :, 0, 0]
    assert len(torch.unique(corners, dim=0)) == len(corners)
    assert not torch.equal(data.x_val, load_dataset("coloured-digits", seed=1).x_val)
