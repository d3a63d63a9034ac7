"""A module in float64 with weights in general position, and its outputs on several inputs and in both modes."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from itertools import islice
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils import _pytree as pytree

from weightspace.space.computation.branches import Branches
from weightspace.space.computation.conditions import Condition, Conditions
from weightspace.space.computation.copies import as_double, copied, find_ties, state_of, uncompiled
from weightspace.space.computation.distance import all_finite, distance, nowhere_finite
from weightspace.space.computation.exported import output_leaves
from weightspace.space.computation.float64 import in_float64, switch_off_dropout
from weightspace.space.computation.general import in_general_position, made_of_tie, without_twins
from weightspace.space.computation.inputs import (
    Inputs,
    entries_of,
    with_one_more,
    with_one_sample,
    with_samples,
    with_sizes,
    with_values,
)
from weightspace.space.computation.lines import place_of, reason_of
from weightspace.space.moving.tensors import move_entries
from weightspace.space.parts import TensorSpec
from weightspace.space.spread import axis_order
from weightspace.space.symmetry import Symmetry
from weightspace.space.weightspace import WeightSpace

_SMALL = 1_000_000  # parameters; smaller modules are tried on more inputs
_NOTICED = 1e-9  # a change of the outputs


@dataclass(frozen=True)
class Case:
    """Inputs to a module in one mode (``"train"`` or ``"eval"``), and its outputs before anything was moved."""

    label: str
    mode: str
    inputs: Inputs
    outputs: list[Tensor]

    @property
    def entries(self) -> int:
        """Those of the inputs, as a measure of how long it takes to run."""
        return entries_of(self.inputs)


class Probe:
    """A module in float64 with weights in general position, and cases to compare its outputs on.

    The first case is the example in the module's own mode. Others have drawn values, other sizes, the other mode, as
    far as the module runs on them; ``notes`` says what couldn't be tried.

    Args:
        module, args, kwargs: as for the module itself.
        others: find more cases than the example.
    """

    def __init__(self, module: nn.Module, args: Sequence[Any], kwargs: Mapping[str, Any], others: bool = True):
        self.module = module
        tensors = state_of(module)
        self.ties = find_ties(tensors)
        self.weights = in_general_position(tensors, self.ties)
        buffers = dict(module.named_buffers(remove_duplicate=False))
        self.buffers = set(buffers)  # a forward pass may write these
        self.unsaved = {name: as_double(buffer) for name, buffer in buffers.items() if name not in tensors}
        self.callable = {name for name, _ in module.named_parameters(remove_duplicate=False)} | self.buffers
        mode = "train" if module.training else "eval"
        example: Inputs = _double((tuple(args), dict(kwargs)))
        versions = {name: tensor._version for name, tensor in self.weights.items()}
        small = sum(tensor.numel() for tensor in self.weights.values()) <= _SMALL
        self.branches = Branches(large=not small)
        first = Case("example", mode, example, self._first(mode, example))
        written = {name for name, tensor in self.weights.items() if tensor._version != versions[name]}
        if written:  # code that writes into its own parameters gets copies from now on
            self.buffers |= written
            self.weights = in_general_position(tensors, self.ties)
            first = Case("example", mode, example, self._outputs(self.weights, mode, example))
        lost = self._without_numbers(first)
        self.notes: list[str] = []
        self.cases = [first, *(self._others(first) if others else ())]
        left = [number for number in lost if all(number in nowhere_finite(case.outputs) for case in self.cases)]
        self.notes += [f"not proved of {lost[number]}: it is finite nowhere" for number in left]

    def _without_numbers(self, first: Case) -> dict[int, str]:
        """The outputs without a finite entry; if all are so, there is nothing to compare."""
        lost = nowhere_finite(first.outputs)
        if first.outputs and len(lost) == len(first.outputs):
            raise ValueError(
                f"{type(self.module).__name__} gives no finite number where its symmetries are proved (the example, in "
                f"float64, with constant tensors drawn at random): {next(iter(lost.values()))} is NaN or "
                "infinite in all entries. Give inputs and weights with finite outputs, or trace with verify=False, "
                "which proves nothing."
            )
        return lost

    def _first(self, mode: str, inputs: Inputs) -> list[Tensor]:
        try:
            outputs, met = self._asked(mode, inputs)
            self.branches.add(met)
            return outputs
        except Exception as error:
            raise ValueError(
                f"{type(self.module).__name__} doesn't run in float64, in which symmetries are proved.\n"
                f"{place_of(error)}  why:   {reason_of(error)}\n"
                "Make what that line needs of the input's type, or trace with verify=False, which proves nothing."
            ) from error

    def _asked(self, mode: str, inputs: Inputs) -> tuple[list[Tensor], list[Condition]]:
        """The outputs, and the conditions on sizes that the code met."""
        conditions = Conditions()
        outputs = self._outputs(self.weights, mode, inputs, conditions=conditions)
        return outputs, conditions.found

    @property
    def outputs(self) -> list[Tensor]:
        """Those of the example."""
        return self.cases[0].outputs

    def run(self, weights: Mapping[str, Tensor], case: Case | None = None) -> list[Tensor]:
        """The module's outputs with these weights."""
        case = case or self.cases[0]
        return self._outputs(weights, case.mode, case.inputs)

    def _outputs(
        self,
        weights: Mapping[str, Tensor],
        mode: str,
        inputs: Inputs,
        seed: int = 0,
        conditions: Conditions | None = None,
    ) -> list[Tensor]:
        module = copied(self.module, double=True)  # a fresh one each time: some keep what they computed
        if module.training != (mode == "train"):
            module.train(mode == "train")
        switch_off_dropout(module)
        with torch.no_grad(), uncompiled(), in_float64(), torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            state = {name: weights[name] for name in weights if name in self.callable and name not in self.ties}
            state |= self.unsaved
            state = {name: tensor.clone() if name in self.buffers else tensor for name, tensor in state.items()}
            state |= {
                name: made_of_tie(state, tie, weights[name]) for name, tie in self.ties.items() if name in self.callable
            }
            state = without_twins(self.module, state)
            if conditions is not None:
                conditions.fixed = {id(tensor) for tensor in state.values()}
            with conditions or nullcontext():
                result = torch.func.functional_call(module, state, tuple(inputs[0]), dict(inputs[1]))
        dense = [t if t.layout == torch.strided else t.to_dense() for t in _tensors(result) if t.numel()]
        return [t if t.is_complex() else t.double() for t in dense]

    # ---- cases ------------------------------------------------------------------------------------------------------

    def _others(self, first: Case) -> Iterator[Case]:
        """Other values and sizes in the module's mode, and the other mode."""
        small = not self.branches.large
        sized = next(self._tried("other sizes", first.mode, with_sizes(first.inputs), first), None)
        if sized is not None:
            yield sized
        if small or sized is None:
            drawn = next(self._tried("other values", first.mode, [first.inputs], first), None)
            if drawn is not None:
                yield drawn
        if small:  # code may branch on whether a size is odd, or on there being one sample
            yield from islice(self._tried("a size more", first.mode, with_one_more(first.inputs), first), 1)
            yield from self._tried("one sample", first.mode, with_one_sample(first.inputs), first)
        yield from islice(self._tried("a branch", first.mode, self.branches.inputs(first.inputs), first), 3)
        self.notes += self.branches.untried.values()
        other = "eval" if first.mode == "train" else "train"
        bases = [first.inputs]
        if sized is not None and not small and sized.entries < first.entries:
            bases.insert(0, sized.inputs)  # it is a large net that has to run several times
        tries = [t for base in bases for t in (with_samples(base) if other == "train" else None, base) if t is not None]
        found = next(self._tried("other mode", other, tries, first), None)
        if found is None:
            self.notes.append(f"not proved in mode {other}: the module doesn't run in it, or with random results")
        else:
            yield found

    def _tried(self, label: str, mode: str, tries: Iterable[Inputs], first: Case) -> Iterator[Case]:
        """Those inputs, with drawn values, on which the module runs and gives what can be compared."""
        for number, inputs in enumerate(tries):
            found = None
            for negative in (True, False):
                drawn = with_values(inputs, seed=number + 1, negative=negative)
                try:
                    outputs, met = self._asked(mode, drawn)
                    again = self._outputs(self.weights, mode, drawn, seed=1) if mode == "train" else outputs
                except Exception:  # whatever a module thinks of inputs that its author never meant
                    break
                finite = all_finite(outputs)
                if distance(outputs, again) == 0 and outputs and (finite or not all_finite(first.outputs)):
                    found = Case(label, mode, drawn, outputs) if finite or found is None else found
                    if finite:
                        break
            if found is not None and (self.branches.add(met) or label != "a branch"):
                yield found

    # ---- comparing --------------------------------------------------------------------------------------------------

    def error(self, space: WeightSpace, symmetry: Symmetry, cases: Sequence[Case] | None = None) -> float:
        """Largest difference of the outputs after a symmetry, relative to their largest value."""
        moved = space.apply(symmetry, self.weights)
        return max(self.errors(moved, self.cases if cases is None else cases), default=0.0)

    def errors(self, moved: Mapping[str, Tensor], cases: Sequence[Case]) -> Iterator[float]:
        """The difference in each case; after one that is no number, no more."""
        for case in cases:
            found = distance(case.outputs, self.run(moved, case))
            yield found if found == found else float("inf")

    def change(self, space: WeightSpace) -> float:
        """The same with every tensor moved by itself, which isn't a symmetry unless the outputs ignore the weights.

        Where that changes nothing, the entries of each tensor that moves are put in any order: neurons of one tensor
        that are only added up may change places by themselves.
        """
        generator = torch.Generator().manual_seed(1)
        moved = {name: _alone(spec, space, self.weights[name], generator) for name, spec in space.tensors.items()}
        found = self._largest(moved)
        if found > _NOTICED:
            return found
        free = [name for name, spec in space.tensors.items() if any(atom.name in space.free for atom in spec.atoms())]
        return max(found, self._largest(self.weights | {name: _mixed(self.weights[name], generator) for name in free}))

    def _largest(self, weights: Mapping[str, Tensor]) -> float:
        """The largest error in any case, or the first that is noticed."""
        found = 0.0
        for case in sorted(self.cases, key=lambda case: case.entries):
            found = max(found, distance(case.outputs, self.run(weights, case)))
            if found > _NOTICED:
                break
        return found


def _mixed(tensor: Tensor, generator: torch.Generator) -> Tensor:
    return tensor.flatten()[torch.randperm(tensor.numel(), generator=generator)].view(tensor.shape)


def _alone(spec: TensorSpec, space: WeightSpace, tensor: Tensor, generator: torch.Generator) -> Tensor:
    """A tensor after permutations that no other tensor knows."""
    names = sorted({atom.name for atom in spec.atoms() if atom.name is not None and space.names[atom.name].free})
    orders = {name: torch.randperm(space.names[name].size or 1, generator=generator) for name in names}
    moves = [(dim, axis_order(axis, orders)) for dim, axis in enumerate(spec.axes)]
    return move_entries(tensor, [(dim, order) for dim, order in moves if order is not None], stacked=False)


def _double(tree: Any) -> Any:
    def cast(value: Any) -> Any:
        if isinstance(value, Tensor) and value.is_complex():
            return value.to(torch.complex128)
        return value.double() if isinstance(value, Tensor) and value.is_floating_point() else value

    return pytree.tree_map(cast, tree)


def _tensors(result: Any) -> list[Tensor]:
    """All tensors with numbers for entries in an output of any shape, or those of yes and no if there are no others."""
    tensors = [leaf for leaf in output_leaves(result) if isinstance(leaf, Tensor)]
    return [tensor for tensor in tensors if tensor.dtype != torch.bool] or tensors
