"""Picking and joining nets of batches of one architecture by one gather, and sorting mixed batches."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch_geometric.data import Batch, Data

from weightspace.graphs.batch import stacked_batch
from weightspace.graphs.convert import one_skeleton
from weightspace.graphs.lazy import LazyMapping
from weightspace.graphs.skeleton import skeleton
from weightspace.graphs.topology import topology


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
    columns = {key: batch[key].reshape(batch.num_graphs, -1) for key in ("x", "edge_attr", "other", "other_int")}
    return _stack(batch, nets, {key: value[nets.to(value.device)] for key, value in columns.items()})


def join(batches: Sequence[Batch]) -> Batch:
    """One batch of all graphs of several batches of one architecture (activations may differ).

    Raises:
        ValueError: the batches hold several architectures or layouts.
    """
    spaces = [space for batch in batches for space in batch.space]
    layouts = {layout for batch in batches for layout in batch.layout}
    if len({skeleton(space) for space in set(spaces)}) > 1 or len(layouts) > 1:
        raise ValueError("Batches of one architecture and one layout can be joined; use a PyG DataLoader for others.")
    whole = Batch()
    whole._num_graphs = len(spaces)
    whole.space, whole.layout = spaces, [layout for batch in batches for layout in batch.layout]
    rows = {
        key: torch.cat([batch[key].reshape(batch.num_graphs, -1) for batch in batches])
        for key in ("x", "edge_attr", "other", "other_int")
    }
    return _stack(whole, torch.arange(len(spaces)), rows)


@torch.compiler.disable  # Python over spaces
def by_skeleton(graph: Data | Batch) -> list[tuple[Tensor, Data | Batch]]:
    """A mixed batch as one batch an architecture, each with the places of its nets in the mixed one.

    Of what `mix` gives, as long as nobody has read or set its weights, these are the batches that it was made from.
    """
    if not isinstance(graph, Batch):
        return [(torch.zeros(1, dtype=torch.long), graph)]
    mapping = graph._store._mapping
    if isinstance(mapping, LazyMapping) and mapping.groups and mapping.waits("x", "edge_attr", "other", "other_int"):
        return list(mapping.groups)
    groups: dict[str, list[int]] = {}
    for number, space in enumerate(graph.space):
        groups.setdefault(skeleton(space), []).append(number)
    if len(groups) == 1:
        return [(torch.arange(graph.num_graphs), graph)]
    sizes = {key: torch.tensor([getattr(topology(s, graph.layout[0]), key) for s in graph.space]) for key in _COUNTS}
    starts = {key: size.cumsum(0) - size for key, size in sizes.items()}
    sizes |= {key: _widths(graph, key) for key in ("other", "other_int")}
    starts |= {key: sizes[key].cumsum(0) - sizes[key] for key in ("other", "other_int")}
    found = []
    for numbers in groups.values():
        nets = torch.tensor(numbers)
        rows = {}
        for key, count in (("x", "nodes"), ("edge_attr", "edges"), ("other", "other"), ("other_int", "other_int")):
            place = starts[count][nets][:, None] + torch.arange(int(sizes[count][nets[0]]))
            rows[key] = graph[key][place.to(graph[key].device)].flatten(1)
        found.append((nets, _stack(graph, nets, rows)))
    return found


_COUNTS = ("nodes", "edges")


def _widths(graph: Batch, key: str) -> Tensor:
    names = {"other": "floats", "other_int": "integers"}[key]
    totals = []
    for space, layout in zip(graph.space, graph.layout, strict=True):
        totals.append(sum(space.tensors[name].numel for name in getattr(topology(space, layout), names)))
    return torch.tensor(totals)


def _stack(batch: Batch, nets: Tensor, rows: dict[str, Tensor]) -> Batch:
    spaces = [batch.space[number] for number in nets.tolist()]
    layouts = [batch.layout[number] for number in nets.tolist()]
    topo = topology(spaces[0], layouts[0])
    x, edge_attr = rows["x"].reshape(len(nets), topo.nodes, -1), rows["edge_attr"].reshape(len(nets), topo.edges, -1)
    stacked = stacked_batch(topo, x, edge_attr, rows["other"], rows["other_int"])
    stacked.space, stacked.layout = spaces, layouts
    return stacked
