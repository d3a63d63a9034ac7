"""Compiles metanets and writes, as JSON, how far the results are from plain ones; `python -m tests.metanets.compiling`.

A process of its own: the checks of shapes that tests turn on would be compiled along, which takes minutes.
"""

import json
import sys

import torch

from tests.graphs.spaces import SPACES, random_weights
from tests.metanets.cases import small, small_cnn
from weightspace.metanets.base import Metanet
from weightspace.space import WeightSpace


def case(name: str, head: str) -> tuple[Metanet, WeightSpace]:
    """A small metanet and a space."""
    space = small_cnn() if name == "ProbeNet" else SPACES["mlp"]
    return small(name, space, head=head, layers=1), space


def compare(name: str, head: str, backend: str) -> dict[str, float]:
    """The relative error of outputs and gradients, and how many graphs were compiled."""
    torch._dynamo.reset()
    torch.manual_seed(0)
    metanet, space = case(name, head)
    metanet.eval()
    graph, found = metanet.graph(space, random_weights(space, nets=2)), []
    torch._dynamo.utils.counters.clear()
    for call in (torch.compile(metanet, backend=backend), metanet):
        metanet.zero_grad()
        result = call(graph)
        parts = list(result.values()) if isinstance(result, dict) else [result]
        sum(part.square().sum() for part in parts).backward()
        flat = torch.cat([part.detach().flatten() for part in parts])
        grads = [p.grad.flatten() for p in metanet.parameters() if p.grad is not None]
        found.append((flat, torch.cat(grads)))
    errors = [float((one - other).abs().max() / other.abs().max()) for one, other in zip(*found, strict=True)]
    graphs = int(torch._dynamo.utils.counters["stats"]["unique_graphs"])
    return {"output": errors[0], "gradient": errors[1], "graphs": graphs}


if __name__ == "__main__":
    backend, *cases = sys.argv[1:]
    sys.stdout.write(json.dumps({text: compare(*text.split(":"), backend) for text in cases}))
