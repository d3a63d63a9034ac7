"""Run code in float64 whatever types it asks for, with nothing dropped out."""

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.overrides import TorchFunctionMode
from torch.utils import _pytree as pytree


@contextmanager
def in_float64() -> Iterator[None]:
    """Code in this block computes in float64."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    try:
        with _InFloat64():
            yield
    finally:
        torch.set_default_dtype(before)


_LONG = {
    **dict.fromkeys((torch.float32, torch.float16, torch.bfloat16), torch.float64),
    **dict.fromkeys((torch.complex64, torch.complex32), torch.complex128),
}
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
        args = tuple(_LONG.get(arg, arg) if isinstance(arg, torch.dtype) else arg for arg in args)
        if kwargs.get("dtype") in _LONG:
            kwargs["dtype"] = _LONG[kwargs["dtype"]]
        try:
            return func(*args, **kwargs)
        except RuntimeError:  # a tensor that the code holds outside the module may still be short
            args, kwargs = pytree.tree_map(_long, (args, kwargs))
            return func(*args, **kwargs)


def switch_off_dropout(module: nn.Module) -> None:
    """Nothing drops out of a module, in its layers or at a rate that it hands to a function."""
    for part in module.modules():
        drops = any(word in type(part).__name__.lower() for word in ("dropout", "droppath", "rrelu"))
        for name, value in list(vars(part).items()):
            rate = "drop" in name.lower() or (drops and name == "p")  # some read it for a dropout of their own
            if rate and isinstance(value, float):
                setattr(part, name, 0.0)
        if drops:
            part.eval()


def _long(value: Any) -> Any:
    return value.to(_LONG[value.dtype]) if isinstance(value, Tensor) and value.dtype in _LONG else value
