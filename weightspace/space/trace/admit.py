"""Which modules can be traced: a wrapper is taken off, and what can't be read is refused with the way out."""

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from types import CellType, FunctionType
from typing import Any

import torch
from torch import nn
from torch.nn.parameter import is_lazy
from torch.utils import _pytree as pytree

from weightspace.space.computation.copies import copied, state_of, uncompiled
from weightspace.space.computation.exported import output_leaves
from weightspace.space.computation.lines import place_of, reason_of


def admit(module: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> nn.Module:
    """The module to trace: without its wrapper, its lazy layers filled in, and known to run on the example.

    Raises:
        ValueError: nothing can be read from it; the message says why and what to do.
    """
    if not isinstance(module, nn.Module):
        raise TypeError(
            f"A weight space is traced from a torch module, got {type(module).__name__}. "
            "Put a function of parameters into the forward of a module that holds them."
        )
    module = _unwrapped(module)
    name = type(module).__name__
    _check_parts(module, name)
    _check_inputs(args, kwargs)
    if any(is_lazy(tensor) for tensor in (*module.parameters(), *module.buffers())):
        module = _filled_in(module, args, kwargs)
    _check_tensors(module, name)
    _check_run(module, args, kwargs)
    return module


def _check_parts(module: nn.Module, name: str) -> None:
    for path, part in module.named_modules():
        inside = f"{path} of {name}" if path else name
        if isinstance(part, torch.jit.ScriptModule):
            raise ValueError(
                f"{inside} is TorchScript, which hides its code. Trace the module that it was scripted from."
            )
        if hasattr(part, "fake_quant_enabled"):
            raise ValueError(
                f"{inside} rounds to the steps of a quantization, which tensors of its own say. "
                "Trace the module in floating point that it was prepared from."
            )


def _check_inputs(args: Sequence[Any], kwargs: Mapping[str, Any]) -> None:
    tensors = [leaf for leaf in pytree.tree_leaves((args, kwargs)) if isinstance(leaf, torch.Tensor)]
    if any(tensor.device.type == "meta" for tensor in tensors):
        raise ValueError(
            "The example inputs have no numbers on the meta device. Give tensors with numbers, like randn."
        )
    if tensors and all(tensor.numel() == 0 for tensor in tensors):
        sizes = [list(tensor.shape) for tensor in tensors]
        raise ValueError(
            f"The example inputs have no entries (sizes {sizes}). Give an example with at least one sample."
        )


def _unwrapped(module: nn.Module) -> nn.Module:
    while isinstance(module, nn.DataParallel | nn.parallel.DistributedDataParallel) or hasattr(module, "_orig_mod"):
        inner: Any = module._orig_mod if hasattr(module, "_orig_mod") else module.module
        module = inner
    return module


def _filled_in(module: nn.Module, args: Sequence[Any], kwargs: Mapping[str, Any]) -> nn.Module:
    """A copy whose lazy layers took their sizes from the example."""
    import copy

    module = copy.deepcopy(module)
    try:
        with torch.no_grad(), uncompiled():
            module(*args, **kwargs)
    except Exception as error:
        raise ValueError(_does_not_run(module, error)) from error
    return module


def _check_tensors(module: nn.Module, name: str) -> None:
    state = state_of(module)
    if empty := [key for key, tensor in state.items() if tensor.device.type == "meta"]:
        raise ValueError(
            f"{name} has no numbers on the meta device ({_some(empty)}). "
            'Give it memory with module.to_empty(device="cpu") and load or draw its weights, then trace it.'
        )
    quantized = [key for key, part in module.named_modules() if ".quantized" in type(part).__module__]
    if quantized or any(tensor.is_quantized for tensor in state.values()):
        raise ValueError(f"{name} is quantized ({_some(quantized or [''])}). Trace the module that it was made from.")
    if renamed := [key for key, _ in module.named_parameters() if key not in state]:
        raise ValueError(
            f"The state dict of {name} lacks its parameters {_some(renamed)}: a hook renames or drops them. "
            "Remove the hook, or trace the module inside."
        )
    known = {id(tensor) for tensor in (*module.parameters(), *module.buffers())}
    for path, part in module.named_modules():
        for attribute, value in vars(part).items():
            if not attribute.startswith("_") and any(id(tensor) not in known for tensor in _hidden(value)):
                raise ValueError(
                    f"{'.'.join(filter(None, (path, attribute)))} of {name} holds parameters that torch doesn't "
                    "register, so that no state dict has them. Make each an attribute of its own (self.weight = "
                    "nn.Parameter(...)), or put them into nn.ParameterList or nn.ModuleList."
                )


def _hidden(value: Any) -> Iterator[torch.Tensor]:
    """Parameters inside plain lists, dicts, partial functions, and functions that hold them."""
    if isinstance(value, nn.Parameter) or (isinstance(value, torch.Tensor) and value.requires_grad and value.is_leaf):
        yield value
    elif isinstance(value, nn.Module):
        yield from value.parameters()
    elif isinstance(value, partial):
        yield from _hidden([value.func, *value.args, *value.keywords.values()])
    elif isinstance(value, FunctionType):
        yield from _hidden([cell.cell_contents for cell in value.__closure__ or () if not _is_empty(cell)])
    elif isinstance(value, list | tuple | dict):
        for part in value.values() if isinstance(value, dict) else value:
            yield from _hidden(part)


def _is_empty(cell: CellType) -> bool:
    try:
        return cell.cell_contents is None
    except ValueError:
        return True


def _check_run(module: nn.Module, args: Sequence[Any], kwargs: Mapping[str, Any]) -> None:
    """Run once on copies of its tensors, so that wrong inputs are told as such."""
    own = {id(tensor): name for name, tensor in [*module.named_buffers(), *module.named_parameters()]}
    tensors = {id(tensor): tensor for tensor in (*module.buffers(), *module.parameters())}
    state = {name: tensors[key].detach().clone() for key, name in own.items()}
    try:
        with torch.no_grad(), uncompiled(), torch.random.fork_rng(devices=[]):
            found = torch.func.functional_call(copied(module), state, tuple(args), dict(kwargs))
    except Exception as error:
        raise ValueError(_does_not_run(module, error)) from error
    if not any(isinstance(leaf, torch.Tensor) for leaf in output_leaves(found)):
        raise ValueError(
            f"{type(module).__name__} gives no tensor ({type(found).__name__}), so that there is nothing to read. "
            "Trace a module whose forward returns what it computes."
        )


def _does_not_run(module: nn.Module, error: Exception) -> str:
    return (
        f"{type(module).__name__} doesn't run on the example inputs.\n"
        f"{place_of(error)}  why:   {reason_of(error)}\nGive the inputs that its forward takes, in sizes "
        "that fit: WeightSpace.trace(module, *inputs, **named)."
    )


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
