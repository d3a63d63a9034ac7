"""One batch of nets of several architectures, made architecture by architecture."""

from collections.abc import Callable, Sequence
from functools import cache, lru_cache, partial

import torch
from torch import Tensor
from torch_geometric.data import Batch

from weightspace.graphs.batch import batch_over
from weightspace.graphs.convert import from_graph, to_graph
from weightspace.graphs.layout import Layout
from weightspace.graphs.lazy import Deferred, LazyMapping
from weightspace.graphs.select import join
from weightspace.graphs.skeleton import skeleton
from weightspace.graphs.topology import topology
from weightspace.space import WeightSpace


def mix(batches: Sequence[Batch], places: Tensor | None = None, layout: Layout | None = None) -> Batch:
    """One batch of all graphs of several batches, of any architectures.

    It is what PyG would collate from the graphs one by one. Its tensors are put together when they are first read;
    `by_skeleton`, and with it every metanet that works on dense blocks, takes the given batches as they are.

    Args:
        batches: what `to_graph` gives for stacks, each of one architecture, in any layouts.
        places: where each graph goes, ``[graphs]``, the graphs of the first batch first; left out, in that order.
        layout: the columns of ``x`` and ``edge_attr``; left out, the narrowest that holds all of them.

    Raises:
        ValueError: ``places`` isn't a permutation of the graphs.

    Example::

        stacks = {space: zoo.filter(space=space.hash).weights() for space in zoo.spaces.values()}
        batch = mix([to_graph(space, weights) for space, weights in stacks.items()])
    """
    nets = sum(batch.num_graphs for batch in batches)
    places = torch.arange(nets) if places is None else places.cpu()
    if not torch.equal(places.sort().values, torch.arange(nets)):
        raise ValueError(f"places must hold each number from 0 to {nets - 1} once, got {places.tolist()}.")
    groups = _groups(batches, places.split([batch.num_graphs for batch in batches]))
    spaces: list = [None] * nets
    for numbers, batch in groups:
        for number, space in zip(numbers.tolist(), batch.space, strict=True):
            spaces[number] = space
    layout = layout or _narrowest(frozenset(batch.space[0] for _, batch in groups))
    return _lazy(groups, spaces, layout)


def _groups(batches: Sequence[Batch], places: Sequence[Tensor]) -> list[tuple[Tensor, Batch]]:
    """The batches with their places; those of one skeleton are joined."""
    found: dict[str, list[tuple[Tensor, Batch]]] = {}
    for batch, numbers in zip(batches, places, strict=True):
        if len(numbers):
            found.setdefault(skeleton(batch.space[0]), []).append((numbers, batch))
    groups = []
    for members in found.values():
        narrow = Layout.of(members[0][1].space[0]) if len({batch.layout[0] for _, batch in members}) > 1 else None
        parts = [_in_layout(batch, narrow) if narrow else batch for _, batch in members]
        joined = parts[0] if len(parts) == 1 else join(parts)
        groups.append((torch.cat([numbers for numbers, _ in members]), joined))
    return groups


@lru_cache(maxsize=64)
def _narrowest(spaces: frozenset[WeightSpace]) -> Layout:
    return Layout.of(*spaces)


def _in_layout(batch: Batch, layout: Layout) -> Batch:
    """The same graphs in other columns."""
    if batch.layout[0] == layout:
        return batch
    moved = to_graph(batch.space[0], from_graph(batch), layout)
    moved.space = batch.space
    return moved


def _lazy(groups: list[tuple[Tensor, Batch]], spaces: list[WeightSpace], layout: Layout) -> Batch:
    nets, places = len(spaces), [numbers for numbers, _ in groups]
    device = groups[0][1].x.device
    topologies = [topology(batch.space[0], layout) for _, batch in groups]
    wide = cache(lambda: [_in_layout(batch, layout) for _, batch in groups])

    @cache
    def steps(key: str) -> Tensor:
        if key in ("nodes", "edges"):
            return _by_place(places, [getattr(topo, key) for topo in topologies])
        return _by_place(places, [batch[key].numel() // batch.num_graphs for _, batch in groups])

    def weights(key: str) -> Tensor:
        return _arranged([_per_net(batch, key) for batch in wide()], places)

    def shared(key: str) -> Tensor:
        own = [getattr(topo, key).expand(len(n), -1) for topo, n in zip(topologies, places, strict=True)]
        return _arranged(own, places).to(device)

    def edge_index() -> Tensor:
        starts = steps("nodes").cumsum(0) - steps("nodes")
        own = [topo.edge_index[None] + starts[n, None, None] for topo, n in zip(topologies, places, strict=True)]
        return _arranged(own, places, dim=1).to(device)

    made: dict[str, Callable[[], Tensor]] = {key: partial(weights, key) for key in WEIGHTS}
    made |= {key: partial(shared, key) for key in ("node_type", "edge_type")} | {"edge_index": edge_index}
    made["batch"] = lambda: torch.arange(nets).repeat_interleave(steps("nodes")).to(device)
    made["ptr"] = lambda: torch.nn.functional.pad(steps("nodes").cumsum(0), (1, 0)).to(device)
    mapping = LazyMapping({key: Deferred(make) for key, make in made.items()})
    mapping.update(space=spaces, layout=[layout] * nets)
    mapping.groups = groups
    return batch_over(mapping, {key: partial(steps, kind) for key, kind in COUNTED_BY.items()})


WEIGHTS = ("x", "edge_attr", "other", "other_int")
"""The tensors of a graph that depend on weights."""

COUNTED_BY = {
    **dict.fromkeys(("x", "node_type"), "nodes"),
    **dict.fromkeys(("edge_index", "edge_attr", "edge_type"), "edges"),
    "other": "other",
    "other_int": "other_int",
}
"""What a tensor of a graph has a row for."""


def _per_net(batch: Batch, key: str) -> Tensor:
    tensor = batch[key]
    return tensor.reshape(batch.num_graphs, tensor.shape[0] // batch.num_graphs, *tensor.shape[1:])


def _by_place(places: list[Tensor], values: list[int]) -> Tensor:
    order = torch.cat(places)
    found = torch.empty_like(order)
    found[order] = torch.tensor(values).repeat_interleave(torch.tensor([len(numbers) for numbers in places]))
    return found


def _arranged(parts: list[Tensor], places: list[Tensor], dim: int = 0) -> Tensor:
    """The rows of all nets, net by net, joined along a dimension of theirs."""
    rows: list = [None] * sum(len(numbers) for numbers in places)
    for part, numbers in zip(parts, places, strict=True):
        for row, number in zip(part.unbind(), numbers.tolist(), strict=True):
            rows[number] = row
    return torch.cat(rows, dim)
