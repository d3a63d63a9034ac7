"""Read an exported graph operator by operator, giving every tensor labelled axes."""

import inspect
import operator
from collections.abc import Sequence
from functools import cache
from typing import Any

import torch
from torch import Tensor, fx
from torch._ops import OpOverload
from torch.fx.node import map_aggregate, map_arg

from weightspace.space.algebra.causes import because
from weightspace.space.algebra.decomposed import decomposition
from weightspace.space.algebra.dims import fix
from weightspace.space.algebra.in_parts import read_in_parts
from weightspace.space.algebra.operation import Operation
from weightspace.space.algebra.pending import Pending, whole_of
from weightspace.space.algebra.record import Record
from weightspace.space.algebra.value import Value
from weightspace.space.computation.lines import cause_of
from weightspace.space.rules import RULES, Rule, opaque_pointwise
from weightspace.space.rules.place import KNOWS_PLACES, forget_places, keep_places
from weightspace.space.trace.known import constant_value, known_size


class Reader:
    """Runs graphs on `Value`s instead of tensors."""

    def __init__(self, record: Record):
        self.record = record
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
                return _whole(map_arg(node.args[0], lambda n: found[n]))
            else:
                with because(cause_of(node)):
                    found[node] = self._call(node, found)
                _write_back(node, found, roots)
        return None

    def _attribute(self, module: fx.GraphModule, path: str) -> Any:
        target: Any = module
        for part in path.split("."):
            target = getattr(target, part)
        return constant_value(target) if isinstance(target, Tensor) else target

    def _call(self, node: fx.Node, found: dict[fx.Node, Any]) -> Any:
        args: Any = map_arg(node.args, lambda n: found[n])
        kwargs: Any = map_arg(node.kwargs, lambda n: found[n])
        if node.target is operator.getitem:
            return args[0][args[1]]
        if isinstance(node.meta.get("val"), torch.SymInt):
            return node.meta["val"]
        if not (isinstance(node.target, OpOverload) and operator_name(node.target) in _RUNS):
            args, kwargs = map_aggregate((args, kwargs), known_size)
        self.operators += 1
        if args and isinstance(args[0], Pending) and isinstance(node.target, OpOverload):
            operation = self._operation(operator_name(node.target), node.meta.get("val"), _wanted(node))
            found = read_in_parts(operation, args, kwargs)
            if found is not None:
                return found
        if not (isinstance(node.target, OpOverload) and operator_name(node.target) in _TAKES_PARTS):
            args, kwargs = _whole(args), _whole(kwargs)
        return self.apply(node.target, args, kwargs, node.meta.get("val"), _wanted(node))

    def apply(self, target: Any, args: Any, kwargs: Any, result: Any, wanted: frozenset[int]) -> Any:
        """One operator: by its rule, else entry by entry if it is tagged so, else by its decomposition, else opaque."""
        values = [value for value in _flatten([args, kwargs]) if isinstance(value, Value)]
        if not isinstance(target, OpOverload):
            return self._higher_order(target, args, values, result, wanted)
        name = operator_name(target)
        if name not in KNOWS_PLACES:
            forget_places(values)
        if not isinstance(result, Tensor | list | tuple):
            return _number(name, values, result)
        operation = self._operation(name, result, wanted)
        if name in RULES:
            found = _by_rule(operation, args, kwargs)
            if found is not None:
                return keep_places(name, values, found)
        forget_places(values)
        if not values:
            return self._opaque(name, result, ())
        if torch.Tag.pointwise in target.tags and isinstance(result, Tensor):
            return opaque_pointwise(operation, *args, *kwargs.values())
        graph = self._decompose(target, args, kwargs)
        if graph is not None:
            return self.run(graph, values)
        self.record.loses(name, values)
        return self._opaque(name, result, values)

    def _operation(self, name: str, result: Any, wanted: frozenset[int] = frozenset()) -> Operation:
        parts = result if isinstance(result, list | tuple) else [result]
        tensors = [part if isinstance(part, Tensor) else torch.empty((), device="meta") for part in parts]
        shapes = tuple(tuple(map(known_size, tensor.shape)) for tensor in tensors)
        dtypes = tuple(tensor.dtype for tensor in tensors)
        return Operation(name, shapes, dtypes, isinstance(result, list | tuple), wanted, self.record)

    def _opaque(self, name: str, result: Any, values: Sequence[Value]) -> Any:
        """Values about whose axes nothing is known; data, if no other values stand behind them."""
        if isinstance(result, list | tuple):
            return [self._opaque(name, part, values) for part in result]
        if not isinstance(result, Tensor):
            return result
        operation = self._operation(name, result)
        return operation.opaque(*values) if values else operation.constant("data")

    def _higher_order(self, target: Any, args: Any, values: list[Value], result: Any, wanted: frozenset[int]) -> Any:
        """Wrappers around a block of code (no_grad, autocast) run the block; what has no rule is opaque."""
        graphs = [arg for arg in args if isinstance(arg, fx.GraphModule)]
        forget_places(values)
        if str(target) in RULES:
            found = _by_rule(self._operation(str(target), result, wanted), args, {})
            if found is not None:
                return found
        if len(graphs) == 1 and "wrap" in str(target):
            return self.run(graphs[0], args[args.index(graphs[0]) + 1 :])
        if len(graphs) == 2 and str(target) == "cond" and isinstance(args[0], Value):
            return self._either(args, [self.run(graph, args[3]) for graph in graphs], result)
        if values:
            self.record.loses(str(target), values)
        return self._opaque(str(target), result, values)

    def _either(self, args: Any, branches: Sequence[Any], result: Any) -> Any:
        """What one of two blocks of code gives: both results move together and carry one factor."""
        joined = []
        for one, other, part in zip(*branches, result, strict=True):
            operation = self._operation("cond", part)
            chosen = operation.pointwise("equal", one, other)
            axes = [[(0, axis)] for axis in range(len(chosen.dims))]
            joined.append(operation.mapped("equal", [chosen], chosen.dims, axes, also=[args[0]]))
        return joined

    def _decompose(self, target: OpOverload, args: Any, kwargs: Any) -> fx.GraphModule | None:
        """The operator's own definition by simpler operators, or None if torch has none."""
        key = (target, _key([args, kwargs]))
        if key not in self._decomposed:
            self._decomposed[key] = decomposition(target, args, kwargs)
        return self._decomposed[key]


_TAKES_PARTS = ("aten.lstm", "aten.gru", "aten.rnn_tanh", "aten.rnn_relu")  # whose states come in parts
_RUNS = ("aten.slice", "aten.narrow")  # operators that are told of sizes that vary


def _number(name: str, values: Sequence[Value], result: Any) -> Any:
    """What isn't a tensor: a number read from one may depend on where each entry stands; a check gives nothing."""
    if result is not None:
        for dim in (dim for value in values for dim in value.dims):
            fix(dim)
    return result


def _by_rule(operation: Operation, args: Any, kwargs: Any) -> Any:
    """What the rule gives, or None if it doesn't cover this form of the call: other arguments or other results."""
    function = RULES[operation.name]
    if not _fits(function, args, kwargs):
        return None
    try:
        found = function(operation, *args, **kwargs)
    except Exception as error:
        error.add_note(f"This is a mistake in the rule of {operation.name} for results of sizes {operation.shapes}.")
        raise
    values = [value.shape for value in _flatten(found) if isinstance(value, Value | Pending)]
    return found if values and list(operation.shapes)[: len(values)] == values else None


def _fits(function: Rule, args: Any, kwargs: Any) -> bool:
    """The rule takes these arguments, and gets a tensor wherever it asks for one."""
    signature = _signature(function)
    try:
        given = signature.bind(None, *args, **kwargs).arguments
    except TypeError:
        return False
    return all(
        isinstance(value, Value)
        for name, value in given.items()
        if signature.parameters[name].annotation is Value and signature.parameters[name].kind is not _MANY
    )


_signature = cache(inspect.signature)
_MANY = inspect.Parameter.VAR_POSITIONAL


def _wanted(node: fx.Node) -> frozenset[int]:
    """Which of an operator's results anything reads."""
    if any(user.target is not operator.getitem for user in node.users):
        parts = node.meta.get("val")
        return frozenset(range(len(parts))) if isinstance(parts, list | tuple) else frozenset({0})
    return frozenset(int(user.args[1]) for user in node.users if user.users)  # type: ignore[arg-type]


def operator_name(target: OpOverload) -> str:
    """``aten.relu`` for ``aten.relu_.default``."""
    name = target._schema.name.replace("::", ".")
    return name[:-1] if target._schema.is_mutable and name.endswith("_") and not name.endswith("__") else name


def _write_back(node: fx.Node, found: dict[fx.Node, Any], roots: dict[fx.Node, fx.Node]) -> None:
    """After an operator that works in place, its input's name stands for the result."""
    if isinstance(node.target, OpOverload) and node.target._schema.is_mutable and node.args:
        first = node.args[0]
        if isinstance(first, fx.Node) and node.target._schema.name.endswith("_"):
            root = roots.get(first, first)
            roots[node] = root
            for alias in (root, *(n for n, r in roots.items() if r is root)):
                found[alias] = found[node]


def _whole(tree: Any) -> Any:
    def whole(leaf: Any) -> Any:
        return whole_of(leaf) if isinstance(leaf, Pending) else leaf

    return map_aggregate(tree, whole)


def _flatten(tree: Any) -> list[Any]:
    if isinstance(tree, list | tuple):
        return [leaf for part in tree for leaf in _flatten(part)]
    if isinstance(tree, dict):
        return [leaf for part in tree.values() for leaf in _flatten(part)]
    return [tree]


def _key(tree: Any) -> str:
    return repr([(leaf.shape, leaf.dtype) if isinstance(leaf, Value) else leaf for leaf in _flatten(tree)])
