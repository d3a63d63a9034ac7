import pytest
import torch

from weightspace.nets.activations import ACTIVATIONS, Sine, check_activation

X = torch.linspace(-3, 3, 13)
WANTED = {
    "relu": X.clamp_min(0),
    "leaky_relu": torch.where(X > 0, X, 0.01 * X),
    "gelu": X * 0.5 * (1 + torch.erf(X / 2**0.5)),
    "silu": X * torch.sigmoid(X),
    "tanh": torch.tanh(X),
    "sigmoid": 1 / (1 + torch.exp(-X)),
    "sin": torch.sin(X),
    "none": X,
}


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_each_is_the_function_of_its_name(name):
    check_activation(name)
    torch.testing.assert_close(ACTIVATIONS[name]()(X), WANTED[name])


def test_a_sine_has_a_frequency():
    torch.testing.assert_close(Sine(30.0)(X), torch.sin(30 * X))
    assert repr(Sine(30.0)) == "Sine(w0=30.0)"


def test_unknown_names_list_the_known():
    with pytest.raises(ValueError, match=r"activation must be one of relu, .*, got 'rleu'"):
        check_activation("rleu")
