"""How fast metanets train; `python scripts/bench/bench_metanets.py`.

One step is forward and backward on 64 nets 2-32-32-1, from a list of their weights as dicts, so it includes making the
batch. Every class stands beside a plain version of its paper's computation (`scripts/bench/plain`), of the same width
and number of layers. First `GraphMetanet` itself, on a batch that is made: against the textbook layer (PyG's
MessagePassing: concatenate both ends and the edge, a perceptron on every edge, edges both ways) and against its matrix
products alone, each as it is and compiled. Memory is the resident peak of a process that takes three steps, less what
it held before.
"""

import argparse
import subprocess
import sys
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import torch
from plain import PLAIN, SIZES, Textbook
from torch import Tensor, nn
from torch_geometric.data import Batch
from torch_geometric.nn import global_mean_pool

from weightspace.graphs import to_graph
from weightspace.machine.memory import keep_memory
from weightspace.metanets import METANETS
from weightspace.space import WeightSpace

OURS = {
    "DWSNet": ("DWSNet", {}),
    "UNF": ("UNF", {}),
    "UNF as NFN_HNP": ("UNF", {"free_ends": False}),
    "UNF as NFN_NP": ("UNF", {"free_ends": True}),
    "GraphMetanet": ("GraphMetanet", {}),
    "NeuralGraphGNN": ("NeuralGraphGNN", {}),
    "NeuralGraphTransformer": ("NeuralGraphTransformer", {"num_heads": 4}),
    "ScaleGMN forward": ("ScaleGMN", {"bidirectional": False}),
    "ScaleGMN": ("ScaleGMN", {"bidirectional": True}),
    "ProbeNet": ("ProbeNet", {"input_shape": (2,), "output_size": 1, "probes": 64, "latent": 32, "dropout": 0.0}),
    "PyGMetanet": ("PyGMetanet", {"conv": "GINEConv"}),
    "StatNet": ("StatNet", {"dropout": 0.0}),
    "FlatMLP": ("FlatMLP", {"dropout": 0.0}),
    "SpaceNet": ("SpaceNet", {"probes": 64, "members": 8, "hidden": 128, "dropout": 0.0}),
}
"""The rows of the table: class and settings."""


class TextbookNet(nn.Module):
    """Textbook layers, edges both ways."""

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


class Floor(nn.Module):
    """The matrix products of as many rounds of `GraphMetanet`, on nodes and on edges, and nothing else."""

    def __init__(self, nodes: int, edges: int, width: int, layers: int):
        super().__init__()
        self.h, self.e = nn.Parameter(torch.randn(nodes, width)), nn.Parameter(torch.randn(edges, width))
        on_nodes, on_edges = [(width, 2 * width), (4 * width, 2 * width), (2 * width, width)], [(width, width)] * 2
        self.nodes = nn.ParameterList(torch.randn(*shape) / 30 for _ in range(layers) for shape in on_nodes)
        self.edges = nn.ParameterList(torch.randn(*shape) / 30 for _ in range(layers) for shape in on_edges)

    def forward(self, batch: Batch) -> Tensor:
        """``[nodes, width]`` and ``[edges, width]`` in one vector."""
        h, e, nodes, edges = self.h, self.e, list(self.nodes), list(self.edges)
        for first, second, third in zip(nodes[::3], nodes[1::3], nodes[2::3], strict=True):
            h = torch.cat([h @ first, h, h], 1) @ second @ third
        for first, second in zip(edges[::2], edges[1::2], strict=True):
            e = e @ first @ second
        return torch.cat([h.flatten(), e.flatten()])


class FromList(nn.Module):
    """A metanet on a list of nets: stacked, made a batch, read."""

    def __init__(self, metanet: nn.Module, space: WeightSpace):
        super().__init__()
        self.metanet, self.space = metanet, space

    def forward(self, nets: list[dict[str, Tensor]]) -> Tensor:
        """``[nets, 1]``."""
        weights = {name: torch.stack([net[name] for net in nets]) for name in nets[0]}
        return self.metanet(self.metanet.graph(self.space, weights))


def weight_space() -> WeightSpace:
    """The space of the nets, sine between the layers."""
    return WeightSpace.trace(Siren(), torch.zeros(2, 2))


def made(name: str, space: WeightSpace, width: int, layers: int) -> nn.Module:
    """One of our metanets, on a list of nets."""
    kind, settings = OURS[name]
    metanet = METANETS[kind].for_spaces(space, width=width, layers=layers, **settings)
    if kind == "ProbeNet":
        metanet.runs.append(Siren().eval())
    return FromList(metanet, space)


class Siren(nn.Sequential):
    """The module of the nets, for `ProbeNet`."""

    def __init__(self) -> None:
        super().__init__(*(nn.Linear(first, second) for first, second in pairwise(SIZES)))

    def forward(self, x: Tensor) -> Tensor:
        """Sines between linear layers."""
        *hidden, last = self
        for layer in hidden:
            x = torch.sin(30 * layer(x))
        return last(x)


def seconds_a_step(runs: dict[str, Callable[[], Tensor]], repeats: int) -> dict[str, float]:
    """The median over a few steps after one that warms up; the runs take turns."""
    found: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(repeats + 1):
        for name, run in runs.items():
            began = time.perf_counter()
            run().square().mean().backward()
            found[name].append(time.perf_counter() - began)
    return {name: sorted(times[1:])[(len(times) - 2) // 2] for name, times in found.items()}


def peak(name: str, args: argparse.Namespace) -> float:
    """MiB that three steps take in a process of their own."""
    command = [sys.executable, __file__, "--memory", name, "--nets", str(args.nets), "--width", str(args.width)]
    return float(
        subprocess.run([*command, "--layers", str(args.layers)], capture_output=True, text=True, check=True).stdout
    )


def measure_memory(model: nn.Module, nets: list[dict[str, Tensor]]) -> float:
    """How far the resident peak over three steps is above what is resident before, MiB."""
    Path("/proc/self/clear_refs").write_text("5")  # the peak counts from here
    before = resident("VmRSS")
    for _ in range(3):
        model(nets).square().mean().backward()
    return resident("VmHWM") - before


def resident(what: str) -> float:
    """A line of the process's status, MiB; getrusage would count the peak of the process that started this one."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(float(line.split()[1]) for line in lines if line.startswith(what)) / 1024


def three_ways(space: WeightSpace, nets: list[dict[str, Tensor]], args: argparse.Namespace) -> None:
    """Print `GraphMetanet` against as many textbook layers and against its floor."""
    batch = to_graph(space, {name: torch.stack([net[name] for net in nets]) for name in nets[0]})
    assert batch.edge_index is not None  # computed when it is first read
    models = {
        "floor: matrix products": Floor(len(batch.x), len(batch.edge_attr), args.width, args.layers),
        "textbook": TextbookNet(batch.x.shape[1], batch.edge_attr.shape[1], args.width, args.layers),
        "GraphMetanet": METANETS["GraphMetanet"].for_spaces(space, width=args.width, layers=args.layers),
    }
    if args.compile:
        models |= {f"{name}, compiled": torch.compile(model) for name, model in models.items()}
    steps = seconds_a_step({n: lambda m=model: m(batch) for n, model in models.items()}, args.repeats)
    print(f"{'':34s}{'ms a step':>11s}{'textbook/this':>15s}{'this/floor':>12s}")
    for name, seconds in steps.items():
        print(f"{name:34s}{1e3 * seconds:11.1f}{steps['textbook'] / seconds:15.2f}"
              f"{seconds / steps['floor: matrix products']:12.2f}")  # fmt: skip


def table(space: WeightSpace, nets: list[dict[str, Tensor]], args: argparse.Namespace) -> None:
    """Print every class beside its plain version."""
    print(f"{'':24s}{'parameters':>12s}{'ms a step':>11s}{'plain ms':>11s}{'plain/ours':>12s}{'MiB':>7s}{'plain':>7s}")
    for name in args.only or OURS:
        ours, plain = made(name, space, args.width, args.layers), PLAIN[name](args.width, args.layers)
        steps = seconds_a_step({"ours": lambda m=ours: m(nets), "plain": lambda m=plain: m(nets)}, args.repeats)
        memory = [0.0, 0.0] if args.no_memory else [peak(name, args), peak(f"plain {name}", args)]
        count = sum(parameter.numel() for parameter in ours.parameters())
        print(f"{name:24s}{count:12,d}{1e3 * steps['ours']:11.1f}{1e3 * steps['plain']:11.1f}"
              f"{steps['plain'] / steps['ours']:12.2f}{memory[0]:7.0f}{memory[1]:7.0f}", flush=True)  # fmt: skip


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--nets", type=int, default=64)
    parser.add_argument("--width", type=int, default=64)
    parser.add_argument("--layers", type=int, default=4)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--only", nargs="*", help="rows of the table")
    parser.add_argument("--no-compile", dest="compile", action="store_false")
    parser.add_argument("--no-memory", action="store_true")
    parser.add_argument("--memory", help="print the memory of this row, and nothing else")
    args = parser.parse_args()
    torch.manual_seed(0)
    keep_memory()  # as in training; for all sides
    space = weight_space()
    nets = [{key: torch.randn(spec.shape) / 5 for key, spec in space.tensors.items()} for _ in range(args.nets)]
    if args.memory:
        plain, name = args.memory.startswith("plain "), args.memory.removeprefix("plain ")
        model = PLAIN[name](args.width, args.layers) if plain else made(name, space, args.width, args.layers)
        print(measure_memory(model, nets))
        return
    print(f"{args.nets} nets 2-32-32-1, width {args.width}, {args.layers} layers, {torch.get_num_threads()} threads")
    three_ways(space, nets, args)
    print()
    table(space, nets, args)


if __name__ == "__main__":
    main()
