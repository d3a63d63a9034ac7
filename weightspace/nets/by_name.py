"""Nets by name."""

from weightspace.nets.adapter import Adapter
from weightspace.nets.cnn import CNN
from weightspace.nets.factory import NetFactory, find_factory
from weightspace.nets.fourier import FourierMLP
from weightspace.nets.mlp import MLP
from weightspace.nets.net import Net
from weightspace.nets.resnet import ResNet
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
    "adapter": Adapter,
}


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
