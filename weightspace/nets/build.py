"""Nets by name."""

from typing import Any

from .cnn import CNN
from .fourier import FourierMLP
from .mlp import MLP
from .net import Net
from .resnet import ResNet
from .settings import read_settings
from .siren import SIREN
from .vit import ViT

NETS: dict[str, type[Net]] = {
    "mlp": MLP,
    "cnn": CNN,
    "siren": SIREN,
    "fourier": FourierMLP,
    "resnet": ResNet,
    "vit": ViT,
}


def build_net(name: str, **settings: Any) -> Net:
    """Makes a net of the list ``NETS`` from JSON settings.

    Raises:
        ValueError: an unknown name, key or value.
        TypeError: a setting of the wrong type.

    Example:
        >>> build_net("mlp", in_features=2, hidden=[8], out_features=1)(torch.zeros(5, 2)).shape
        torch.Size([5, 1])
    """
    return net_class(name)(read_settings(net_class(name).Config, settings, f"net {name!r}"))


def net_class(name: str) -> type[Net]:
    """The class of a net by name.

    Raises:
        ValueError: lists the known names.
    """
    if name not in NETS:
        raise ValueError(f"unknown net {name!r}; known are {', '.join(NETS)}")
    return NETS[name]
