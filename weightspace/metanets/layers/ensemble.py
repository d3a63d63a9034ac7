"""Several small perceptrons side by side, run as one batched product."""

from itertools import pairwise

import torch
from jaxtyping import Float
from torch import Tensor, nn


class EnsembleMLP(nn.Module):
    """``members`` perceptrons with weights of their own on the same features; their mean is the prediction.

    Args:
        inputs, width, outputs: sizes of the features, the hidden layers and the result.
        members: how many.
        layers: hidden layers.
        dropout: on the features and hidden layers.

    Shapes:
        in ``[nets, inputs]``, out ``[members, nets, outputs]``.
    """

    def __init__(self, inputs: int, width: int, outputs: int, members: int, layers: int = 2, dropout: float = 0.0):
        super().__init__()
        sizes = [inputs, *[width] * layers, outputs]
        self.weights = nn.ParameterList(torch.randn(members, a, b) * (2 / a) ** 0.5 for a, b in pairwise(sizes))
        self.biases = nn.ParameterList(torch.zeros(members, 1, b) for b in sizes[1:])
        self.dropout = nn.Dropout(dropout)

    def forward(self, features: Float[Tensor, "nets inputs"]) -> Float[Tensor, "members nets outputs"]:
        h = features.expand(len(self.weights[0]), -1, -1)
        for number, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            h = torch.baddbmm(bias, self.dropout(h), weight)
            if number + 1 < len(self.weights):
                h = torch.nn.functional.silu(h)
        return h
