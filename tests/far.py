"""A device that isn't there: its tensors hold their numbers on the CPU, and meet CPU tensors only where a GPU's may.

Inside of `far_device`, what goes to ``FAR`` says that it lies there, computes what the CPU computes, and fails beside a
CPU tensor as on a GPU. So code for GPUs is run, with its values, on a machine without one. The name of the device is
borrowed from torch's meta device, for which any build of torch can run autograd.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode, return_and_correct_aliasing
from torch.utils._pytree import tree_leaves, tree_map_only

FAR = torch.device("meta")
COPIES = ("_to_copy", "copy_")
INDEXING = ("index", "index_put", "index_put_", "_unsafe_index", "_unsafe_index_put", "_index_put_impl_")
"""Operators whose indices may lie on the CPU, as PyTorch's do."""
TAKES_NUMBERS = ("fill_", "fill", "masked_fill", "masked_fill_", "where")
"""Operators that take a CPU tensor without axes as a number, beside those that work entry by entry."""
MAKES_TENSORS = (torch.tensor, torch.as_tensor, Tensor.new_tensor)


class FarTensor(Tensor):
    """A tensor of the far device; ``held`` is where its numbers are."""

    held: Tensor

    @staticmethod
    def __new__(cls, held: Tensor) -> "FarTensor":
        kept = Tensor._make_wrapper_subclass(
            cls, held.size(), strides=held.stride(), storage_offset=held.storage_offset(), dtype=held.dtype, device=FAR
        )
        kept.held = held
        return kept

    def __repr__(self) -> str:
        return f"far {self.held}"

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: tuple = (), kwargs: dict | None = None) -> Any:
        return _computed(func, args, kwargs or {})


class _Operators(TorchDispatchMode):
    def __torch_dispatch__(self, func: Any, types: Any, args: tuple = (), kwargs: dict | None = None) -> Any:
        return _computed(func, args, kwargs or {})


class _Makers(TorchFunctionMode):
    """`torch.tensor` and its kin make their tensor on the CPU first, as do lists as indices."""

    def __torch_function__(self, func: Any, types: Any, args: tuple = (), kwargs: dict | None = None) -> Any:
        kwargs = dict(kwargs or {})
        if func is Tensor.tolist:
            return func(args[0].detach().cpu())
        if func in (Tensor.__getitem__, Tensor.__setitem__):
            return func(args[0], _with_tensors(args[1]), *args[2:])
        if func not in MAKES_TENSORS:
            return func(*args, **kwargs)
        device = kwargs.pop("device", None)
        if func is Tensor.new_tensor:
            like, *args = args
            kwargs.setdefault("dtype", like.dtype)
            device = device or like.device
            return torch.tensor(*args, **kwargs).to(device)
        if device is None:
            return func(*args, **kwargs)
        return func(*args, **kwargs).to(device)


def _with_tensors(index: Any) -> Any:
    """An index whose lists have become tensors."""
    if isinstance(index, tuple):
        return tuple(_with_tensors(part) for part in index)
    return torch.tensor(index) if isinstance(index, list) else index


@contextmanager
def far_device() -> Iterator[torch.device]:
    """The far device, for as long as the block lasts."""
    with _Makers(), _Operators():
        yield FAR


def _computed(func: Any, args: tuple, kwargs: dict) -> Any:
    """What an operator gives, on the device on which a GPU's would lie."""
    name = func.overloadpacket.__name__
    far = any(isinstance(leaf, FarTensor) for leaf in tree_leaves((args, kwargs)))
    if far and name not in COPIES:
        _check(func, name, args, kwargs)
    device = kwargs.get("device")
    goes = far if device is None else torch.device(device) == FAR
    if device is not None:
        kwargs = {**kwargs, "device": torch.device("cpu")}
    inner, named = tree_map_only(FarTensor, lambda tensor: tensor.held, (args, kwargs))
    found = func(*inner, **named)
    if name == "copy_":
        return args[0]
    if not goes:
        return found.clone() if found is inner[0] else found  # a copy between devices is another tensor
    found = tree_map_only(Tensor, FarTensor, found)
    return return_and_correct_aliasing(func, args, kwargs, found) if far else found


def _check(func: Any, name: str, args: tuple, kwargs: dict) -> None:
    beside = args if name not in INDEXING else (args[0], *args[2:])
    near = [x for x in tree_leaves((beside, kwargs)) if isinstance(x, Tensor) and not isinstance(x, FarTensor)]
    assert not any(tensor.is_meta for tensor in near), f"{func} got a tensor that slipped past the far device."
    numbers = name in TAKES_NUMBERS or torch.Tag.pointwise in func.tags
    wrong = [tensor for tensor in near if tensor.ndim or not numbers]
    if wrong:
        raise RuntimeError(f"{func} got tensors on two devices, on the CPU one of shape {list(wrong[0].shape)}.")
