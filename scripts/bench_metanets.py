"""How fast metanets train: every class, the textbook way and the floor in one run; `python scripts/bench_metanets.py`.

One step is forward and backward on 64 nets 2-32-32-1. The textbook layer is PyG's MessagePassing: concatenate
both ends and the edge, a perceptron on every edge, edges both ways. The floor is the matrix products of `MessageLayer`.
"""

import argparse
import resource
import time
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch_geometric.data import Batch
from torch_geometric.nn import MessagePassing, global_mean_pool

from weightspace.graphs import to_graph
from weightspace.metanets import METANETS
from weightspace.metanets.frame import Frame
from weightspace.metanets.graphnet import GraphNet, GraphNetConfig, NodeEmbedding
from weightspace.metanets.message import MessageLayer, node_degrees
from weightspace.space import WeightSpace


class Textbook(MessagePassing):
    """Concatenate, perceptron on every edge, mean; concatenate, perceptron on every node."""

    def __init__(self, width: int):
        super().__init__(aggr="mean")
        self.edge = nn.Sequential(nn.Linear(3 * width, width), nn.ReLU(), nn.Linear(width, width))
        self.node = nn.Sequential(nn.Linear(2 * width, width), nn.ReLU(), nn.Linear(width, width))

    def forward(self, h: Tensor, edge_index: Tensor, edge_attr: Tensor) -> Tensor:
        """New features of the nodes."""
        return h + self.node(torch.cat([h, self.propagate(edge_index, h=h, edge_attr=edge_attr)], 1))

    def message(self, h_i: Tensor, h_j: Tensor, edge_attr: Tensor) -> Tensor:
        """A perceptron on both ends and the edge."""
        return self.edge(torch.cat([h_i, h_j, edge_attr], 1))


class TextbookNet(nn.Module):
    """Four textbook layers, edges both ways."""

    def __init__(self, columns: int, edge_columns: int, width: int, layers: int):
        super().__init__()
        self.node, self.edge = nn.Linear(columns, width), nn.Linear(edge_columns, width)
        self.layers = nn.ModuleList(Textbook(width) for _ in range(layers))
        self.out = nn.Linear(width, 1)

    def forward(self, batch: Batch) -> Tensor:
        """``[nets, 1]``."""
        h, e = self.node(batch.x), self.edge(batch.edge_attr)
        index, features = torch.cat([batch.edge_index, batch.edge_index.flip(0)], 1), torch.cat([e, e])
        for layer in self.layers:
            h = layer(h, index, features)
        return self.out(global_mean_pool(h, batch.batch))


class Messages(GraphNet):
    """Rounds of `MessageLayer`, the layer of the default metanet, and a readout."""

    def build(self, config: GraphNetConfig) -> None:
        self.embed = NodeEmbedding(self.layout.node, config.width)
        self.rounds = nn.ModuleList(MessageLayer(self.layout, config.width) for _ in range(config.layers))

    def encode(self, frame: Frame, x: Tensor, values: list[Tensor]) -> Tensor:
        h, degrees = self.embed(frame, x), node_degrees(frame)
        for layer in self.rounds:
            h = layer(frame, h, values, degrees)
        return h


def floor(nets: int, nodes: int, width: int, layers: int) -> Callable[[], Tensor]:
    """The matrix products of that many layers on the nodes: projections and perceptrons, nothing else."""
    h = torch.randn(nets * nodes, width, requires_grad=True)
    shapes = [(width, 4 * width), (5 * width, 2 * width), (2 * width, width)]
    weights = [torch.randn(*shape, requires_grad=True) for _ in range(layers) for shape in shapes]

    def run() -> Tensor:
        total = h
        for layer in range(layers):
            first, second, third = weights[3 * layer : 3 * layer + 3]
            parts = total @ first
            total = torch.cat([total, parts], 1) @ second @ third
        return total

    return run


def seconds_a_step(run: Callable[[], Tensor], repeats: int) -> float:
    """The median over a few steps, after one that warms up."""
    found = []
    for _ in range(repeats + 1):
        began = time.perf_counter()
        run().square().mean().backward()
        found.append(time.perf_counter() - began)
    return sorted(found[1:])[repeats // 2]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--nets", type=int, default=64)
    parser.add_argument("--width", type=int, default=64)
    parser.add_argument("--layers", type=int, default=4)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--compile", action="store_true")
    args = parser.parse_args()
    axes = {"0.weight": "a in", "0.bias": "a", "1.weight": "b a", "1.bias": "b", "2.weight": "out b", "2.bias": "out"}
    space = WeightSpace.parse(axes, sizes={"in": 2, "a": 32, "b": 32, "out": 1})
    batch = to_graph(space, {key: torch.randn(args.nets, *spec.shape) for key, spec in space.tensors.items()})
    print(f"{args.nets} nets 2-32-32-1, width {args.width}, {args.layers} layers, {torch.get_num_threads()} threads")
    textbook = TextbookNet(batch.x.shape[1], batch.edge_attr.shape[1], args.width, args.layers)
    least = seconds_a_step(floor(args.nets, 67, args.width, args.layers), args.repeats)
    plain = seconds_a_step(lambda: textbook(batch), args.repeats)
    rows = [("floor: matrix products", 0, least), ("textbook", count(textbook), plain)]
    sizes = {"width": args.width, "layers": args.layers}
    for name, kind in {"MessageLayer": Messages, **METANETS}.items():
        if name == "ProbeNet":  # runs modules, not spaces
            continue
        metanet = kind.for_spaces(space, **sizes)
        rows.append((name, count(metanet), seconds_a_step(lambda net=metanet: net(batch), args.repeats)))
        if args.compile and name == "MessageLayer":
            compiled = torch.compile(metanet)
            rows.append(
                (f"{name}, compiled", count(metanet), seconds_a_step(lambda net=compiled: net(batch), args.repeats))
            )
    print(f"{'':26s}{'parameters':>12s}{'ms a step':>11s}{'textbook/this':>15s}{'this/floor':>12s}")
    for name, parameters, seconds in rows:
        print(f"{name:26s}{parameters:12,d}{1e3 * seconds:11.1f}{plain / seconds:15.2f}{seconds / least:12.2f}")
    print(f"peak memory of the run {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20:.2f} GiB")


def count(module: nn.Module) -> int:
    """Number of parameters."""
    return sum(parameter.numel() for parameter in module.parameters())


if __name__ == "__main__":
    main()
