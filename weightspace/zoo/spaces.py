"""The weight spaces of a zoo, one an architecture."""

import functools
import hashlib
import json

from ..nets import build_net
from ..nets.net import Net
from ..space import WeightSpace


def architecture_id(architecture: str) -> str:
    """A short name for an architecture given as canonical JSON."""
    return hashlib.sha256(architecture.encode()).hexdigest()[:12]


def build_architecture(architecture: str) -> Net:
    """The net of ``[name, settings]`` in JSON, in evaluation mode."""
    name, settings = json.loads(architecture)
    return build_net(name, **settings).eval()


@functools.lru_cache(maxsize=1024)
def trace_architecture(architecture: str) -> WeightSpace:
    """The weight space of ``[name, settings]`` in JSON, found by running the net on its example inputs."""
    net = build_architecture(architecture)
    try:
        return WeightSpace.trace(net, *net.example_inputs())
    except ModuleNotFoundError:
        return _by_hand(net)


def _by_hand(net: Net) -> WeightSpace:
    axes, before = {}, "in"
    layers = [name for name, tensor in net.state_dict().items() if name.endswith("weight")]
    for k, name in enumerate(layers):
        shape = net.state_dict()[name].shape
        after = f"h{k}" if k < len(layers) - 1 else "out"
        axes[name] = " ".join([after, before, *map(str, shape[2:])])
        axes[name.replace("weight", "bias")] = after
        before = after
    return WeightSpace.parse(axes, weights=net.state_dict())
