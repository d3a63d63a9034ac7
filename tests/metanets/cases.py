"""What the contracts of metanets are tested over: every metanet, with each of its heads, times every architecture."""

from dataclasses import replace
from functools import lru_cache

from tests.graphs.spaces import SPACES
from weightspace.metanets import METANETS
from weightspace.nets import NETS
from weightspace.space import WeightSpace

SMALL = {
    "SpaceNet": {"width": 8, "layers": 2, "gates": 4, "members": 2, "hidden": 16, "probes": 3, "probe_size": 8},
    "StatNet": {"width": 16},
    "FlatMLP": {"width": 16},
}
"""Settings that make a metanet small; for the others two layers of width 8."""

BLIND = ("StatNet",)
"""Metanets that read each tensor by itself and can't see how tensors are joined."""

CASES = [(name, head) for name, kind in METANETS.items() if name != "ProbeNet" for head in kind.heads]
"""`ProbeNet` runs modules, which spaces written by hand don't have; its contracts are in test_probenet.py."""


def small(name: str, *spaces: WeightSpace, **settings):
    """A small metanet of a class for some spaces."""
    return METANETS[name].for_spaces(*spaces, **{**SMALL.get(name, {"width": 8, "layers": 2}), **settings})


@lru_cache
def traced(name: str) -> WeightSpace:
    """The weight space of a net of the list, traced."""
    net = NETS[name]()
    return WeightSpace.trace(net, *net.example_inputs())


@lru_cache
def spaces() -> dict[str, WeightSpace]:
    """The spaces written by hand, and the traced ones of every net of the toolkit with up to 50,000 weights."""
    found = dict(SPACES)
    for name in NETS:
        space = traced(name)
        if sum(spec.numel for spec in space.tensors.values()) <= 50_000:
            found[f"net {name}"] = space
    return found


def relabelled(space: WeightSpace, activation: str) -> WeightSpace:
    """The same space with another activation at every hidden site."""
    sites = [replace(site, activation=activation) if site.kind == "hidden" else site for site in space.sites]
    return replace(space, sites=tuple(sites))


def home(name: str) -> WeightSpace:
    """A space that a class can take, the richest one."""
    return SPACES["mlp" if name == "DWSNet" else "lenet"]


def fits(name: str, space: WeightSpace) -> bool:
    """Whether a class takes a space."""
    matrices = all(len(spec.axes) < 3 and spec.slot in ("weight", "bias") for spec in space.tensors.values())
    single = all(len(axis.atoms()) == 1 for spec in space.tensors.values() for axis in spec.axes)
    if name == "ScaleGMN":
        return not _behind_norms(space)
    return name != "DWSNet" or (matrices and single and not space.links and not _on_two_axes(space))


def _behind_norms(space: WeightSpace) -> bool:
    """Whether neurons have a scale behind a norm and a sign before it, which ScaleGMN refuses."""
    kinds = {kind: {action.name for action in space.actions if action.kind == kind} for kind in ("scale", "sign")}
    return bool(kinds["scale"] & kinds["sign"]) and any(spec.slot == "mean" for spec in space.tensors.values())


def _on_two_axes(space: WeightSpace) -> bool:
    return any(spec.role == "vector" and len(spec.axes) > 1 for spec in space.tensors.values())
