"""Acting with a symmetry on weights, one pass a tensor: by compiled code, or by tensors where that can't be."""

from collections.abc import Mapping

import torch
from torch import Tensor

from weightspace.space.axes import Axis
from weightspace.space.fitting import check_fits, check_types
from weightspace.space.moving.compiled import Work, fits, is_ready, scales
from weightspace.space.moving.memory import reusable
from weightspace.space.moving.plan import Actings
from weightspace.space.moving.tensors import move_entries
from weightspace.space.parts import TensorSpec
from weightspace.space.spread import axis_order
from weightspace.space.symmetry import Symmetry, check_space, scaled
from weightspace.space.weightspace import WeightSpace


def apply_symmetry(
    space: WeightSpace, symmetry: Symmetry, weights: Mapping[str, Tensor], out: Mapping[str, Tensor] | None = None
) -> dict[str, Tensor]:
    """See `WeightSpace.apply`."""
    check_space(symmetry, space)
    count = space.check(weights)
    check_types(space, weights)
    check_fits(space, symmetry, count)
    if out is not None:
        _check_out(space, weights, out)
    return _Pass(symmetry, count is not None).run(weights, out)


def _check_out(space: WeightSpace, weights: Mapping[str, Tensor], out: Mapping[str, Tensor]) -> None:
    space.check(out)
    for name, tensor in weights.items():
        other = out[name]
        if other is not tensor and (tensor.dtype != other.dtype or tensor.device != other.device):
            shown = [f"{list(t.shape)}, {t.dtype} on {t.device}" for t in (tensor, other)]
            raise ValueError(f"out[{name!r}] must be like the weights, {shown[0]}; got {shown[1]}.")


class _Pass:
    """One symmetry on its way over the tensors."""

    def __init__(self, symmetry: Symmetry, stacked: bool):
        self.symmetry, self.space, self.stacked = symmetry, symmetry.space, stacked
        self.orders: dict[tuple[Axis, torch.device], Tensor | None] = {}
        self.actings = Actings(symmetry)
        self.work = Work() if is_ready() else None
        mixed = {name for index in symmetry.matrices for name in self.space.matrices[index].powers}
        self.by_parts = mixed | {name for index in symmetry.factors for name in self.space.actions[index].shifts}

    def run(self, weights: Mapping[str, Tensor], out: Mapping[str, Tensor] | None) -> dict[str, Tensor]:
        free = set() if out is None else reusable(weights, out)
        result = {
            name: self._moved(name, spec, weights[name], None if out is None or name not in free else out[name])
            for name, spec in self.space.tensors.items()
        }
        if self.work is not None:
            self.work.run()
        if out is None:
            return result
        return {name: tensor if name in free else out[name].copy_(tensor) for name, tensor in result.items()}

    def _moved(self, name: str, spec: TensorSpec, tensor: Tensor, target: Tensor | None) -> Tensor:
        """A tensor that is acted on once the work is done, in ``target`` if there is one."""
        by_parts = name in self.by_parts
        is_fit = self.work is not None and fits(tensor) and (target is None or fits(target))
        if by_parts or not (is_fit and scales(tensor)):
            tensor, by_parts = scaled(self.symmetry, name, spec, tensor, self.stacked), True
        if self.work is None or not is_fit or (by_parts and not fits(tensor)):
            moved = self._by_tensors(spec, tensor)
            return moved if target is None else target.copy_(moved)
        if target is None:
            target = torch.empty_like(tensor, memory_format=torch.contiguous_format, requires_grad=False)
        self.work.add(tensor.detach(), self.actings.of(name, not by_parts), self.stacked, target)
        return target

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
