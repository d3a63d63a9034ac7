"""Neurons between weights that are multiplied with each other before an input meets them: ``B @ A`` of an adapter."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from weightspace.space.algebra.dims import Dim

Ends = Mapping[str, tuple[tuple[int, ...], tuple[int, ...]]]
"""For each parameter its axes that lead to the output's neurons, and those that read the input's."""


@dataclass(frozen=True, eq=False)
class Joint:
    """Parameters that are contracted with each other.

    Args:
        dims: the axes that are summed over.
        axes: each parameter, with its axes there.
    """

    dims: tuple[Dim, ...]
    axes: Mapping[str, tuple[int, ...]]


@dataclass(frozen=True)
class Way:
    """How one of several parameters that are multiplied leads from neurons to neurons.

    Args:
        target, target_site: its axes to the neurons that it leads to, and where they stand; None where these are the
            output's.
        source, source_site: the same of the neurons that it reads; both empty for a factor of neurons.
    """

    target: tuple[int, ...]
    target_site: int | None
    source: tuple[int, ...] = ()
    source_site: tuple[int, ...] = ()


def ways(
    joints: list[Joint], ends: Ends, source_site: tuple[int, ...], place: Callable[[Joint], int]
) -> dict[str, Way]:
    """The way of each parameter of a product, from those that read the input to those that lead to the output.

    Args:
        joints: all that were met; those of other products are left out. source_site: where the input's neurons stand.
        place: the site of the neurons of a joint.
    """
    left = [joint for joint in joints if len(joint.axes.keys() & ends.keys()) > 1]
    reads = {param: (ins, source_site) for param, (outs, ins) in ends.items() if ins and not outs}
    found: dict[str, Way] = {}
    todo = list(reads)
    while todo:
        param = todo.pop(0)
        joint = next((joint for joint in left if param in joint.axes and joint.axes[param] != reads[param][0]), None)
        if joint is None:
            continue
        left.remove(joint)
        site = place(joint)
        for other, axes in joint.axes.items():
            if other in reads:
                found[other] = Way(axes, site, *reads[other])
            elif other in ends and ends[other][0]:
                found[other] = Way(ends[other][0], None, axes, (site,))
            elif any(other in more.axes for more in left):
                reads[other] = (axes, (site,))
                todo.append(other)
            else:
                found[other] = Way(axes, site)
    return found
