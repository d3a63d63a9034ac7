"""The small nets that zoos are made of."""

from .activations import ACTIVATIONS, Sine
from .build import NETS, build_net, net_class
from .cnn import CNN, CNNConfig
from .fourier import FourierMLP, FourierMLPConfig
from .mlp import MLP, MLPConfig
from .net import Net
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
    "ResNet",
    "ResNetConfig",
    "SIRENConfig",
    "Sine",
    "ViT",
    "ViTConfig",
    "build_net",
    "net_class",
    "read_settings",
]
