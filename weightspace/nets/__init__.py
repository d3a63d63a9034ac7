"""The small nets that zoos are made of."""

from .activations import ACTIVATIONS, Sine
from .build import NETS, build_net, net_class
from .cnn import CNN, CNNConfig
from .factory import NetFactory, net_factory
from .fourier import FourierMLP, FourierMLPConfig
from .mlp import MLP, MLPConfig
from .net import Net, example_inputs, net_settings
from .resnet import ResNet, ResNetConfig
from .settings import read_settings
from .siren import SIREN, SIRENConfig
from .vit import ViT, ViTConfig

__all__ = [
    "ACTIVATIONS",
    "CNN",
    "MLP",
    "NETS",
    "SIREN",
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
    "net_settings",
    "read_settings",
]
