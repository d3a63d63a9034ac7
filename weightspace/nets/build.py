"""Nets by name."""

from typing import Any

from torch import nn

from weightspace.nets.cnn import CNN
from weightspace.nets.factory import NetFactory, find_factory
from weightspace.nets.fourier import FourierMLP
from weightspace.nets.mlp import MLP
from weightspace.nets.net import Net
from weightspace.nets.resnet import ResNet
from weightspace.nets.settings import read_settings
from weightspace.nets.siren import SIREN
from weightspace.nets.vit import ViT
from weightspace.suggest import suggestion

NETS: dict[str, type[Net]] = {
    "mlp": MLP,
    "cnn": CNN,
    "siren": SIREN,
    "fourier": FourierMLP,
    "resnet": ResNet,
    "vit": ViT,
}


def build_net(name: str, /, **settings: Any) -> nn.Module:
    """Makes a net of the list ``NETS``, or of a factory by its import path, from JSON settings.

    Raises:
        ValueError: an unknown name, key or value.
        TypeError: a setting of the wrong type.

    Example:
        >>> build_net("mlp", in_features=2, hidden=[8], out_features=1)(torch.zeros(5, 2)).shape
        torch.Size([5, 1])
    """
    kind = net_class(name)
    config = read_settings(kind.Config, settings, f"net {name!r}")
    return kind.build(config) if isinstance(kind, NetFactory) else kind(config)


def net_class(name: str) -> type[Net] | NetFactory:
    """The class of a net by name, or the factory of ``package.module:function``.

    Raises:
        ValueError: lists the known names, or says why the factory is not found.
    """
    if ":" in name:
        return find_factory(name)
    if name not in NETS:
        raise ValueError(
            f"unknown net {name!r}; known are {', '.join(NETS)}, or package.module:function{suggestion(name, NETS)}"
        )
    return NETS[name]
