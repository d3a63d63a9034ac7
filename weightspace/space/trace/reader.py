"""Read an exported graph operator by operator, giving every tensor labelled axes."""

import operator
from collections.abc import Sequence
from functools import cache
from typing import Any

import torch
from torch import Tensor, fx
from torch._ops import OpOverload

from weightspace.space.algebra.tracer import Tracer
from weightspace.space.algebra.value import Value
from weightspace.space.rules import RULES, opaque_pointwise


class Reader:
    """Runs graphs on `Value`s instead of tensors."""

    def __init__(self, tracer: Tracer):
        self.tracer = tracer
        self.operators = 0
        self._decomposed: dict[Any, fx.GraphModule | None] = {}

    def run(self, module: fx.GraphModule, inputs: Sequence[Any]) -> Any:
        """The values that the graph's output node returns."""
        found: dict[fx.Node, Any] = {}
        roots: dict[fx.Node, fx.Node] = {}
        given = iter(inputs)
        for node in module.graph.nodes:
            if node.op == "placeholder":
                found[node] = next(given, None)
            elif node.op == "get_attr":
                found[node] = self._attribute(module, node.target)
            elif node.op == "output":
                return fx.node.map_arg(node.args[0], lambda n: found[n])
            else:
                found[node] = self._call(node, found)
                _write_back(node, found, roots)
        return None

    def _attribute(self, module: fx.GraphModule, path: str) -> Any:
        target: Any = module
        for part in path.split("."):
            target = getattr(target, part)
        return constant_value(self.tracer, target) if isinstance(target, Tensor) else target

    def _call(self, node: fx.Node, found: dict[fx.Node, Any]) -> Any:
        args = fx.node.map_arg(node.args, lambda n: found[n])
        kwargs = fx.node.map_arg(node.kwargs, lambda n: found[n])
        if node.target is operator.getitem:
            return args[0][args[1]]
        self.operators += 1
        self.tracer.wanted = _wanted(node)
        return self.apply(node.target, args, kwargs, node.meta.get("val"))

    def apply(self, target: Any, args: Any, kwargs: Any, result: Any) -> Any:
        """One operator: by its rule, else entry by entry if it is tagged so, else by its decomposition, else opaque."""
        values = [value for value in _flatten([args, kwargs]) if isinstance(value, Value)]
        if not isinstance(target, OpOverload):
            return self._higher_order(target, args, values, result)
        name = operator_name(target)
        self._describe(name, result)
        if name in RULES:
            found = self._by_rule(name, args, kwargs, result)
            if found is not None:
                return found
        if not values:
            return _map_results(result, lambda _: self.tracer.constant("data"), self.tracer)
        if torch.Tag.pointwise in target.tags and name not in RULES and isinstance(result, Tensor):
            return opaque_pointwise(self.tracer, *args, *kwargs.values())
        graph = self._decompose(target, args, kwargs)
        if graph is not None:
            return self.run(graph, values)
        self.tracer.loses(name, values)
        return self._opaque(result, values)

    def _by_rule(self, name: str, args: Any, kwargs: Any, result: Any) -> Any:
        """What the rule gives, or None if it doesn't cover this use of the operator."""
        try:
            found = RULES[name](self.tracer, *args, **kwargs)
        except Exception:  # an unforeseen form of a call costs symmetry, never the whole trace
            return None
        shapes = [tuple(part.shape) for part in _flatten(result) if isinstance(part, Tensor)]
        values = [value.shape for value in _flatten(found) if isinstance(value, Value)]
        return found if shapes == values[: len(shapes)] else None

    def _describe(self, name: str, result: Any) -> None:
        t = self.tracer
        t.op = name
        if isinstance(result, Tensor):
            t.shape, t.dtype = tuple(map(int, result.shape)), result.dtype
        elif isinstance(result, list | tuple):
            t.shape = tuple(tuple(map(int, part.shape)) if isinstance(part, Tensor) else () for part in result)
            t.dtype = next((part.dtype for part in result if isinstance(part, Tensor)), torch.float32)

    def _opaque(self, result: Any, values: list[Value]) -> Any:
        return _map_results(result, lambda part: self.tracer.opaque(*values, shape=tuple(part.shape)), self.tracer)

    def _higher_order(self, target: Any, args: Any, values: list[Value], result: Any) -> Any:
        """Wrappers around a block of code (no_grad, autocast) run the block; anything else is opaque."""
        graphs = [arg for arg in args if isinstance(arg, fx.GraphModule)]
        if len(graphs) == 1 and "wrap" in str(target):
            return self.run(graphs[0], args[args.index(graphs[0]) + 1 :])
        if not values:
            return _map_results(result, lambda _: self.tracer.constant("data"), self.tracer)
        self.tracer.loses(str(target), values)
        return self._opaque(result, values)

    def _decompose(self, target: OpOverload, args: Any, kwargs: Any) -> fx.GraphModule | None:
        """The operator's own definition by simpler operators, or None if torch has none."""
        key = (target, _key([args, kwargs]))
        if key not in self._decomposed:
            self._decomposed[key] = _decomposition(target, args, kwargs)
        return self._decomposed[key]


def _wanted(node: fx.Node) -> set[int]:
    """Which of an operator's results anything reads."""
    if any(user.target is not operator.getitem for user in node.users):
        return set(range(len(node.meta["val"]))) if isinstance(node.meta.get("val"), list | tuple) else {0}
    return {int(user.args[1]) for user in node.users if user.users}  # type: ignore[arg-type]


def operator_name(target: OpOverload) -> str:
    """``aten.relu`` for ``aten.relu_.default``."""
    name = target._schema.name.replace("::", ".")
    return name[:-1] if target._schema.is_mutable and name.endswith("_") and not name.endswith("__") else name


def constant_value(tracer: Tracer, tensor: Tensor) -> Value:
    """A tensor that the state dict doesn't hold: fixed, unless all its entries are equal."""
    same = tensor.numel() > 0 and tensor.device.type != "meta" and bool((tensor == tensor.flatten()[0]).all())
    kind = "data" if not same else "zero" if not bool(tensor.flatten()[0]) else "uniform"
    tracer.dtype = tensor.dtype
    return tracer.constant(kind, tuple(tensor.shape))


def _write_back(node: fx.Node, found: dict[fx.Node, Any], roots: dict[fx.Node, fx.Node]) -> None:
    """After an operator that works in place, its input's name stands for the result."""
    if isinstance(node.target, OpOverload) and node.target._schema.is_mutable and node.args:
        first = node.args[0]
        if isinstance(first, fx.Node) and node.target._schema.name.endswith("_"):
            root = roots.get(first, first)
            roots[node] = root
            for alias in (root, *(n for n, r in roots.items() if r is root)):
                found[alias] = found[node]


def _map_results(result: Any, make: Any, tracer: Tracer) -> Any:
    if isinstance(result, Tensor):
        tracer.shape, tracer.dtype = tuple(result.shape), result.dtype
        return make(result)
    if isinstance(result, list | tuple):
        return [_map_results(part, make, tracer) for part in result]
    return result


def _flatten(tree: Any) -> list[Any]:
    if isinstance(tree, list | tuple):
        return [leaf for part in tree for leaf in _flatten(part)]
    if isinstance(tree, dict):
        return [leaf for part in tree.values() for leaf in _flatten(part)]
    return [tree]


def _key(tree: Any) -> str:
    return repr([(leaf.shape, leaf.dtype) if isinstance(leaf, Value) else leaf for leaf in _flatten(tree)])


@cache
def _decompositions() -> dict[Any, Any]:
    from torch._decomp import core_aten_decompositions

    return dict(core_aten_decompositions())


def _decomposition(target: OpOverload, args: Any, kwargs: Any) -> fx.GraphModule | None:
    from torch.fx.experimental.proxy_tensor import make_fx
    from torch.utils import _pytree as pytree

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
