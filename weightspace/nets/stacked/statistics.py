"""Running statistics of batch norms, measured anew for a stack of nets."""

import copy
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from weightspace.nets.stacked.run import run_stack

NORMS = (nn.BatchNorm1d, nn.BatchNorm2d)
DROPOUTS = (nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d, nn.AlphaDropout)


def batch_normed(module: nn.Module) -> nn.Module:
    """A copy in training mode: batch norms take the statistics of the batch and keep them, and nothing drops out."""
    net = copy.deepcopy(module).train()
    for part in net.modules():
        if isinstance(part, NORMS):
            part.momentum = 1.0
        if isinstance(part, DROPOUTS):
            part.p = 0.0
    return net


@torch.no_grad()
def fit_statistics(module: nn.Module, weights: Mapping[str, Tensor], inputs: Tensor) -> dict[str, Tensor]:
    """The stack with the running statistics of every batch norm measured on these inputs, in one batch.

    Args:
        module: one net of the architecture. weights: ``[nets, ...]``.
        inputs: ``[batch, ...]``, which all nets share.
    """
    measured = {name: tensor.clone() for name, tensor in weights.items()}
    if any(isinstance(part, NORMS) for part in module.modules()):
        run_stack(batch_normed(module), measured, inputs)
    return measured
