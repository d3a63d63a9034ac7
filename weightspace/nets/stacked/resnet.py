"""A stack of residual networks as grouped convolutions with channels last."""

from torch import Tensor, nn

from weightspace.nets.resnet import Block, ResNet
from weightspace.nets.stacked.blocks import mean_pixels
from weightspace.nets.stacked.cnn import activate, join_nets, normalize
from weightspace.nets.stacked.convolve import convolve_stack
from weightspace.nets.stacked.dropout import Noise
from weightspace.nets.stacked.mlp import linear


def run_resnets(net: ResNet, weights: dict[str, Tensor], x: Tensor, noise: Noise | None) -> Tensor:
    """Runs a stack; see ``run_stack``."""
    nets = len(weights["stem.weight"])
    x, groups = (x, 1) if x.dim() == 4 else (join_nets(x), nets)
    h = _convolve(net.stem, weights, "stem", x, groups)
    h = activate(net.activation, normalize(net, net.norm, weights, "norm", h, nets))
    for k, block in enumerate(net.blocks):
        assert isinstance(block, Block)
        h = _block(net, block, weights, f"blocks.{k}", h, nets)
    return linear(weights, "head", mean_pixels(h).view(len(h), nets, -1).transpose(0, 1).contiguous())


def _block(net: ResNet, block: Block, weights: dict[str, Tensor], name: str, x: Tensor, nets: int) -> Tensor:
    h = _convolve(block.conv1, weights, f"{name}.conv1", x, nets)
    h = activate(block.activation, normalize(net, block.norm1, weights, f"{name}.norm1", h, nets))
    h = _convolve(block.conv2, weights, f"{name}.conv2", h, nets)
    h = normalize(net, block.norm2, weights, f"{name}.norm2", h, nets)
    if isinstance(block.shortcut, nn.Conv2d):
        x = _convolve(block.shortcut, weights, f"{name}.shortcut", x, nets)
    return activate(block.activation, h + x)


def _convolve(conv: nn.Conv2d, weights: dict[str, Tensor], name: str, x: Tensor, groups: int) -> Tensor:
    weight = weights[f"{name}.weight"]
    return convolve_stack(conv, weight, None, x, shared=groups == 1 and len(weight) > 1)
