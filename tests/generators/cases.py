"""What the contracts of generators are tested over: every generator of the list, on two spaces."""

from functools import lru_cache

import torch
from torch import Tensor

from weightspace.generators import GENERATORS, Bank, Flow, Generator, LearnedStart
from weightspace.inr import Convention
from weightspace.nets import SIREN, Architecture, SIRENConfig, build_net
from weightspace.space import WeightSpace

NETS = {
    "cnn": ("cnn", {"image_size": 8, "channels": [3, 4], "stride": 2, "norm": "batch"}),
    "siren": ("siren", {"hidden": [5, 4]}),
}
SEEN = 12


@lru_cache
def space(name: str) -> WeightSpace:
    net = build_net(NETS[name][0], **NETS[name][1]).eval()
    return WeightSpace.trace(net, *net.example_inputs())


@lru_cache
def trained(name: str, nets: int = SEEN) -> dict[str, Tensor]:
    """Weights that stand for trained ones: random, variances above zero, counters counting."""
    source, found = torch.Generator().manual_seed(1), {}
    for key, spec in space(name).tensors.items():
        drawn = torch.randn(nets, *spec.shape, generator=source)
        drawn = drawn.abs() + 0.5 if spec.slot == "var" else drawn
        found[key] = torch.arange(nets) if spec.dtype == "int64" else drawn
    return found


def accuracy(nets: int = SEEN) -> Tensor:
    return torch.linspace(0.1, 0.9, nets)


QUICK = {"Soup": {"matched": False}}
"""Settings that spare time where they don't matter."""


def home(name: str) -> str:
    """The space on which a class is tested: the one with norms, where the class takes it."""
    return "siren" if name in ("LearnedStart", "Flow", "EarlyStopped") else "cnn"


def convention() -> Convention:
    """How the sirens render: on 4x4 points."""
    net = build_net(NETS["siren"][0], **NETS["siren"][1])
    return Convention(Architecture.of(net), (4, 4), "corners")


@lru_cache
def untrained() -> dict[str, Tensor]:
    """A siren as it is drawn."""
    net = SIREN(SIRENConfig(hidden=(5, 4)))
    net.reset_parameters(torch.Generator().manual_seed(0))
    return {key: tensor.clone() for key, tensor in net.state_dict().items()}


def make(name: str, at: str = "", **settings) -> Generator:
    """A generator of a class, fitted to `trained`."""
    at = at or home(name)
    kind, settings = GENERATORS[name], {**QUICK.get(name, {}), **settings}
    if kind is LearnedStart:
        return LearnedStart.for_convention(space(at), convention(), **settings).begin(untrained(), 1e-3).eval()
    if kind is Flow:
        with torch.random.fork_rng():
            torch.manual_seed(0)
            sizes = {"width": 8, "layers": 2, "steps": 4}
            starts = {key: 0.5 * tensor.flip(0) for key, tensor in trained(at).items()}
            settings = {"starts": starts, **sizes, **settings}
            return Flow.for_nets(space(at), trained(at), {"accuracy": accuracy()}, **settings).eval()
    if issubclass(kind, Bank):
        return kind.from_nets(space(at), trained(at), {"accuracy": accuracy()}, **settings)
    return kind.for_spaces(space(at), **settings)
