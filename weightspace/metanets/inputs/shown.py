"""Which neurons the graph of a net shows as nodes."""

from functools import lru_cache

from weightspace.space import WeightSpace


@lru_cache(maxsize=256)
def neurons_without_node(space: WeightSpace) -> dict[str, str]:
    """The free names whose neurons are no nodes, and a tensor of each.

    Neurons between two weights that are multiplied (``B @ A`` of a low-rank adapter) are nodes where the product is a
    contraction. Where it is written in another way, as a sum of products of entries, the tracer finds no place for
    them, and the graph keeps such tensors whole, as numbers without neurons.
    """
    found: dict[str, str] = {}
    for name, spec in space.tensors.items():
        hidden = [axis for dim, axis in enumerate(spec.axes) if dim not in (*spec.target, *spec.source)]
        for atom in (atom for axis in hidden for atom in axis.atoms()):
            if atom.name in space.free and (atom.size or 0) > 1:
                found.setdefault(atom.name, name)
    return found


def check_nodes(metanet: str, space: WeightSpace) -> None:
    """See that messages between nodes reach all neurons that may be permuted.

    Raises:
        ValueError: neurons that are no nodes.
    """
    hidden = neurons_without_node(space)
    if hidden:
        name, tensor = next(iter(hidden.items()))
        more = f" ({len(hidden)} such names)" if len(hidden) > 1 else ""
        raise ValueError(
            f"{metanet} passes messages between neurons that are nodes of the graph, and those of {name!r}, which "
            f"stand in {tensor!r}, are none{more}: the net multiplies weights with weights there. Take UNF, which "
            "follows all permutations, or read the products of the weights."
        )
