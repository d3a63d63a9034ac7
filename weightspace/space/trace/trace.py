"""Find the weight space of any module from its computation."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any

from torch import Tensor, nn
from torch.export import ExportedProgram
from torch.export.graph_signature import InputKind, OutputKind
from torch.utils import _pytree as pytree

from weightspace.space.actions.actions import find_actions, upright
from weightspace.space.actions.matrices import find_matrices
from weightspace.space.algebra.causes import because
from weightspace.space.algebra.dims import causes, fix, leaf
from weightspace.space.algebra.record import Record
from weightspace.space.algebra.refine import unify
from weightspace.space.algebra.value import Step, Value
from weightspace.space.computation.copies import Tie, copied, find_ties, state_of
from weightspace.space.computation.exported import PREFIX, export, used_targets
from weightspace.space.computation.inputs import with_samples
from weightspace.space.parts import Group
from weightspace.space.report import Report
from weightspace.space.rules.place import forget_places
from weightspace.space.trace.admit import admit
from weightspace.space.trace.assemble import assemble
from weightspace.space.trace.known import constant_of, constant_value, fixed_value, known_size, parameter_value
from weightspace.space.trace.reader import Reader
from weightspace.space.trace.unread import NOWHERE, fix_unread, live_leaves
from weightspace.space.trace.verify import settle
from weightspace.space.weightspace import WeightSpace


def trace(
    module: nn.Module,
    *args: Any,
    verify: bool = True,
    free_unused: bool = False,
    dynamic_shapes: Any = None,
    **kwargs: Any,
) -> WeightSpace:
    """Find the weight space of a module from its computation.

    The forward pass is exported with the example inputs, each tensor of the graph gets labelled axes, and every
    operator says what it does to them. Names are sets of neurons that can be permuted without changing any output.

    Args:
        module: anything that `torch.export` accepts. It is read in its mode (train or eval), and in the other one where
            what was found doesn't hold in that.
        args, kwargs: example inputs, as for the module itself.
        verify: act on the weights at random in float64 and compare outputs; a name that fails is fixed, so that the
            result is true in any case. What was found is in ``space.report``.
        free_unused: parameters that no output depends on are free, where they are fixed otherwise: another mode or
            another input may read them.
        dynamic_shapes: the sizes that vary, as `torch.export.export` takes them, a tuple or dict over the inputs: what
            is read along them is then fixed whatever the example's sizes, and code that branches on them is refused.

    Raises:
        ValueError: the module can't be read, doesn't run on the example, or its code can't be exported; the message
            says where, why, and what to do.

    Examples:
        >>> space = WeightSpace.trace(nn.Sequential(nn.Linear(2, 8), nn.ReLU(), nn.Linear(8, 1)), torch.zeros(1, 2))
        >>> str(space.tensors["2.weight"].axes[1])
        'h0'
    """
    module = admit(module, args, kwargs)
    space = _read(module, args, kwargs, free_unused, dynamic_shapes)
    if not verify:
        return space
    other, unread = _OtherMode(module, args, kwargs, free_unused, dynamic_shapes), _read_nowhere(space)
    if unread and (found := other.better_than(space.moved, unread)):
        return found  # heads for training alone: what they read is free in neither mode unless it is followed there
    space = settle(space, module, args, kwargs)
    if space.report is None or not space.report.failed:
        return space
    return other.better_than(space.moved) or space


class _OtherMode:
    """The space as the module's other mode shows it, which may run more of the code; read and proved once at most."""

    def __init__(self, module: nn.Module, args: Any, kwargs: Any, free_unused: bool, dynamic_shapes: Any):
        self.module, self.given = module, (args, kwargs)
        self.options = free_unused, dynamic_shapes

    def better_than(self, moved: float, unread: int | None = None) -> WeightSpace | None:
        """The space if it holds; None if not, or where it moves no more or leaves as many tensors unread."""
        if self.read is None:
            return None
        space = self.read[0]
        if space.moved <= moved or (unread is not None and _read_nowhere(space) >= unread):
            return None
        return self.proved if self.proved is not None and self.proved.moved > moved else None

    @cached_property
    def read(self) -> tuple[WeightSpace, nn.Module, Any] | None:
        """What its code shows, the module in that mode, and inputs; None where it can't be read."""
        module = copied(self.module).train(not self.module.training)
        inputs = (with_samples(self.given) if module.training else None) or self.given  # norms of batches want two
        try:
            return _read(module, *inputs, *self.options), module, inputs
        except ValueError:
            return None

    @cached_property
    def proved(self) -> WeightSpace | None:
        """The space if all of it holds."""
        assert self.read is not None
        space, module, inputs = self.read
        try:
            space = settle(space, module, *inputs)
        except ValueError:
            return None
        return space if space.report is not None and space.report.sound and not space.report.failed else None


def _read_nowhere(space: WeightSpace) -> int:
    """How many tensors the code reads nowhere."""
    return sum(why == NOWHERE for why in (space.report.unread if space.report else {}).values())


def _read(
    module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], free_unused: bool, dynamic_shapes: Any
) -> WeightSpace:
    """What the module's code shows in its own mode, not proved."""
    started = time.perf_counter()
    program, left_out = export(copied(module), args, kwargs, dynamic_shapes)
    exported = time.perf_counter()
    space = read_program(program, module, free_unused)
    seconds = {"export": exported - started, "trace": time.perf_counter() - exported}
    report = space.report or Report()
    lost = {**report.lost, **{f"output {name}": () for name in left_out}}
    return replace(space, report=replace(report, seconds=seconds, lost=lost))


def read_program(program: ExportedProgram, module: nn.Module, free_unused: bool = False) -> WeightSpace:
    """The weight space of an exported program, not verified."""
    record = Record()
    reader = Reader(record)
    tensors = state_of(module)
    ties = find_ties(tensors)
    same = {name: tie.first for name, tie in ties.items() if _is_twin(tie)}
    values, inputs, placeholders = _inputs(record, program, tensors, same)
    results = reader.run(program.graph_module, placeholders)
    outputs, written = _outputs(program, results, values)
    known = {name for name, _ in [*_named(module.named_parameters), *_named(module.named_buffers)]}
    for name, tensor in tensors.items():
        if name not in same:
            values.setdefault(name, parameter_value("", tensor) if name in known else fixed_value(tensor))
    ordered = {name: values[name] for name in tensors if name in values}
    _join_tied(record, ordered, ties)
    unused = set(ordered) - used_targets(program)
    live = live_leaves(record.steps, [*outputs, *written])
    unread = fix_unread(live, ordered, unused, free_unused)
    # the first of two steps that are odd together says nothing of itself where the second alone reads it
    steps = [step for step in record.steps if step.out.half is None or id(step.out) in live]
    assembly = assemble(record, ordered, inputs, outputs)
    buffers = {name for name, _ in module.named_buffers(remove_duplicate=False)}
    weights = {name: value for name, value in ordered.items() if not value.constant}
    actions = find_actions(steps, weights, assembly.names.free)
    targets = {name: spec.target if spec.role == "weight" else () for name, spec in assembly.specs.items()}
    actions = [_with_tied(upright(action, targets), same) for action in actions]
    both = [action for action in actions if action.mode == "both"]
    groups = _with_kinds(assembly.names.sizes(), both)
    specs = assembly.of_tensors(tensors, buffers, same)
    lost = {op: tuple(params) for op, params in record.lost.items()}
    space = WeightSpace(specs, groups, assembly.sites, assembly.links, tuple(both))
    space = replace(space, modal=tuple(action for action in actions if action.mode != "both"))
    whole = {name: value for name, value in weights.items() if name not in same.values()}
    matrices = find_matrices(steps, weights, whole, assembly.names.free)
    space = replace(space, matrices=tuple(matrices))
    told = {name: tuple("; ".join(causes(dim)) for dim in ordered[same.get(name, name)].dims) for name in specs}
    report = Report(moved=space.moved, lost=lost, operators=reader.operators, unread=unread, causes=told)
    return replace(space, report=report)


def _is_twin(tie: Tie) -> bool:
    return tie.order is not None and tie.order == tuple(range(len(tie.order)))


def _join_tied(record: Record, values: Mapping[str, Value], ties: Mapping[str, Tie]) -> None:
    """Tensors that share memory move together, one with its axes in another order; others that overlap are fixed."""
    for name, tie in ties.items():
        if _is_twin(tie):
            continue
        one, other = values[tie.first], values[name]
        if tie.order is None:
            with because(f"{tie.first!r} and {name!r} overlap in memory"):
                for dim in (*one.dims, *other.dims):
                    fix(dim)
            continue
        for dim, axis in zip(other.dims, tie.order, strict=True):
            unify(dim, one.dims[axis])
        record.steps.append(Step("equal", other, (one,), (tie.order, tuple(range(len(one.dims))))))


def _inputs(
    record: Record, program: ExportedProgram, tensors: Mapping[str, Tensor], same: Mapping[str, str]
) -> tuple[dict[str, Value], list[Value], list[Any]]:
    values: dict[str, Value] = {}
    inputs: list[Value] = []
    placeholders: list[Any] = []
    nodes = [node for node in program.graph.nodes if node.op == "placeholder"]
    for node, spec in zip(nodes, program.graph_signature.input_specs, strict=True):
        name = (spec.target or "").removeprefix(PREFIX)
        fake = node.meta.get("val")
        if spec.kind in (InputKind.PARAMETER, InputKind.BUFFER) and name in tensors:
            name = same.get(name, name)
            value = values.setdefault(name, parameter_value(name, tensors[name]))
        elif spec.kind == InputKind.USER_INPUT and isinstance(fake, Tensor):
            with because("it is the module's input"):
                value = Value(tuple(leaf(known_size(size), fixed=True) for size in fake.shape), fake.dtype)
            value.site = (record.book.site(("input", len(inputs)), "input"),)
            inputs.append(value)
        elif isinstance(fake, Tensor):
            with because(f"it moves with the constant {name or node.name!r}, which the state dict doesn't hold"):
                value = constant_value(constant_of(program, spec.target or "", fake))
        else:
            value = getattr(spec.arg, "value", None)
        placeholders.append(value)
    return values, inputs, placeholders


def _named(tensors: Any) -> list[tuple[str, Tensor]]:
    return list(tensors(remove_duplicate=False))


def _outputs(program: ExportedProgram, results: Any, values: Mapping[str, Value]) -> tuple[list[Value], list[Value]]:
    """Fix the axes of what the user sees; a buffer that is written keeps its own. Returns both kinds of values."""
    outputs, written = [], []
    for spec, result in zip(program.graph_signature.output_specs, _listed(results), strict=False):
        if not isinstance(result, Value):
            continue
        target = (spec.target or "").removeprefix(PREFIX)
        forget_places([result])
        if spec.kind != OutputKind.USER_OUTPUT and target in values:  # a tensor that is written in passing
            for new, old in zip(result.dims, values[target].dims, strict=True):
                unify(new, old)
            written.append(result)
            continue
        with because("it is the module's output"):
            for dim in result.dims:
                fix(dim)
        outputs.append(result)
    return outputs, written


def _listed(results: Any) -> Sequence[Any]:
    return pytree.tree_leaves(results, is_leaf=lambda x: isinstance(x, Value))


def _with_kinds(sizes: Mapping[str, tuple[int, bool]], actions: Sequence[Any]) -> dict[str, Group]:
    """The group of each name with its size, and the kinds of symmetry that it has."""
    found: dict[str, list[str]] = {}
    for action in actions:
        found.setdefault(action.name, []).append(action.kind)
    return {
        name: Group(size, free, ("permutation", *dict.fromkeys(found.get(name, ()))) if free else ())
        for name, (size, free) in sizes.items()
    }


def _with_tied(action: Any, same: Mapping[str, str]) -> Any:
    """A tied tensor is acted on under each of its names."""
    powers, shifts = dict(action.powers), dict(action.shifts)
    for name, first in same.items():
        if first in powers:
            powers[name] = powers[first]
        if first in shifts:
            shifts[name] = shifts[first]
    return replace(action, powers=powers, shifts=shifts)
