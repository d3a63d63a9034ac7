"""The weight spaces that graphs and metanets are tested on, written by hand, and random weights for them."""

from dataclasses import replace

import torch
from torch import Tensor

from weightspace.space import Link, TensorSpec, WeightSpace


def _mlp() -> WeightSpace:
    axes = {"0.weight": "h1 in", "0.bias": "h1", "2.weight": "h2 h1", "2.bias": "h2", "4.weight": "out h2"}
    return WeightSpace.parse({**axes, "4.bias": "out"}, sizes={"in": 2, "h1": 5, "h2": 4, "out": 3})


def _cnn() -> WeightSpace:
    axes = {"c1.weight": "c1 in 3 3", "c1.bias": "c1", "c2.weight": "c2 c1 3 3", "c2.bias": "c2"}
    axes |= {"fc.weight": "out c2", "fc.bias": "out"}
    return WeightSpace.parse(axes, sizes={"in": 1, "c1": 3, "c2": 4, "out": 3})


def _lenet() -> WeightSpace:
    axes = {"c1.weight": "c1 in 5 5", "c1.bias": "c1", "n.weight": "c1", "n.bias": "c1", "n.mean": "c1", "n.var": "c1"}
    axes |= {"c2.weight": "c2 c1 3 3", "c2.bias": "c2", "fc.weight": "out (c2 2 3)", "fc.bias": "out"}
    space = WeightSpace.parse(axes, sizes={"in": 1, "c1": 3, "c2": 4, "out": 3})
    tensors = dict(space.tensors)
    for name, slot in {"n.weight": "scale", "n.bias": "shift", "n.mean": "mean", "n.var": "var"}.items():
        tensors[name] = replace(tensors[name], slot=slot, op="norm", buffer=slot in ("mean", "var"))
    tensors["n.count"] = TensorSpec((), dtype="int64", buffer=True)
    tensors["temperature"] = TensorSpec(())
    return replace(space, tensors=tensors)


def _concat() -> WeightSpace:
    axes = {"a.weight": "a in", "b.weight": "b a", "b.bias": "b", "c.weight": "out (a + b + a)", "c.bias": "out"}
    return WeightSpace.parse(axes, sizes={"in": 2, "a": 3, "b": 4, "out": 2})


def _residual() -> WeightSpace:
    axes = {"stem.weight": "s in", "stem.bias": "s", "up.weight": "h s", "up.bias": "h", "down.weight": "s h"}
    space = WeightSpace.parse({**axes, "head.weight": "out s"}, sizes={"in": 2, "s": 3, "h": 4, "out": 2})
    stream = next(i for i, site in enumerate(space.sites) if site.name == "s")
    tensors, sites = dict(space.tensors), (*space.sites, replace(space.sites[stream], name="s.1", depth=2))
    tensors["down.weight"] = replace(tensors["down.weight"], target_site=len(sites) - 1)
    tensors["head.weight"] = replace(tensors["head.weight"], source_sites=(len(sites) - 1,))
    return replace(space, tensors=tensors, sites=sites, links=(Link(stream, len(sites) - 1, "residual"),))


SPACES = {"mlp": _mlp(), "cnn": _cnn(), "lenet": _lenet(), "concat": _concat(), "residual": _residual()}
"""Every way of wiring that the converter knows, small enough for a loop over the entries."""


def random_weights(
    space: WeightSpace, nets: int | None = None, dtype: torch.dtype = torch.float32, seed: int = 0
) -> dict[str, Tensor]:
    """Weights of one net, or of a stack of nets, every entry drawn; variances are positive."""
    generator, lead, weights = torch.Generator().manual_seed(seed), () if nets is None else (nets,), {}
    for name, spec in space.tensors.items():
        if spec.dtype == "int64":
            weights[name] = torch.randint(2**40, size=(*lead, *spec.shape), generator=generator)
        else:
            drawn = torch.randn(size=(*lead, *spec.shape), generator=generator, dtype=torch.float64)
            weights[name] = (drawn.abs() + 0.1 if spec.slot == "var" else drawn).to(dtype)
    return weights
