"""Operators by their own definitions in simpler ones."""

from functools import cache
from typing import Any

import torch
from torch import Tensor, fx
from torch._ops import OpOverload
from torch.utils import _pytree as pytree

from weightspace.space.algebra.value import Value


@cache
def _decompositions() -> dict[Any, Any]:
    from torch._decomp import core_aten_decompositions

    return dict(core_aten_decompositions())


def decomposition(target: OpOverload, args: Any, kwargs: Any) -> fx.GraphModule | None:
    """An operator's own definition by simpler operators, for values of these sizes; None if torch has none."""
    from torch.fx.experimental.proxy_tensor import make_fx

    leaves, spec = pytree.tree_flatten((args, kwargs), is_leaf=lambda x: isinstance(x, Value))
    places = [index for index, leaf in enumerate(leaves) if isinstance(leaf, Value)]

    def call(*tensors: Tensor) -> Any:
        filled = list(leaves)
        for place, tensor in zip(places, tensors, strict=True):
            filled[place] = tensor
        call_args, call_kwargs = pytree.tree_unflatten(filled, spec)
        return target(*call_args, **call_kwargs)

    inputs = [torch.zeros(leaves[place].shape, dtype=leaves[place].dtype) for place in places]
    try:
        graph = make_fx(call, _decompositions(), tracing_mode="fake")(*inputs)
    except Exception:  # whatever torch can't decompose counts as an operator without a rule
        return None
    own = [node.target for node in graph.graph.nodes if isinstance(node.target, OpOverload)]
    return None if target in own or not own else graph
