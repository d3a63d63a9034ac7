"""The small nets that zoos are made of."""

from weightspace.nets.activations import ACTIVATIONS, Sine
from weightspace.nets.adapter import Adapter, AdapterConfig
from weightspace.nets.architecture import Architecture, build_net
from weightspace.nets.by_name import NETS, net_class
from weightspace.nets.cnn import CNN, CNNConfig
from weightspace.nets.factory import NetFactory, net_factory
from weightspace.nets.fourier import FourierMLP, FourierMLPConfig
from weightspace.nets.mlp import MLP, MLPConfig
from weightspace.nets.net import Net, example_inputs
from weightspace.nets.resnet import ResNet, ResNetConfig
from weightspace.nets.settings import read_settings
from weightspace.nets.siren import SIREN, SIRENConfig
from weightspace.nets.vit import ViT, ViTConfig

__all__ = [
    "ACTIVATIONS",
    "CNN",
    "MLP",
    "NETS",
    "SIREN",
    "Adapter",
    "AdapterConfig",
    "Architecture",
    "CNNConfig",
    "FourierMLP",
    "FourierMLPConfig",
    "MLPConfig",
    "Net",
    "NetFactory",
    "ResNet",
    "ResNetConfig",
    "SIRENConfig",
    "Sine",
    "ViT",
    "ViTConfig",
    "build_net",
    "example_inputs",
    "net_class",
    "net_factory",
    "read_settings",
]
