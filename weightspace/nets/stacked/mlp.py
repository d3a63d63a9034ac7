"""A stack of multilayer perceptrons as batched matrix products."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from weightspace.nets.mlp import MLP
from weightspace.nets.stacked.blocks import batch_norm
from weightspace.nets.stacked.dropout import Noise


def run_mlps(net: MLP, weights: dict[str, Tensor], x: Tensor, noise: Noise | None) -> Tensor:
    """Runs a stack; see ``run_stack``."""
    nets = len(weights["linears.0.weight"])
    x = x.expand(nets, -1, -1) if x.dim() == 2 else x
    for layer, norm in enumerate(net.norms):
        x = linear(weights, f"linears.{layer}", x)
        x = drop(net.activation(normalize(net, norm, weights, f"norms.{layer}", x)), noise)
    return linear(weights, f"linears.{len(net.norms)}", x)


def linear(weights: dict[str, Tensor], name: str, x: Tensor) -> Tensor:
    """``x W^T + b`` net by net, ``[nets, batch, features]``."""
    return torch.baddbmm(weights[f"{name}.bias"].unsqueeze(1), x, weights[f"{name}.weight"].transpose(1, 2))


def drop(x: Tensor, noise: Noise | None) -> Tensor:
    """Dropout on ``[nets, batch, features]``."""
    return x if noise is None else x * noise.mask(x.shape[1], x.shape[2]).transpose(0, 1)


def normalize(net: MLP, norm: nn.Module, weights: dict[str, Tensor], name: str, x: Tensor) -> Tensor:
    """Batch or layer norm of every net on its own features."""
    if isinstance(norm, nn.Identity):
        return x
    scale, shift = weights[f"{name}.weight"].unsqueeze(1), weights[f"{name}.bias"].unsqueeze(1)
    if isinstance(norm, nn.LayerNorm):
        return torch.addcmul(shift, functional.layer_norm(x, norm.normalized_shape, eps=norm.eps), scale)
    assert isinstance(norm, nn.BatchNorm1d)
    mean, var = weights[f"{name}.running_mean"], weights[f"{name}.running_var"]
    if net.training:
        weights[f"{name}.num_batches_tracked"].add_(1)
    if x.requires_grad:
        x.register_hook(torch.Tensor.contiguous)  # what is strided goes through other products, which round otherwise
    columns = batch_norm(norm, x.transpose(0, 1).flatten(1), mean.view(-1), var.view(-1), training=net.training)
    return torch.addcmul(shift, columns.view(x.shape[1], x.shape[0], -1).transpose(0, 1).contiguous(), scale)
