"""The weight spaces of a zoo, one an architecture."""

import functools
import hashlib
import json

from torch import nn

from weightspace.nets import build_net, example_inputs
from weightspace.space import WeightSpace


def architecture_id(architecture: str) -> str:
    """A short name for an architecture given as canonical JSON."""
    return hashlib.sha256(architecture.encode()).hexdigest()[:12]


def build_architecture(architecture: str) -> nn.Module:
    """The net of ``[name, settings]`` in JSON, in evaluation mode."""
    name, settings = json.loads(architecture)
    return build_net(name, **settings).eval()


@functools.lru_cache(maxsize=1024)
def trace_architecture(architecture: str) -> WeightSpace:
    """The weight space of ``[name, settings]`` in JSON, found by running the net on its example inputs."""
    net = build_architecture(architecture)
    return WeightSpace.trace(net, *example_inputs(net))
