"""A module in float64 with weights in general position, to compare its outputs before and after a symmetry."""

import copy
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.overrides import TorchFunctionMode
from torch.utils import _pytree as pytree

from weightspace.space.move import move_entries
from weightspace.space.symmetry import Symmetry, axis_order
from weightspace.space.trace.exported import plain
from weightspace.space.weightspace import WeightSpace


class Probe:
    """A module in float64 with weights in general position, and its outputs."""

    def __init__(self, module: nn.Module, args: Sequence[Any], kwargs: Mapping[str, Any]):
        self.module = copy.deepcopy(module, _kept(module))
        _switch_off_dropout(self.module)
        tensors = {name: t for name, t in module.state_dict(keep_vars=True).items() if isinstance(t, Tensor)}
        self.weights = {name: _as_double(tensor) for name, tensor in tensors.items()}
        _randomize(self.weights)
        first: dict[int, str] = {}
        for name, tensor in tensors.items():
            first.setdefault(id(tensor), name)
        self.own = list(first.values())  # a tied tensor under one name only
        buffers = dict(module.named_buffers(remove_duplicate=False))
        self.buffers = set(buffers)  # a forward pass may write these
        self.unsaved = {name: _as_double(buffer) for name, buffer in buffers.items() if name not in tensors}
        self.args, self.kwargs = _double(args), _double(kwargs)
        versions = {name: self.weights[name]._version for name in self.own}
        self.outputs = self.run(self.weights)
        written = {
            name: _as_double(tensors[name]) for name in self.own if self.weights[name]._version != versions[name]
        }
        if written:  # code that writes into its own parameters gets copies from now on
            _randomize(written)
            self.weights.update(written)
            self.buffers.update(written)
            self.outputs = self.run(self.weights)

    def run(self, weights: Mapping[str, Tensor]) -> list[Tensor]:
        """The module's outputs with these weights."""
        with torch.no_grad(), _float64(), torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            state = {name: weights[name] for name in self.own} | self.unsaved
            state = {name: tensor.clone() if name in self.buffers else tensor for name, tensor in state.items()}
            result = torch.func.functional_call(self.module, state, tuple(self.args), dict(self.kwargs))
        return [t.double() for t in _tensors(result) if t.numel()]

    def error(self, space: WeightSpace, symmetry: Symmetry) -> float:
        """Largest difference of the outputs after a symmetry, relative to their largest value."""
        return self._distance(self.run(space.apply(symmetry, self.weights)))

    def change(self, space: WeightSpace) -> float:
        """The same with every tensor moved by itself, which isn't a symmetry unless the outputs ignore the weights."""
        moved = {}
        for index, (name, spec) in enumerate(space.tensors.items()):
            own = space.random_symmetry(torch.Generator().manual_seed(index + 1))
            orders = [(dim, axis_order(axis, own.permutations)) for dim, axis in enumerate(spec.axes)]
            moves = [(dim, order) for dim, order in orders if order is not None]
            moved[name] = move_entries(self.weights[name], moves, stacked=False)
        return self._distance(self.run(moved))

    def _distance(self, others: list[Tensor]) -> float:
        if not any(bool(before.isfinite().any()) for before in self.outputs):
            return float("nan")  # nothing to compare is no proof
        worst = 0.0
        for before, after in zip(self.outputs, others, strict=True):
            seen = before.isfinite()
            if not torch.equal(seen, after.isfinite()):
                return float("inf")
            gap = (before[seen] - after[seen]).abs().max() if seen.any() else torch.zeros(())
            scale = before[seen].abs().max() if seen.any() else torch.ones(())
            worst = max(worst, float(gap / scale.clamp_min(1e-30)) if gap > 0 else 0.0)
        return worst


def _switch_off_dropout(module: nn.Module) -> None:
    for part in module.modules():
        for name, value in list(vars(part).items()):
            if "drop" in name.lower() and isinstance(value, float):
                setattr(part, name, 0.0)
        if "dropout" in type(part).__name__.lower() or "droppath" in type(part).__name__.lower():
            part.eval()


def _randomize(state: dict[str, Tensor]) -> None:
    """Put constant tensors and norm statistics into general position; every tensor that is seen keeps its scale."""
    generator = torch.Generator().manual_seed(0)
    for name, tensor in state.items():
        if not tensor.is_floating_point() or tensor.numel() < 2:
            continue
        statistics = "running" in name or "var" in name.rsplit(".", 1)[-1]
        if statistics or (
            bool(tensor.flatten()[0] == tensor.flatten()[-1]) and bool((tensor == tensor.flatten()[0]).all())
        ):
            noise = torch.rand(tensor.shape, generator=generator, dtype=torch.float64).to(tensor.device)
            level = tensor.flatten()[0].abs().clamp(1e-2, 1e2) if not statistics else torch.ones(())
            tensor.copy_((0.5 + noise) * level if "var" in name or tensor.flatten()[0] else (noise - 0.5))


def _double(tree: Any) -> Any:
    def cast(value: Any) -> Any:
        return value.double() if isinstance(value, Tensor) and value.is_floating_point() else value

    return pytree.tree_map(cast, tree)


def _kept(module: nn.Module) -> dict[int, Any]:
    """A memo for copying: parameters and buffers are shared, since they are replaced; other tensors become float64."""
    kept: dict[int, Any] = {id(tensor): tensor for tensor in (*module.parameters(), *module.buffers())}
    computed = [value for part in module.modules() for value in vars(part).values() if isinstance(value, Tensor)]
    return {**{id(tensor): _as_double(tensor) for tensor in computed}, **kept}


def _as_double(tensor: Tensor) -> Tensor:
    """A copy, in float64 if it holds real numbers."""
    tensor = tensor.detach()
    return tensor.to(torch.float64, copy=True) if tensor.is_floating_point() else tensor.clone()


def _tensors(result: Any) -> list[Tensor]:
    """All tensors with numbers for entries in an output of any shape."""
    leaves = pytree.tree_leaves(plain(result))
    return [leaf for leaf in leaves if isinstance(leaf, Tensor) and leaf.dtype != torch.bool]


@contextmanager
def _float64() -> Iterator[None]:
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    try:
        with _InFloat64():
            yield
    finally:
        torch.set_default_dtype(before)


_SHORT = (torch.float32, torch.float16, torch.bfloat16)
_DROPOUT = {
    functional.dropout, functional.dropout1d, functional.dropout2d, functional.dropout3d, functional.alpha_dropout,
    functional.feature_alpha_dropout, torch.dropout, torch.dropout_, torch.alpha_dropout, torch.feature_dropout,
}  # fmt: skip

_GROUPED = {getattr(torch, "_grouped_mm", None), getattr(torch.nn.functional, "grouped_mm", None)} - {None}


def _grouped_product(one: Tensor, other: Tensor, offs: Tensor | None = None, bias: Any = None, **_: Any) -> Tensor:
    """The grouped product of mixtures of experts, which torch computes in short types only."""
    if offs is None:
        return one @ other
    starts = [0, *offs.tolist()]
    rows = [one[a:b] @ other[i] for i, (a, b) in enumerate(pairwise(starts))]
    return torch.cat([*rows, one.new_zeros(one.shape[0] - starts[-1], other.shape[-1])])


class _InFloat64(TorchFunctionMode):
    """Code that asks for a shorter type gets float64, so that no error hides behind rounding; nothing drops out."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = dict(kwargs or {})
        if func in (torch.Tensor.float, torch.Tensor.half, torch.Tensor.bfloat16):
            return args[0].double()
        if func in _DROPOUT:
            return args[0] if args else kwargs["input"]
        if func in _GROUPED:
            return _grouped_product(*args, **kwargs)
        args = tuple(torch.float64 if any(arg is short for short in _SHORT) else arg for arg in args)
        if any(kwargs.get("dtype") is short for short in _SHORT):
            kwargs["dtype"] = torch.float64
        return func(*args, **kwargs)
