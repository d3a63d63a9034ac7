"""How fast weights become graphs: ours, one net at a time, and the floor; run `python scripts/bench_graphs.py`.

Ours is `to_graph` on a stack; the plain way converts each net by itself and collates; the floor copies the weights.
"""

import argparse
import time
from collections.abc import Callable
from dataclasses import replace

import torch
from torch_geometric.data import Batch

from weightspace.graphs import GraphDataset, Layout, from_graph, take, to_graph
from weightspace.space import WeightSpace


def mlp(hidden: int) -> WeightSpace:
    """The space of a 2-hidden-hidden-1 net."""
    axes = {"0.weight": "a in", "0.bias": "a", "1.weight": "b a", "1.bias": "b", "2.weight": "out b", "2.bias": "out"}
    return WeightSpace.parse(axes, sizes={"in": 2, "a": hidden, "b": hidden, "out": 1})


def cnn(kernel: int) -> WeightSpace:
    """The space of a net of three convolutions of 16 channels and a linear layer."""
    axes = {"fc.weight": "out c3", "fc.bias": "out"}
    for layer, (after, before) in enumerate((("c1", "in"), ("c2", "c1"), ("c3", "c2"))):
        axes |= {f"{layer}.weight": f"{after} {before} {kernel} {kernel}", f"{layer}.bias": after}
    return WeightSpace.parse(axes, sizes={"in": 1, "c1": 16, "c2": 16, "c3": 16, "out": 10})


def best_of(run: Callable[[], object], repeats: int = 5) -> float:
    """The fewest seconds of a few runs."""
    seconds = []
    for _ in range(repeats):
        began = time.perf_counter()
        run()
        seconds.append(time.perf_counter() - began)
    return min(seconds)


def one_space(name: str, space: WeightSpace, nets: int, plain_nets: int) -> list[str]:
    """A row for a stack of nets of one space."""
    weights = {key: torch.randn(nets, *spec.shape) for key, spec in space.tensors.items()}
    few = [{key: value[n] for key, value in weights.items()} for n in range(plain_nets)]
    floor = best_of(lambda: {key: value.clone() for key, value in weights.items()})
    ours = best_of(lambda: to_graph(space, weights))
    graph = to_graph(space, weights)
    back = best_of(lambda: {key: value.contiguous().clone() for key, value in from_graph(graph).items()})
    lists = best_of(lambda: to_graph(space, weights).edge_index, 2)
    plain = best_of(lambda: Batch.from_data_list([to_graph(space, net) for net in few]), 2) * nets / plain_nets
    return [name, f"{nets:,}", *(f"{1e3 * x:.1f}" for x in (floor, ours, back, lists, plain)), f"{ours / floor:.2f}",
            f"{plain / ours:.0f}"]  # fmt: skip


class Mixed:
    """Nets of several architectures in memory, as a zoo gives them."""

    def __init__(self, spaces: list[WeightSpace], nets: int):
        self.spaces = {space.hash: space for space in spaces}
        draws = [{k: torch.randn(nets, *s.shape) for k, s in space.tensors.items()} for space in spaces]
        self.stacks = dict(zip(self.spaces, draws, strict=True))
        self.order = [key for _ in range(nets) for key in self.spaces]

    def __len__(self) -> int:
        return len(self.order)

    def __getitem__(self, index: int) -> tuple[dict, dict]:
        key, place = self.order[index], index // len(self.spaces)
        return {name: value[place] for name, value in self.stacks[key].items()}, {"space": key}


def mixed(nets: int) -> str:
    """Mixed batches: a stack for each architecture, beside building each net's graph from its space alone."""
    zoo = Mixed([mlp(16), mlp(32), cnn(3), cnn(5)], nets // 4)
    layout = Layout.of(*zoo.spaces.values())
    stacks = [(zoo.spaces[key], stack) for key, stack in zoo.stacks.items()]
    ours = best_of(lambda: [to_graph(space, stack, layout) for space, stack in stacks])
    dataset = GraphDataset(zoo)
    one = best_of(lambda: Batch.from_data_list([dataset[n] for n in range(nets // 8)]), 2) * 8
    few = list(range(16))

    def fresh() -> None:
        """What a converter without a cache does: everything again for each net."""
        for n in few:
            weights, row = zoo[n]
            space = zoo.spaces[row["space"]]
            sites = tuple(replace(site, settings={"made": n + time.perf_counter()}) for site in space.sites)
            to_graph(replace(space, sites=sites), weights, layout)

    uncached = best_of(fresh, 1) * nets / len(few)
    return (f"mixed, {nets:,} nets of 4 architectures, ms: a stack each {1e3 * ours:.1f}; one by one with cached "
            f"topology and collated {1e3 * one:.0f} ({one / ours:.0f} x); uncached {1e3 * uncached:.0f} "
            f"({uncached / ours:.0f} x)")  # fmt: skip


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--nets", type=int, default=10_000)
    parser.add_argument("--plain-nets", type=int, default=200)
    nets = parser.parse_args()
    head = [
        "space",
        "nets",
        "copy ms",
        "ours ms",
        "back ms",
        "with edge list ms",
        "plain ms",
        "ours/copy",
        "plain/ours",
    ]
    rows = [one_space(name, space, nets.nets, nets.plain_nets) for name, space in {
        "mlp 2-32-32-1": mlp(32), "cnn 3x3 of 16": cnn(3), "cnn 5x5 of 16": cnn(5)}.items()]  # fmt: skip
    for row in [head, *rows]:
        print("  ".join(cell.rjust(max(len(head[n]), 13)) for n, cell in enumerate(row)))
    print(mixed(2000))
    space = mlp(32)
    graph = to_graph(space, {key: torch.randn(nets.nets, *spec.shape) for key, spec in space.tensors.items()})
    nets_of_batch = torch.randint(nets.nets, (64,))
    print(f"64 nets taken from {nets.nets:,}: {1e3 * best_of(lambda: take(graph, nets_of_batch)):.2f} ms")


if __name__ == "__main__":
    main()
