"""How graph metanets read a net: its sites side by side, standardised, then a perceptron."""

from dataclasses import dataclass
from functools import lru_cache

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from weightspace.graphs import skeleton
from weightspace.metanets.frames.frame import Frame
from weightspace.metanets.frames.uncompiled import uncompiled
from weightspace.metanets.inputs.depths import hat_weights, site_places
from weightspace.space import WeightSpace

HIDDEN_SLOTS = 3
"""Slots for hidden sites where the architectures differ: near the input, in the middle, near the output."""


@dataclass(frozen=True)
class SiteSlots:
    """Places that the sites of any architecture are read into, as many for all.

    Attributes:
        kinds, depths: of each slot the kind of site (input, hidden, output) and the relative depth.
        architecture: the skeleton whose sites are the slots, in order; None where the slots stand for several.
    """

    kinds: tuple[str, ...]
    depths: tuple[float, ...]
    architecture: str | None

    @classmethod
    def of(cls, spaces: tuple[WeightSpace, ...]) -> "SiteSlots":
        """One slot a site where all spaces are one architecture; else by kind, hidden sites by depth too."""
        if len({skeleton(space) for space in spaces}) == 1:
            kinds = tuple(site.kind for site in spaces[0].sites)
            return cls(kinds, site_places(spaces[0]), skeleton(spaces[0]))
        hidden = torch.linspace(0, 1, HIDDEN_SLOTS).tolist()
        return cls(("input", *["hidden"] * HIDDEN_SLOTS, "output"), (0.0, *hidden, 1.0), None)


@lru_cache(maxsize=1024)
def slot_weights(slots: SiteSlots, space: WeightSpace) -> Float[Tensor, "sites slots"]:
    """How much each site of a space counts in each slot: means over sites of the slot's kind near its depth."""
    if slots.architecture == skeleton(space):
        return torch.eye(len(slots.kinds))
    found = torch.zeros(len(space.sites), len(slots.kinds))
    for kind in set(slots.kinds):
        columns = [number for number, own in enumerate(slots.kinds) if own == kind]
        rows = [number for number, site in enumerate(space.sites) if site.kind == kind]
        depths = torch.tensor([slots.depths[number] for number in columns])
        near = hat_weights(depths, torch.tensor([site_places(space)[number] for number in rows]))
        found[torch.tensor(rows, dtype=torch.long)[:, None], torch.tensor(columns)] = near.T
    return found


@uncompiled  # Python over spaces; what follows it is compiled
def slot_shares(slots: SiteSlots, frame: Frame) -> Tensor:
    """`slot_weights` of every net of a frame, to broadcast against what its `pool` gives."""
    return frame.per_site([slot_weights(slots, topo.space).to(frame.x) for topo in frame.topologies])


class Standardise(nn.Module):
    """Batch normalisation without scale and shift; a batch of one net is standardised as in evaluation.

    What is pooled over neurons differs between nets by a few per cent of its mean, so without this the nonlinearity
    behind it sees constants. Ioffe and Szegedy 2015, "Batch normalization".

    Shapes:
        in and out ``[nets, features]``.
    """

    mean: Tensor
    var: Tensor

    def __init__(self, features: int):
        super().__init__()
        self.register_buffer("mean", torch.zeros(features))
        self.register_buffer("var", torch.ones(features))

    def forward(self, x: Float[Tensor, "nets features"]) -> Float[Tensor, "nets features"]:
        return functional.batch_norm(x, self.mean, self.var, training=self.training and len(x) > 1)


class Readout(nn.Module):
    """Mean and maximum over the neurons of each site, side by side in slots, standardised, read by a perceptron.

    Invariant to permutations of neurons, as means and maxima are. Nets of one architecture have a slot a site; those
    of several are read by kind and depth of their sites (see `SiteSlots`), and so is an architecture that comes later.

    Args:
        spaces: of the nets.
        width: features of a node.
        outputs: numbers a net.
        dropout: before the last layer.

    Shapes:
        features of the nodes ``[nets, nodes, width]`` or ``[nodes of all nets, width]`` in, ``[nets, outputs]`` out.
    """

    def __init__(self, spaces: tuple[WeightSpace, ...], width: int, outputs: int, dropout: float):
        super().__init__()
        self.slots, hidden = SiteSlots.of(spaces), 2 * width
        features = hidden * len(self.slots.kinds)
        self.standardise = Standardise(features)
        self.read = nn.Sequential(
            nn.Linear(features, hidden), nn.SiLU(), nn.Linear(hidden, hidden), nn.SiLU(), nn.Dropout(dropout),
            nn.Linear(hidden, outputs),
        )  # fmt: skip

    def shares(self, frame: Frame) -> Tensor:
        """What `forward` needs of a frame beside features; asked for first, so that what follows is compiled whole."""
        return slot_shares(self.slots, frame)

    def forward(self, frame: Frame, h: Tensor, shares: Tensor) -> Float[Tensor, "nets outputs"]:
        pooled = torch.cat([frame.pool(h), frame.pool(h, "max")], -1)
        slots = frame.sum_sites((shares[..., None] * pooled[..., None, :]).flatten(-2))
        return self.read(self.standardise(slots))
