"""Training trajectories as nets: the saved states of a run as several numbers in the place of each weight."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from weightspace.space.channels import with_channels
from weightspace.tasks.labelled.labellednets import LabelledNets
from weightspace.zoo import Zoo


def trajectories(zoo: Zoo, names: Sequence[str], states: int, classes: Sequence[str] = ()) -> LabelledNets:
    """The nets of a zoo with all of their saved states at once, each labelled as its last state is.

    The neurons of a net keep their order while it is trained, so states lie on a fixed last axis of every tensor
    (``c1 in 3 3`` becomes ``c1 in 3 3 2``), and a permutation moves them together. Every metanet that reads a weight
    space reads trajectories.

    Args:
        zoo: states that didn't diverge, the same number of them for every net.
        names, classes: as for `LabelledNets.from_zoo`.
        states: how many states every net has.

    Raises:
        ValueError: a net has another number of states.
    """
    zoo = zoo.filter(status="ok")
    table = zoo.table.sort_by([("net", "ascending"), ("step", "ascending")])
    nets = table["net"].to_pylist()
    for net, count in Counter(nets).items():
        if count != states:
            raise ValueError(f"Each net needs {states} saved states, but net {net} has {count}.")
    last = LabelledNets.from_zoo(zoo.view(table.take(list(range(states - 1, len(nets), states)))), names, classes)
    stacks = []
    for space in last.spaces:
        part = next(part for part in zoo.view(table).by_space().values() if part.space == space)
        stacks.append({name: _on_last_axis(tensor, states) for name, tensor in part.weights().items()})
    spaces = tuple(with_channels(space, states) for space in last.spaces)
    return replace(last, spaces=spaces, stacks=tuple(stacks), states=states)


def _on_last_axis(tensor: Tensor, states: int) -> Tensor:
    """``[nets * states, ...]`` as ``[nets, ..., states]``."""
    return torch.movedim(tensor.unflatten(0, (-1, states)), 1, -1).contiguous()
