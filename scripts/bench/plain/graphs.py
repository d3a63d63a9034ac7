"""The graph of a perceptron, a net at a time."""

from itertools import pairwise

import torch
from torch import Tensor
from torch_geometric.data import Batch, Data


def batched(nets: list[dict[str, Tensor]], sizes: tuple[int, ...]) -> Batch:
    """The graphs of all nets, each built by itself, collated."""
    return Batch.from_data_list([plain_graph(net, sizes) for net in nets])


def plain_graph(net: dict[str, Tensor], sizes: tuple[int, ...]) -> Data:
    """Neurons are nodes with their bias and layer, weights are edges."""
    starts = [sum(sizes[:layer]) for layer in range(len(sizes))]
    biases, ends, weights = [torch.zeros(sizes[0])], [], []
    for layer in range(len(sizes) - 1):
        target, source = torch.meshgrid(torch.arange(sizes[layer + 1]), torch.arange(sizes[layer]), indexing="ij")
        ends.append(torch.stack([source.flatten() + starts[layer], target.flatten() + starts[layer + 1]]))
        biases.append(net[f"{layer}.bias"])
        weights.append(net[f"{layer}.weight"].flatten())
    depth = torch.cat([torch.full((size,), float(layer)) for layer, size in enumerate(sizes)])
    x = torch.stack([torch.cat(biases), depth], 1)
    return Data(x=x, edge_index=torch.cat(ends, 1), edge_attr=torch.cat(weights)[:, None])


def perceptron(*sizes: int) -> torch.nn.Sequential:
    """Linear layers with ReLU between them."""
    parts: list[torch.nn.Module] = []
    for first, second in pairwise(sizes):
        parts += [torch.nn.Linear(first, second), torch.nn.ReLU()]
    return torch.nn.Sequential(*parts[:-1])
