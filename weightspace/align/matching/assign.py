"""Assignment: which neuron of b goes with which of a."""

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor


def assign(similarity: Float[Tensor, "nets size size"]) -> Int[Tensor, "nets size"]:
    """For each neuron of a the neuron of b in the one-to-one assignment of largest total similarity.

    Solved exactly on the CPU, net by net (scipy's Jonker-Volgenant).
    """
    from scipy.optimize import linear_sum_assignment

    tables = similarity.detach().double().cpu().numpy()
    orders = np.empty(tables.shape[:2], dtype=np.int64)
    for order, table in zip(orders, tables, strict=True):
        order[:] = linear_sum_assignment(table, maximize=True)[1]
    return torch.from_numpy(orders).to(similarity.device)


def sinkhorn(
    scores: Float[Tensor, "nets size size"], temperature: float = 1.0, steps: int = 20
) -> Float[Tensor, "nets size size"]:
    """A doubly stochastic matrix: rows and columns of ``exp(scores / temperature)`` normalised in turns.

    Mena et al. 2018, "Learning latent permutations with Gumbel-Sinkhorn networks". Differentiable.
    """
    logs = scores / temperature
    for _ in range(steps):
        logs = logs - logs.logsumexp(-1, keepdim=True)
        logs = logs - logs.logsumexp(-2, keepdim=True)
    return logs.exp()
