"""Acting with a symmetry on weights, one pass a tensor: by compiled code, or by tensors where that can't be."""

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from weightspace.space.axes import Axis
from weightspace.space.fitting import check_fits, check_types
from weightspace.space.moving.compiled import Acting, act, fits, run_all, scales
from weightspace.space.moving.tensors import move_entries
from weightspace.space.parts import TensorSpec
from weightspace.space.spread import axis_order, gathered, spread_over_axis
from weightspace.space.symmetry import Symmetry, check_space, scaled

if TYPE_CHECKING:
    from weightspace.space.weightspace import WeightSpace


def apply_symmetry(
    space: "WeightSpace", symmetry: Symmetry, weights: Mapping[str, Tensor], out: Mapping[str, Tensor] | None = None
) -> dict[str, Tensor]:
    """See `WeightSpace.apply`."""
    check_space(symmetry, space)
    count = space.check(weights)
    check_types(space, weights)
    check_fits(space, symmetry, count)
    if out is not None:
        _check_out(space, weights, out)
    return _Pass(symmetry, count is not None).run(weights, out)


def _check_out(space: "WeightSpace", weights: Mapping[str, Tensor], out: Mapping[str, Tensor]) -> None:
    space.check(out)
    for name, tensor in weights.items():
        kinds = [(t.shape, t.dtype, t.device) for t in (tensor, out[name])]
        if kinds[0] != kinds[1]:
            shown = [f"{list(shape)}, {dtype} on {device}" for shape, dtype, device in kinds]
            raise ValueError(f"out[{name!r}] must be like the weights, {shown[0]}; got {shown[1]}.")


class _Pass:
    """One symmetry on its way over the tensors."""

    def __init__(self, symmetry: Symmetry, stacked: bool):
        self.symmetry, self.space, self.stacked = symmetry, symmetry.space, stacked
        self.orders: dict[tuple[Axis, torch.device], Tensor | None] = {}
        self.short: dict[Axis, Tensor | None] = {}  # the same in 32 bits
        self.mixed = {name for index in symmetry.matrices for name in self.space.matrices[index].powers}
        self.shifted = {name for index in symmetry.factors for name in self.space.actions[index].shifts}

    def run(self, weights: Mapping[str, Tensor], out: Mapping[str, Tensor] | None) -> dict[str, Tensor]:
        result: dict[str, Tensor] = {}
        jobs: list[Callable[[], None]] = []
        shared, read, later = (
            _storages(weights, out or {}),
            {_storage(t) for t in weights.values()} if out else set(),
            [],
        )
        for name, spec in self.space.tensors.items():
            target = out[name] if out is not None and _is_apart(out[name], read) else None
            result[name], own = self._moved(name, spec, weights[name], target)
            if target is None and out is not None and not shared[_storage(out[name])] - {name}:
                run_all(own, weights[name].numel())  # in place, and nobody else reads what is overwritten
                result[name] = out[name].copy_(result[name])
            else:
                jobs += own
                later += [name] * (target is None and out is not None)
        run_all(jobs, sum(tensor.numel() for tensor in weights.values()))
        return {**result, **{name: (out or {})[name].copy_(result[name]) for name in later}}

    def _moved(
        self, name: str, spec: TensorSpec, tensor: Tensor, target: Tensor | None
    ) -> tuple[Tensor, list[Callable[[], None]]]:
        """A tensor that is acted on once the jobs that come with it have run."""
        factors = {} if name in self.mixed | self.shifted else self._factors(name, spec)
        if name in self.mixed | self.shifted or (factors and not (fits(tensor) and scales(tensor))):
            tensor, factors = scaled(self.symmetry, name, spec, tensor, self.stacked), {}
        if not fits(tensor):
            moved = self._by_tensors(spec, tensor)
            return (moved if target is None else target.copy_(moved)), []
        if target is None:
            target = torch.empty_like(tensor, memory_format=torch.contiguous_format, requires_grad=False)
        orders = [self._short_order(axis) for axis in spec.axes]
        acting = [Acting(tensor.shape[dim + self.stacked], order, factors.get(dim)) for dim, order in enumerate(orders)]
        if not any(axis.acts for axis in acting):
            return target.copy_(tensor.detach()), []
        return target, act(tensor.detach(), acting, self.stacked, target)

    def _factors(self, name: str, spec: TensorSpec) -> dict[int, Tensor]:
        """For each axis that is scaled the factor of each entry after the move, ``[size]`` or ``[nets, size]``."""
        found: dict[int, Tensor] = {}
        for index, (dim, occurrence, power) in _touching(self.space).get(name, ()):
            vector = self.symmetry.factors.get(index)
            if vector is not None:
                is_phase = self.space.actions[index].kind == "phase"
                factor = 1 - 2 * (vector.abs() % 2) if is_phase else vector.double() ** power
                along = spread_over_axis(spec.axes[dim], occurrence, factor.cpu().double(), 1.0)
                found[dim] = found[dim] * along if dim in found else along
        orders = {dim: self._order(spec.axes[dim], torch.device("cpu")) for dim in found}
        return {dim: along if orders[dim] is None else gathered(along, orders[dim]) for dim, along in found.items()}

    def _by_tensors(self, spec: TensorSpec, tensor: Tensor) -> Tensor:
        moves = []
        for dim, axis in enumerate(spec.axes):
            order = self._order(axis, tensor.device)
            if order is not None:
                moves.append((dim + self.stacked, order))
        return move_entries(tensor, moves, self.stacked)

    def _order(self, axis: Axis, device: torch.device) -> Tensor | None:
        if (axis, device) not in self.orders:
            order = axis_order(axis, self.symmetry.permutations)
            self.orders[axis, device] = None if order is None else order.to(device)
        return self.orders[axis, device]

    def _short_order(self, axis: Axis) -> Tensor | None:
        if axis not in self.short:
            order = self._order(axis, torch.device("cpu"))
            self.short[axis] = None if order is None else order.to(torch.int32)
        return self.short[axis]


@lru_cache(maxsize=128)
def _touching(space: "WeightSpace") -> dict[str, list[tuple[int, tuple[int, int, int | float]]]]:
    """For each tensor the actions that multiply it, each with axis, occurrence and power."""
    found: dict[str, list[tuple[int, tuple[int, int, int | float]]]] = {}
    for index, action in enumerate(space.actions):
        for name, powers in action.powers.items():
            found.setdefault(name, []).extend((index, power) for power in powers)
    return found


def _storage(tensor: Tensor) -> int:
    return tensor.untyped_storage().data_ptr()


def _storages(*stacks: Mapping[str, Tensor]) -> dict[int, set[str]]:
    """The names of the tensors that lie in each piece of memory."""
    found: dict[int, set[str]] = {}
    if stacks[-1]:
        for name, tensor in (pair for stack in stacks for pair in stack.items()):
            found.setdefault(_storage(tensor), set()).add(name)
    return found


def _is_apart(tensor: Tensor, read: set[int]) -> bool:
    """Whether a tensor can be written straight away: it is one block of memory that no weights lie in."""
    return tensor.is_contiguous() and _storage(tensor) not in read
