"""Norms without gains: what a norm multiplies and adds moves into its readers, its mean into what writes the stream."""

import copy
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, overload

import torch
from torch import Tensor, nn

from weightspace.align.checks import check_nets
from weightspace.space import Action, Atom, TensorSpec, WeightSpace
from weightspace.space.spread import spread_over_axis

_NORMS = (nn.LayerNorm, nn.RMSNorm)
_ROUNDING = 1e-9
Weights = Mapping[str, Tensor]


@overload
def fold_norms(of: WeightSpace, weights: Weights, inputs: tuple[Any, ...] = ()) -> dict[str, Tensor]: ...


@overload
def fold_norms(of: nn.Module, weights: Weights | None = None, inputs: tuple[Any, ...] = ()) -> nn.Module: ...


def fold_norms(
    of: WeightSpace | nn.Module, weights: Weights | None = None, inputs: tuple[Any, ...] = ()
) -> dict[str, Tensor] | nn.Module:
    """Weights of the same function in which norms have no gains, so that a residual stream may be turned.

    A gain goes into the columns of the layers that read the norm, a shift into their biases, and the mean that a layer
    norm subtracts into everything that writes the stream; then the norm divides by a root mean square alone, and
    `WeightSpace.trace` finds the orthogonal matrices of the stream (Ashkboos et al. 2024, "SliceGPT").

    Args:
        of: a weight space, for weights of the same architecture with gains of 1 and shifts of 0; or a module, for
            a copy of it whose norms have no gains, no shifts and no means.
        weights: of one net; None takes the module's own. inputs: example inputs, which a module needs.

    Raises:
        ValueError: no weights, or none of the module's architecture, or no inputs; a norm that something else than
            linear layers reads (a residual connection after it, an embedding that is tied to the last layer), a shift
            before layers without biases, a stream that something else than norms reads.
    """
    if isinstance(of, WeightSpace):
        if weights is None:
            raise ValueError("fold_norms needs the weights of a net beside a weight space.")
        of.check(weights)
        return _folded(of, weights, _gains_of(of))
    if not inputs:
        raise ValueError(
            "fold_norms needs inputs=, example inputs of the module as a tuple, to see what reads its norms."
        )
    return _fold_module(of, weights, inputs)


@dataclass(frozen=True)
class _Gain:
    """A gain, the shift behind it or None, and where layers read what they give."""

    tensor: str
    shift: str | None
    readers: tuple[tuple[str, int, int], ...]


def _gains_of(space: WeightSpace) -> list[_Gain]:
    """The gains of norms that linear layers alone read: a factor in the gain can be undone in those."""
    found = {}
    for action in space.actions:
        for tensor, powers in action.powers.items():
            spec = space.tensors[tensor]
            if action.kind == "scale" and spec.slot == "scale" and len(spec.axes) == 1 and tensor not in found:
                gain = _read_by_layers(space, action, tensor, powers[0][2])
                if gain is not None:
                    found[tensor] = gain
    return list(found.values())


def _read_by_layers(space: WeightSpace, action: Action, tensor: str, power: int | float) -> _Gain | None:
    readers, shift = [], None
    for name, powers in action.powers.items():
        spec = space.tensors[name]
        if name == tensor:
            continue
        if spec.role == "vector" and spec.slot in ("shift", "bias") and powers[0][2] == power and shift is None:
            shift = name
        elif spec.role == "weight" and all(dim in spec.source and p == -power for dim, _, p in powers):
            readers += [(name, dim, occurrence) for dim, occurrence, _ in powers]
        else:
            return None
    return _Gain(tensor, shift, tuple(readers)) if readers else None


def _folded(space: WeightSpace, weights: Weights, gains: list[_Gain]) -> dict[str, Tensor]:
    result = dict(weights)
    for gain in gains:
        if gain.shift is not None:
            for reader in gain.readers:
                _move_shift(space, result, result[gain.shift], reader, gain.shift)
            result[gain.shift] = torch.zeros_like(result[gain.shift])
        for name, dim, occurrence in gain.readers:
            axis = space.tensors[name].axes[dim]
            factor = spread_over_axis(axis, occurrence, result[gain.tensor].double().cpu(), 1.0)
            result[name] = (result[name] * _wide(factor, result[name], dim)).to(weights[name].dtype)
        result[gain.tensor] = torch.ones_like(result[gain.tensor])
    return result


def _move_shift(
    space: WeightSpace, weights: dict[str, Tensor], shift: Tensor, reader: tuple[str, int, int], name: str
) -> None:
    tensor, dim, occurrence = reader
    spec = space.tensors[tensor]
    if not bool(shift.any()):
        return
    bias = _bias_of(space, spec)
    if bias is None or len(spec.axes) != 2:
        raise ValueError(
            f"The shift {name!r} can't be folded into {tensor!r}, which has no bias of its own. "
            "Give fold_norms the module, which gets one, or a net without that shift."
        )
    wide = spread_over_axis(spec.axes[dim], occurrence, shift.double().cpu(), 0.0)
    added = (weights[tensor].double() * _wide(wide, weights[tensor], dim).double()).sum(dim)
    weights[bias] = (weights[bias].double() + added).to(weights[bias].dtype)


def _bias_of(space: WeightSpace, spec: TensorSpec) -> str | None:
    axes = tuple(spec.axes[dim] for dim in spec.target)
    for name, other in space.tensors.items():
        if other.slot == "bias" and other.axes == axes and other.target_site == spec.target_site:
            return name
    return None


def _wide(vector: Tensor, like: Tensor, dim: int) -> Tensor:
    return vector.reshape(-1, *[1] * (like.ndim - dim - 1)).to(like.device)


# ---- modules ---------------------------------------------------------------------------------------------------------


def _fold_module(module: nn.Module, weights: Weights | None, inputs: tuple[Any, ...]) -> nn.Module:
    original = copy.deepcopy(module).eval()
    if weights is not None:
        check_nets(module, {"weights": weights})
        original.load_state_dict(dict(weights))
    plain = _with_all_parameters(original)
    space = WeightSpace.trace(plain, *inputs, verify=False)
    gains = _gains_of(space)
    _check_all_found(plain, space, {gain.tensor for gain in gains})
    with torch.no_grad():
        state = _folded(space, {n: t.double() for n, t in plain.state_dict().items()}, gains)
        streams = {str(space.tensors[f"{name}.weight"].axes[0]) for name, _ in _norms(plain, nn.LayerNorm)}
        for name in streams:
            _remove_means(space, state, name)
    folded = copy.deepcopy(plain)
    folded.load_state_dict({n: t.to(folded.state_dict()[n].dtype) for n, t in state.items()})
    _drop_gains(folded, [gain.tensor for gain in gains] + [gain.shift for gain in gains if gain.shift])
    _check_same(original, folded, inputs, state)
    return folded.train(module.training)


def _norms(module: nn.Module, kinds: Any = _NORMS) -> Iterator[tuple[str, nn.Module]]:
    """Norms over a last axis, each with its name."""
    for name, part in module.named_modules():
        if isinstance(part, kinds) and len(part.normalized_shape) == 1:  # type: ignore[arg-type]
            yield name, part


def _with_all_parameters(module: nn.Module) -> nn.Module:
    """A copy in which every norm has a gain, and every linear layer a bias where norms have shifts."""
    module = copy.deepcopy(module)
    for name, norm in list(_norms(module)):
        if norm.weight is None:
            parameter = next(module.parameters())
            new = type(norm)(norm.normalized_shape, eps=norm.eps).to(parameter.device, parameter.dtype)  # type: ignore
            _replace(module, name, new)
    if any(getattr(norm, "bias", None) is not None for _, norm in _norms(module)):
        for part in module.modules():
            if isinstance(part, nn.Linear) and part.bias is None:
                part.bias = nn.Parameter(torch.zeros_like(part.weight[:, 0]))
    return module


def _replace(module: nn.Module, name: str, new: nn.Module) -> None:
    owner, _, last = name.rpartition(".")
    setattr(module.get_submodule(owner), last, new)


def _check_all_found(module: nn.Module, space: WeightSpace, found: set[str]) -> None:
    for name, _ in _norms(module):
        if f"{name}.weight" not in found:
            raise ValueError(
                f"The norm {name!r} can't be folded: something else than linear layers reads it (a residual connection "
                "after the norm, an activation, or an embedding that is tied to the last layer)."
            )
        if not isinstance(space.tensors[f"{name}.weight"].axes[0], Atom):
            raise ValueError(f"The norm {name!r} can't be folded: its channels are no single set of neurons.")


def _remove_means(space: WeightSpace, weights: dict[str, Tensor], stream: str) -> None:
    """Take the mean over the stream's neurons out of everything that writes them."""
    for name, spec in space.tensors.items():
        for dim, axis in enumerate(spec.axes):
            writes = dim in spec.target if spec.role == "weight" else spec.slot not in ("scale", "shift")
            if writes and str(axis) == stream and not spec.buffer:
                weights[name] = weights[name] - weights[name].mean(dim, keepdim=True)


def _drop_gains(module: nn.Module, tensors: list[str]) -> None:
    """Norms that divide by a root mean square alone; of norms of other classes the gains become constants."""
    for name, norm in list(_norms(module)):
        eps, shape = norm.eps, norm.normalized_shape
        _replace(module, name, nn.RMSNorm(shape, eps=eps, elementwise_affine=False))  # type: ignore[arg-type]
    for tensor in tensors:
        owner, _, last = tensor.rpartition(".")
        part = module.get_submodule(owner) if owner in dict(module.named_modules()) else None
        value = getattr(part, last, None) if part is not None else None
        if part is not None and isinstance(value, nn.Parameter):
            delattr(part, last)
            part.register_buffer(last, value.detach().clone(), persistent=False)


def _check_same(original: nn.Module, folded: nn.Module, inputs: tuple[Any, ...], state: Weights) -> None:
    """Both give the same in float64."""
    one, other = copy.deepcopy(original).double(), copy.deepcopy(folded).double()
    other.load_state_dict({name: state[name].double() for name in other.state_dict()})
    wide = [x.double() if isinstance(x, Tensor) and x.is_floating_point() else x for x in inputs]
    with torch.no_grad():
        before, after = _first(one(*wide)), _first(other(*wide))
    if float((before - after).abs().max()) > _ROUNDING * max(1.0, float(before.abs().max())):
        raise ValueError(
            "Norms can't be folded here: something else than norms reads the residual stream, so that the mean can't "
            "be taken out of what writes it."
        )


def _first(outputs: Any) -> Tensor:
    while not isinstance(outputs, Tensor):
        outputs = next(iter(outputs.values() if isinstance(outputs, Mapping) else outputs))
    return outputs
