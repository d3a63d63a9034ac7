"""A module's computation as a graph without hidden state, or a clear error."""

import io
import traceback
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr
from typing import Any

import torch
from torch import Tensor, fx, nn
from torch._ops import OpOverload
from torch.export import ExportedProgram
from torch.nn.modules import transformer
from torch.utils import _pytree as pytree

from weightspace.machine.lost_folder import some_folder
from weightspace.space.computation.lines import operator_of, place_of, reason_of

# Operators whose result shares no memory with any input, so that writing into it changes nothing else.
_FRESH = (
    "conv1d", "conv2d", "conv3d", "conv_transpose1d", "conv_transpose2d", "conv_transpose3d", "linear", "batch_norm",
    "layer_norm", "group_norm", "instance_norm", "matmul", "mm", "bmm", "addmm", "cat", "max_pool2d", "avg_pool2d",
    "adaptive_avg_pool2d", "clone", "zeros", "ones", "full", "zeros_like", "ones_like", "empty", "arange",
)  # fmt: skip


PREFIX = "module."  # of the module's tensors in the exported program


class Tensors(nn.Module):
    """A module that returns the tensors among another one's outputs, whatever they are wrapped in.

    Outputs of types that torch can't look into (caches, say) are left out; ``left_out`` names their types.
    """

    def __init__(self, module: nn.Module):
        super().__init__()
        self.module = module
        self.left_out: set[str] = set()  # export puts a module's lists and dicts back as they were

    def forward(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> list[Tensor]:
        """The tensors in the order of the outputs."""
        leaves = output_leaves(self.module(*args, **kwargs))
        self.left_out.update(type(leaf).__name__ for leaf in leaves if _is_opaque(leaf))
        return [leaf for leaf in leaves if isinstance(leaf, Tensor)]


def output_leaves(result: Any, seen: frozenset[int] = frozenset()) -> list[Any]:
    """What a module gives, out of lists, dicts, and objects with fields; a cache stays closed.

    A cache goes back into the same module, which reads it as it wrote it: nobody else looks at it.
    """
    leaves = pytree.tree_leaves(result.to_tuple() if hasattr(result, "to_tuple") else result)
    found: list[Any] = []
    for leaf in leaves:
        inside = _fields(leaf) if _is_opaque(leaf) and id(leaf) not in seen else None
        found.extend(output_leaves(inside, seen | {id(leaf)}) if inside else [leaf])
    return found


def _fields(value: Any) -> dict[str, Any] | None:
    """The fields of an object, or None for what isn't one to look into."""
    if isinstance(value, nn.Module | type) or callable(value) or "cache" in type(value).__name__.lower():
        return None
    slots = [name for kind in type(value).__mro__ for name in getattr(kind, "__slots__", ())]
    found = {**getattr(value, "__dict__", {}), **{name: getattr(value, name, None) for name in slots}}
    return {name: part for name, part in found.items() if not name.startswith("__")} or None


def _is_opaque(leaf: Any) -> bool:
    return not isinstance(leaf, Tensor | int | float | str | bytes | None)


def export(
    module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], dynamic_shapes: Any = None
) -> tuple[ExportedProgram, tuple[str, ...]]:
    """Export a module's forward pass with its example inputs.

    Returns:
        The program, in which the module's tensors bear the prefix `PREFIX`, and the types of outputs that were left
        out.

    Raises:
        ValueError: `torch.export` refuses the code; the message says where and why.
    """
    wrapped = Tensors(module)
    try:
        # a refusal is told below, in a few lines; what torch prints of it on the way is hundreds
        with (
            torch.no_grad(),
            redirect_stderr(io.StringIO()),
            warnings.catch_warnings(),
            _masks_as_given(),
            some_folder(),
        ):
            warnings.simplefilter("ignore")  # about attributes that modules set on themselves, which is their business
            given = (wrapped, (tuple(args), dict(kwargs)))
            program = _exported(*given, dynamic_shapes=_by_name(dynamic_shapes, kwargs), strict=False)
    except Exception as error:
        raise ValueError(_refusal(module, error)) from error
    _check_sizes(module, program)
    left_out = tuple(sorted(wrapped.left_out))
    return (program.run_decompositions({}) if _hides(program.graph) else program), left_out


def _exported(*given: Any, **settings: Any) -> ExportedProgram:
    """`torch.export.export`, again where what torch keeps of earlier code stands in the way.

    Attention that torch compiles inside (flex_attention) is kept with its conditions, and comparing those with a call
    that has other arguments can fail.
    """
    try:
        return torch.export.export(*given, **settings)
    except TypeError as error:
        places = [frame.filename for frame in traceback.extract_tb(error.__traceback__)]
        if not any(place.endswith("_dynamo/guards.py") for place in places[-2:]):
            raise
    torch._dynamo.reset()
    return torch.export.export(*given, **settings)


def _check_sizes(module: nn.Module, program: ExportedProgram) -> None:
    """Every tensor has a size on the example."""
    graphs = [part.graph for part in program.graph_module.modules() if isinstance(part, fx.GraphModule)]
    for node in (node for graph in graphs for node in graph.nodes):
        found = pytree.tree_leaves(node.meta.get("val"))
        sizes = [size for value in found if isinstance(value, Tensor) for size in value.shape]
        if any(isinstance(size, torch.SymInt) and size.node.hint is None for size in sizes):
            raise ValueError(
                f"{type(module).__name__} can't be traced, because the size of what {operator_of(node)} gives depends "
                "on the values of tensors (nonzero, unique, a mask as an index). Use torch.where or multiply with the "
                "mask, or trace the part of the module without it."
            )


def _by_name(dynamic_shapes: Any, kwargs: dict[str, Any]) -> Any:
    """Sizes that vary as the wrapper takes them: those of the arguments without a name, and the others by name."""
    if dynamic_shapes is None:
        return None
    if isinstance(dynamic_shapes, dict):
        positional = tuple(sizes for name, sizes in dynamic_shapes.items() if name not in kwargs)
        named = {name: dynamic_shapes.get(name) for name in kwargs}
    else:
        positional, named = tuple(dynamic_shapes), dict.fromkeys(kwargs)
    return positional, named


# What an error or its traceback holds, and what to do about it; the first that fits is told.
_ADVICE = (
    (("in pack_padded_sequence", "in pad_packed_sequence", "in pack_sequence", "nn/modules/rnn.py"),
     "Packed sequences have sizes that depend on values. Trace the module on padded sequences, without packing: its "
     "tensors and their symmetries are the same. Or write the axes by hand:"),
    (("functorch tensor", "in grad\n", "in backward\n", "in the exported program constant's list"),
     "It takes gradients inside, which torch.export can't follow. Trace what is differentiated instead: its symmetries "
     "are those of its gradient too. Or write the axes by hand:"),
    (("nested_tensor", "NestedTensor"),
     "Rows of different lengths (nested tensors) have no sizes to trace. Trace the module on padded rows with a mask: "
     "its tensors and their symmetries are the same. Or write the axes by hand:"),
    (("DataDependent", "data-dependent", "Dynamic shape", "DynamicOutputShape", "unbacked"),
     "Its sizes or its path depend on the values of tensors (if, nonzero, a mask as an index, packed sequences, "
     "item()). Use torch.where or multiply with the mask, trace the part without it, or write the axes by hand:"),
)  # fmt: skip


def _refusal(module: nn.Module, error: Exception) -> str:
    text = f"{type(error).__name__} {error} {''.join(traceback.format_exception(error))}"
    general = "Change that line, trace the part of the module without it, or write the axes by hand:"
    advice = next((told for words, told in _ADVICE if any(word in text for word in words)), general)
    return (
        f"{type(module).__name__} can't be traced, because torch.export refuses its code.\n"
        f"{place_of(error)}  why:   {reason_of(error)}\n{advice}\n"
        '  WeightSpace.parse({"0.weight": "hidden in", "0.bias": "hidden", "2.weight": "out hidden"}, weights=weights)'
    )


@contextmanager
def _masks_as_given() -> Iterator[None]:
    """Transformers look into a mask to see whether it is the causal one; it is applied as it is either way."""
    before = transformer._detect_is_causal_mask

    def detect(_mask: Any, is_causal: bool | None = None, _size: Any = None) -> bool:
        return bool(is_causal)

    transformer._detect_is_causal_mask = detect
    try:
        yield
    finally:
        transformer._detect_is_causal_mask = before


def _hides(graph: fx.Graph) -> bool:
    """The graph is only plain after it was run once more: axes that `torch.vmap` hides, memory that is shared."""
    mapped = any(getattr(node.target, "__name__", "") == "_add_batch_dim" for node in graph.nodes)
    return mapped or _writes_into_views(graph)


def _writes_into_views(graph: fx.Graph) -> bool:
    """Some operator works in place on memory that another value may share."""
    safe: set[fx.Node] = set()
    for node in graph.nodes:
        if not isinstance(node.target, OpOverload):
            continue
        if not node.target._schema.is_mutable:
            if _is_fresh(node.target):
                safe.add(node)
            continue
        written = node.args[0] if node.args else None
        if _is_counter(written):
            continue
        if written not in safe or any(_may_alias(user) for user in written.users if user < node):
            return True
        safe.add(node)
    return False


def _is_counter(node: Any) -> bool:
    """A whole number kept between calls, like the number of batches that a norm has seen."""
    if not isinstance(node, fx.Node) or node.op != "placeholder" or "val" not in node.meta:
        return False
    return node.meta["val"].ndim == 0 and not node.meta["val"].is_floating_point()


def _is_fresh(target: OpOverload) -> bool:
    returns = target._schema.returns
    if any(result.alias_info is not None for result in returns):
        return False
    name = target._schema.name.removeprefix("aten::")
    return name in _FRESH or torch.Tag.pointwise in target.tags


def _may_alias(node: fx.Node) -> bool:
    mutable = isinstance(node.target, OpOverload) and node.target._schema.is_mutable
    return not (isinstance(node.target, OpOverload) and (mutable or _is_fresh(node.target)))


def used_targets(program: ExportedProgram) -> set[str]:
    """The module's tensors on which an output of a program depends, or something that is written in place."""
    waiting = [node for node in program.graph.nodes if node.op == "output" or _writes(node)]
    reached = set(waiting)
    while waiting:
        for node in waiting.pop().all_input_nodes:
            if node not in reached:
                reached.add(node)
                waiting.append(node)
    given = zip(program.graph.nodes, program.graph_signature.input_specs, strict=False)
    return {(spec.target or "").removeprefix(PREFIX) for node, spec in given if node in reached}


def _writes(node: fx.Node) -> bool:
    return isinstance(node.target, OpOverload) and node.target._schema.is_mutable
