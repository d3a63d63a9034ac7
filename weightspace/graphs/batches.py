"""Batches of many nets: mixed from several architectures, sorted by architecture again, picked from and joined."""

import copy
from collections.abc import Callable, Sequence
from functools import cache, lru_cache, partial

import torch
from torch import Tensor
from torch_geometric.data import Batch, Data

from weightspace.graphs.batch import batch_over, stacked_batch
from weightspace.graphs.convert import from_graph, one_skeleton, to_graph
from weightspace.graphs.lazy import Deferred, LazyMapping
from weightspace.graphs.rows import is_plain, joined, stored_rows, unpadded
from weightspace.graphs.structure.layout import Layout
from weightspace.graphs.structure.skeleton import skeleton
from weightspace.graphs.structure.topology import Topology, topology
from weightspace.space import WeightSpace

COUNTED_BY = {"x": "nodes", "edge_attr": "edges", "other": "other", "other_int": "other_int"}
"""The tensors of a graph that hold its weights, and what says how many rows each net has in them."""

STRUCTURE_COUNTED_BY = {"node_type": "nodes", "edge_type": "edges", "edge_index": "edges"}
"""The same for what the weight spaces alone decide."""


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
    layout = layout or _narrowest(frozenset(batch.space[0] for _, batch in groups))
    if len(groups) == 1:
        numbers, batch = groups[0]
        sorted_already = torch.equal(numbers, torch.arange(nets))
        return _in_layout(copy.copy(batch) if sorted_already else take(batch, numbers.argsort()), layout)
    return _mixed(groups, layout)


def take(batch: Batch, nets: Tensor) -> Batch:
    """The graphs of some nets of a batch of one architecture, in the order given.

    Args:
        batch: what `to_graph` gives for a stack, or `join` for several.
        nets: integer indices of nets.

    Raises:
        ValueError: the batch holds several architectures.

    Example::

        whole = to_graph(space, zoo.weights())
        metanet(take(whole, torch.randint(len(zoo), (64,))))
    """
    one_skeleton(batch)
    columns = _columns(batch)
    return _stack(batch, nets, {key: value[nets.to(value.device)] for key, value in columns.items()})


def join(batches: Sequence[Batch]) -> Batch:
    """One batch of all graphs of several batches of one architecture (activations may differ).

    Raises:
        ValueError: the batches hold several architectures or layouts.
    """
    spaces = [space for batch in batches for space in batch.space]
    layouts = {layout for batch in batches for layout in batch.layout}
    if len({skeleton(space) for space in set(spaces)}) > 1 or len(layouts) > 1:
        raise ValueError("Batches that are joined must be of one architecture and one layout. Put others into mix().")
    whole = Batch()
    whole._num_graphs = len(spaces)
    whole.space, whole.layout = spaces, [layout for batch in batches for layout in batch.layout]
    columns = [_columns(batch) for batch in batches]
    rows = {key: torch.cat([own[key] for own in columns]) for key in COUNTED_BY}
    return _stack(whole, torch.arange(len(spaces)), rows)


@torch.compiler.disable  # Python over spaces
def by_skeleton(graph: Data | Batch) -> list[tuple[Tensor, Data | Batch]]:
    """A mixed batch as one batch an architecture, each with the places of its nets in the mixed one.

    Of what `mix` gives, as long as nobody has read or set its weights, these are the batches that it was made from.
    """
    if not isinstance(graph, Batch):
        return [(torch.zeros(1, dtype=torch.long), graph)]
    if groups := _unread_groups(graph):
        return list(groups)
    found: dict[str, list[int]] = {}
    for number, space in enumerate(graph.space):
        found.setdefault(skeleton(space), []).append(number)
    if len(found) == 1:
        return [(torch.arange(graph.num_graphs), graph)]
    sizes = {key: _sizes(graph, key) for key in COUNTED_BY}
    groups = []
    for nets in map(torch.tensor, found.values()):
        rows = {}
        for key, size in sizes.items():
            place = (size.cumsum(0) - size)[nets][:, None] + torch.arange(int(size[nets[0]]))
            rows[key] = graph[key][place.to(graph[key].device)].flatten(1)
        first = int(nets[0])
        rows["edge_attr"] = _unpadded(topology(graph.space[first], graph.layout[first]), rows["edge_attr"])
        groups.append((nets, _stack(graph, nets, rows)))
    return groups


def in_order(places: Sequence[Tensor], parts: Sequence[Tensor]) -> Tensor:
    """Results for the groups of `by_skeleton`, ``[nets of the group, ...]`` each, in the order of the mixed batch."""
    if len(parts) == 1:
        return parts[0]
    together = torch.cat(list(parts))
    return together[torch.cat(list(places)).argsort().to(together.device)]


def weights_kind(graph: Data | Batch) -> tuple[torch.dtype, torch.device]:
    """Floating type and device of the weights of a graph; a mixed batch isn't put together for it."""
    groups = _unread_groups(graph) if isinstance(graph, Batch) else None
    x = groups[0][1].x if groups else graph["x"]
    return x.dtype, x.device


def _unread_groups(graph: Batch) -> list[tuple[Tensor, Batch]] | None:
    mapping = graph._store._mapping
    unread = isinstance(mapping, LazyMapping) and mapping.groups and mapping.waits(*COUNTED_BY)
    return mapping.groups if unread else None


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


def _mixed(groups: list[tuple[Tensor, Batch]], layout: Layout) -> Batch:
    places = [numbers for numbers, _ in groups]
    space_of = {n: space for own, batch in groups for n, space in zip(own.tolist(), batch.space, strict=True)}
    nets, spaces = len(space_of), [space_of[number] for number in sorted(space_of)]
    device = weights_kind(groups[0][1])[1]
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

    made: dict[str, Callable[[], Tensor]] = {key: partial(weights, key) for key in COUNTED_BY}
    made |= {key: partial(shared, key) for key in ("node_type", "edge_type")} | {"edge_index": edge_index}
    made["batch"] = lambda: torch.arange(nets).repeat_interleave(steps("nodes")).to(device)
    made["ptr"] = lambda: torch.nn.functional.pad(steps("nodes").cumsum(0), (1, 0)).to(device)
    mapping = LazyMapping({key: Deferred(make) for key, make in made.items()})
    mapping.update(space=spaces, layout=[layout] * nets)
    mapping.groups = groups
    return batch_over(mapping, {key: partial(steps, kind) for key, kind in (COUNTED_BY | STRUCTURE_COUNTED_BY).items()})


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


def _sizes(graph: Batch, key: str) -> Tensor:
    """How many rows each net of a batch has in one of its tensors, ``[nets]``."""
    topologies = [topology(space, layout) for space, layout in zip(graph.space, graph.layout, strict=True)]
    if COUNTED_BY[key] in ("nodes", "edges"):
        return torch.tensor([getattr(topo, COUNTED_BY[key]) for topo in topologies])
    names = {"other": "floats", "other_int": "integers"}[key]
    return torch.tensor([sum(t.space.tensors[name].numel for name in getattr(t, names)) for t in topologies])


def _columns(batch: Batch) -> dict[str, Tensor]:
    """The weights of a batch of one architecture by tensor, ``[nets, ...]``; those on edges without padding."""
    found = {key: batch[key].reshape(batch.num_graphs, -1) for key in COUNTED_BY if key != "edge_attr"}
    stored, topo = stored_rows(batch), topology(batch.space[0], batch.layout[0])
    padded = stored is None and batch.edge_attr.reshape(batch.num_graphs, -1)
    return found | {"edge_attr": _unpadded(topo, padded) if stored is None else stored.values}


def _unpadded(topo: Topology, rows: Tensor) -> Tensor:
    if is_plain(topo):
        return rows
    parts = unpadded(topo, rows.reshape(len(rows), topo.edges, topo.layout.edge))
    return joined(parts, len(rows), rows.dtype, rows.device)


def _stack(batch: Batch, nets: Tensor, rows: dict[str, Tensor]) -> Batch:
    spaces, layouts, chosen = batch.space, batch.layout, nets.tolist()
    topo = topology(spaces[chosen[0]], layouts[chosen[0]])
    x = rows["x"].reshape(len(nets), topo.nodes, topo.layout.node)
    stacked = stacked_batch(topo, x, rows["edge_attr"], rows["other"], rows["other_int"])
    stacked.space, stacked.layout = [spaces[number] for number in chosen], [layouts[number] for number in chosen]
    return stacked
