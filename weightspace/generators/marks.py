"""Marks that tell the neurons of a layer apart: the place of each in a random order of its layer."""

import math

import torch
from jaxtyping import Float
from torch import Tensor

from weightspace.generators.draws import Draws
from weightspace.graphs import POSITIONS, topology
from weightspace.graphs.structure.pieces import axis_pieces
from weightspace.space import WeightSpace

Places = dict[str, Float[Tensor, "nets neurons"]]


def draw_places(space: WeightSpace, draws: Draws) -> Places:
    """For every free name a random order of its neurons, evenly spaced in (0, 1); another one for each net.

    Orders stand in for noise that is evenly spread: neurons differ as much as they can, and none has a fixed place.
    """
    sizes = {name: group.size or 0 for name, group in space.names.items() if group.free}
    orders = {name: draws.uniform(size).argsort(1) for name, size in sizes.items()}
    return {name: (order + 0.5) / sizes[name] for name, order in orders.items()}


def neuron_marks(space: WeightSpace, places: Places, nets: int) -> Float[Tensor, "nets nodes positions"]:
    """Sines and cosines of the places of the neurons at every site; zero for neurons that can't be permuted.

    Sites that share a name share its places, so marks move as the neurons move. Neurons in groups (group norm) have
    their place in the group within the place of the group.
    """
    starts = topology(space).starts
    like = next(iter(places.values())) if places else torch.zeros(())
    marks = like.new_zeros(nets, starts[-1], POSITIONS)
    for site, start in zip(space.sites, starts, strict=False):
        for piece in axis_pieces(site.axis):
            joint: Tensor | None = None
            for axis, atom in reversed(list(enumerate(piece.atoms))):
                if atom.name is None or atom.name not in places:
                    continue
                shape = [nets, *(1,) * piece.index.dim()]
                shape[axis + 1] = -1
                place = places[atom.name].reshape(shape).expand(nets, *piece.index.shape)
                joint = place if joint is None else place + (joint - 0.5) / (atom.size or 1)
            if joint is not None:
                marks[:, start + piece.index.flatten()] += _waves(joint.flatten(1))
    return marks


def _waves(place: Tensor) -> Tensor:
    angles = place[..., None] * (math.pi * torch.arange(1, POSITIONS // 2 + 1, device=place.device))
    return torch.cat([angles.sin(), angles.cos()], -1)
