"""What the contracts of metanets are tested over: every metanet, with each of its heads, times every architecture."""

from dataclasses import replace
from functools import lru_cache

from torch import nn

from tests.graphs.spaces import SPACES
from weightspace.metanets import METANETS, Metanet, ProbeNet
from weightspace.nets import NETS, build_net
from weightspace.space import Sum, WeightSpace
from weightspace.testing import randomized

SMALL = {
    "SpaceNet": {"width": 8, "layers": 2, "gates": 4, "members": 2, "hidden": 16, "probes": 3, "probe_size": 8},
    "StatNet": {"width": 16},
    "FlatMLP": {"width": 16},
    "ProbeNet": {"width": 16, "probes": 5, "latent": 4},
}
"""Settings that make a metanet small; for the others two layers of width 8."""

BLIND = ("StatNet",)
"""Metanets that read each tensor by itself and can't see how tensors are joined."""

CASES = [(name, head) for name, kind in METANETS.items() for head in kind.heads]

MIXING = [name for name in METANETS if name != "ProbeNet"]
"""Metanets that are made for several spaces; a `ProbeNet` runs one module."""

EDGE_LISTS = [name for name, kind in METANETS.items() if hasattr(kind, "dense")]
"""Metanets that can run on edge lists."""

BLOCKS = [name for name in EDGE_LISTS if METANETS[name].dense is None]
"""Those of them that run on dense blocks where they can."""


def small(name: str, *spaces: WeightSpace, **settings) -> Metanet:
    """A small metanet of a class for some spaces; a `ProbeNet` for the first, which must be a traced one."""
    settings = {**SMALL.get(name, {"width": 8, "layers": 2}), **settings}
    if name == "ProbeNet":
        module = module_of(spaces[0])
        return ProbeNet.for_module(module, spaces[0], module.example_inputs()[0], **settings)
    return METANETS[name].for_spaces(*spaces, **settings)


def shaken(name: str, *spaces: WeightSpace, **settings) -> Metanet:
    """A small metanet in float64, every parameter drawn at random."""
    metanet = randomized(small(name, *spaces, **settings))
    for module in getattr(metanet, "runs", ()):
        module.double()
    return metanet


@lru_cache
def traced(name: str) -> WeightSpace:
    """The weight space of a net of the list, traced."""
    net = NETS[name]()
    return WeightSpace.trace(net, *net.example_inputs())


def module_of(space: WeightSpace) -> nn.Module:
    """A net of the list, of a traced space."""
    if space == small_cnn():
        return build_net("cnn", **SMALL_CNN)
    return next(NETS[name]() for name in NETS if traced(name) == space)


SMALL_CNN = {"image_size": 8, "channels": [4, 5], "stride": 2}


@lru_cache
def small_cnn() -> WeightSpace:
    """The traced space of a small convolutional net."""
    net = build_net("cnn", **SMALL_CNN)
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
    if name == "ProbeNet":
        return small_cnn()
    return SPACES["mlp" if name == "DWSNet" else "lenet"]


def fits(name: str, space: WeightSpace) -> bool:
    """Whether a class takes a space."""
    matrices = all(len(spec.axes) < 3 and spec.slot in ("weight", "bias") for spec in space.tensors.values())
    single = all(len(axis.atoms()) == 1 for spec in space.tensors.values() for axis in spec.axes)
    if name == "ProbeNet":
        return any(space == traced(net) for net in NETS)
    if name == "ScaleGMN":
        return not _behind_norms(space) and not _fused(space)
    return name != "DWSNet" or (matrices and single and not space.links and not _on_two_axes(space))


def _behind_norms(space: WeightSpace) -> bool:
    """Whether neurons have a scale behind a norm and a sign before it, which ScaleGMN refuses."""
    kinds = {kind: {action.name for action in space.actions if action.kind == kind} for kind in ("scale", "sign")}
    return bool(kinds["scale"] & kinds["sign"]) and any(spec.slot == "mean" for spec in space.tensors.values())


def _fused(space: WeightSpace) -> bool:
    """Whether one matrix leads to queries, keys and values, whose scales differ; ScaleGMN has one scale a neuron."""
    leads = [spec.axes[dim] for spec in space.tensors.values() if spec.role == "weight" for dim in spec.target]
    return any(isinstance(axis, Sum) for axis in leads)


def _on_two_axes(space: WeightSpace) -> bool:
    return any(spec.role == "vector" and len(spec.axes) > 1 for spec in space.tensors.values())
