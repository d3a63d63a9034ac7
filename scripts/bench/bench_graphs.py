"""How fast weights become graphs: ours, one net at a time, and the floor; run `python scripts/bench/bench_graphs.py`.

Ours is `to_graph` on a stack; the plain way converts each net by itself and collates; the floor copies the weights.
"""

import argparse
import time
from collections.abc import Callable
from dataclasses import replace

import torch
from bench_trace import Vision, resnet18
from torch_geometric.data import Batch

from weightspace.graphs import Layout, by_skeleton, edge_values, from_graph, mix, take, to_graph
from weightspace.space import WeightSpace


def mlp(hidden: int) -> WeightSpace:
    """The space of a 2-hidden-hidden-1 net."""
    axes = {"0.weight": "a in", "0.bias": "a", "1.weight": "b a", "1.bias": "b", "2.weight": "out b", "2.bias": "out"}
    return WeightSpace.parse(axes, sizes={"in": 2, "a": hidden, "b": hidden, "out": 1})


def cnn(kernel: int, channels: int = 16) -> WeightSpace:
    """The space of a net of three convolutions and a linear layer."""
    axes = {"fc.weight": "out c3", "fc.bias": "out"}
    for layer, (after, before) in enumerate((("c1", "in"), ("c2", "c1"), ("c3", "c2"))):
        axes |= {f"{layer}.weight": f"{after} {before} {kernel} {kernel}", f"{layer}.bias": after}
    return WeightSpace.parse(axes, sizes={"in": 1, "c1": channels, "c2": channels, "c3": channels, "out": 10})


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


def mixed(spaces: list[WeightSpace], each: int) -> list[str]:
    """A row for one batch of nets of several architectures, in turn.

    Ours converts a stack an architecture and mixes them: once up to what metanets on dense blocks read, once with all
    tensors and edge lists that PyG would collate. Plain converts net by net and collates, with the structure of each
    architecture cached, and without: everything again for each net, as converters do that look at one net at a time.
    """
    layout = Layout.of(*spaces)
    stacks = [{key: torch.randn(each, *spec.shape) for key, spec in space.tensors.items()} for space in spaces]
    places = torch.arange(each * len(spaces)).view(each, -1).T.flatten()
    rounds = min(each, max(2, 64 // len(spaces)))
    few = [(space, {key: value[n] for key, value in stack.items()}) for n in range(rounds)
           for space, stack in zip(spaces, stacks, strict=True)]  # fmt: skip

    def ours() -> Batch:
        return mix([to_graph(space, stack) for space, stack in zip(spaces, stacks, strict=True)], places, layout)

    def whole() -> list:
        batch = ours()
        return [batch[key] for key in batch.keys()]  # noqa: SIM118 (a batch is no dict)

    def fresh() -> None:
        for n, (space, weights) in enumerate(few[: len(spaces)]):
            sites = tuple(replace(site, settings={"made": n + time.perf_counter()}) for site in space.sites)
            to_graph(replace(space, sites=sites), weights, layout)

    floor = best_of(lambda: [{key: value.clone() for key, value in stack.items()} for stack in stacks])
    groups, lists = best_of(lambda: by_skeleton(ours())), best_of(whole)
    one = best_of(lambda: Batch.from_data_list([to_graph(*net, layout) for net in few]), 3) * each / rounds
    uncached = best_of(fresh, 2) * each
    seconds = (floor, groups, lists, one, uncached)
    return [f"{each * len(spaces):,} of {len(spaces)}", *(f"{1e3 * x:.2f}" for x in seconds), f"{one / groups:.0f}",
            f"{uncached / groups:.0f}", f"{uncached / lists:.0f}"]  # fmt: skip


def large() -> list[list[str]]:
    """A row for one large net: seconds for the first graph of its space, for another, and back; MB that are held."""
    rows = []
    builds = {"resnet-18": resnet18, "vit-s/16": lambda: (Vision(384, 12, 6), (torch.randn(1, 3, 224, 224),))}
    for name, build in builds.items():
        module, inputs = build()
        space = WeightSpace.trace(module.eval(), *inputs, verify=False)
        weights = {key: value.detach() for key, value in module.state_dict().items()}
        began = time.perf_counter()
        graph = to_graph(space, weights)
        first = time.perf_counter() - began
        again = best_of(lambda s=space, w=weights: to_graph(s, w))
        back = best_of(lambda g=graph: {key: value.clone() for key, value in from_graph(g).items()})
        held = sum(value.numel() * value.element_size() for value in (graph.x, edge_values(graph), graph.other))
        params = sum(value.numel() for value in weights.values()) / 1e6
        rows.append([name, *(f"{value:.3f}" for value in (params, first, again, back)), f"{held / 1e6:.1f}",
                     f"{(first + back) / params * 10:.3f}"])  # fmt: skip
    return rows


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
    head = ["mixed nets", "copy ms", "ours ms", "with edge lists ms", "one by one ms", "uncached ms",
            "one by one/ours", "uncached/ours", "uncached/with lists"]  # fmt: skip
    small = [mlp(8), mlp(16), mlp(24), mlp(32), cnn(3, 4), cnn(3, 8), cnn(3, 16), cnn(5, 4)]
    for row in [head, mixed(small, 8), mixed(small, 250), mixed([mlp(16), mlp(32), cnn(3), cnn(5)], 500)]:
        print("  ".join(cell.rjust(max(len(head[n]), 13)) for n, cell in enumerate(row)))
    head = ["one net", "million params", "first s", "again s", "back s", "held MB", "s / 10 million"]
    for row in [head, *large()]:
        print("  ".join(cell.rjust(max(len(head[n]), 13)) for n, cell in enumerate(row)))
    space = mlp(32)
    graph = to_graph(space, {key: torch.randn(nets.nets, *spec.shape) for key, spec in space.tensors.items()})
    nets_of_batch = torch.randint(nets.nets, (64,))
    print(f"64 nets taken from {nets.nets:,}: {1e3 * best_of(lambda: take(graph, nets_of_batch)):.2f} ms")


if __name__ == "__main__":
    main()
