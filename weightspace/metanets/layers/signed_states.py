"""What flows between the sites of a net that inputs are sent through: activations, and which parts keep their signs."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

from weightspace.metanets.frames.dense import DenseFrame
from weightspace.metanets.inputs.parity import parity
from weightspace.metanets.layers.passage import passage

ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "relu": torch.relu,
    "tanh": torch.tanh,
    "sigmoid": torch.sigmoid,
    "gelu": F.gelu,
    "silu": F.silu,
    "leaky_relu": F.leaky_relu,
    "elu": F.elu,
    "sin": torch.sin,
}


class SignedStates:
    """The states of the sites of a frame, and how they may be joined so that signs of neurons never matter.

    Where the graph says all of a computation, whatever arrives at a neuron flips with it, and nothing is changed here.
    Where it doesn't (attention), parts that would flip otherwise than their neuron are sent without their signs, or
    not at all: an approximation, but with the symmetry.
    """

    def __init__(self, frame: DenseFrame):
        self.frame, self.found = frame, [parity(topo).flags for topo in frame.topologies]
        self.ways = [passage(topo) for topo in frame.topologies]
        self.way = self.ways[0]

    def signed(self, site: int) -> list[bool]:
        """Whether the neurons of a site flip, for each topology."""
        return [own.signed[site] for own in self.found]

    def before(self, site: int) -> list[bool]:
        """Whether what arrives flips, before the scale of a norm is multiplied with it."""
        column = self.frame.layout.slot("scale")
        held = (site, "scale") in self.way.held
        return [own.signed[site] and not (held and own.odd[site][column]) for own in self.found]

    def sent(self, kind: int, site: int, states: dict[int, Tensor], raw: dict[int, Tensor]) -> Tensor:
        """What a site sends along a block or link: its state, or what of it is even if the edge flips otherwise."""
        plain = [own.source[kind] for own in self.found]
        if all(plain):
            return states[site]
        return self._choose(plain, states[site], self.activate(site, raw[site], even=True))

    def fits(self, kind: int, site: int) -> Tensor | float:
        """One where what a block brings flips as its target needs it, else zero; to multiply with."""
        given = [own.target[kind] and own.signed[site] for own in self.found]
        mixed = [own.flips[kind] and not (own.source[kind] or own.target[kind]) for own in self.found]
        wanted = self.before(site)
        return self._mask([g == w and not m for g, w, m in zip(given, wanted, mixed, strict=True)])

    def brings(self, kind: int, site: int, wanted: list[bool]) -> Tensor | float:
        """One where what a link brings flips as wanted, else zero; to multiply with."""
        given = [own.target[kind] and own.signed[site] for own in self.found]
        return self._mask([g == w for g, w in zip(given, wanted, strict=True)])

    def slot(self, site: int, name: str, squared: bool = False) -> Tensor | None:
        """The first vector in a slot of a site, ``[nets, nodes, 1, 1]``; None where the site has none.

        Added vectors must flip as the state does; those that are multiplied (``squared``) must flip or not at all.
        """
        if (site, name) not in self.way.held:
            return None
        column = self.frame.layout.slot(name)
        vector = self.frame.x[:, self.way.starts[site] : self.way.starts[site + 1], column][..., None, None]
        flips = [own.odd[site][column] for own in self.found]
        still = [own.even[site][column] for own in self.found]
        if squared:
            return self._choose([f or s for f, s in zip(flips, still, strict=True)], vector[None], vector.abs()[None])[
                0
            ]
        wanted = self.signed(site) if name == "shift" else self.before(site)
        sound = [f if w else s for f, s, w in zip(flips, still, wanted, strict=True)]
        return vector * self._mask(sound)

    def activate(self, site: int, state: Tensor, even: bool = False) -> Tensor:
        """The state ``[probes, nets, nodes, height, width]`` after the site's activation, or an even partner of it."""
        found = None
        for number, way in enumerate(self.ways):
            name, rate = way.activations[site], way.rates[site]
            value = state * rate if rate != 1 else state
            value = _even(name, value) if even else ACTIVATIONS.get(name, _same)(value)
            mine = (self.frame.which == number)[:, None, None, None]
            found = value if found is None else torch.where(mine, value, found)
        return state if found is None else found

    def _mask(self, flags: list[bool]) -> Tensor | float:
        if all(flags):
            return 1.0
        return torch.tensor(flags, device=self.frame.x.device)[self.frame.which].to(self.frame.x)[:, None, None, None]

    def _choose(self, flags: list[bool], one: Tensor, other: Tensor) -> Tensor:
        if all(flags):
            return one
        mask = torch.tensor(flags, device=one.device)[self.frame.which][:, None, None, None]
        return torch.where(mask, one, other)


def _even(name: str, state: Tensor) -> Tensor:
    """The cosine beside a sine, as Fourier features have it, else the absolute value."""
    return torch.cos(state) if name == "sin" else ACTIVATIONS.get(name, _same)(state).abs()


def _same(state: Tensor) -> Tensor:
    return state
