"""Mend the statistics of a mixed net: averaging shrinks what its neurons see, and a norm's statistics no longer fit."""

from collections.abc import Callable, Mapping, Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.func import functional_call

from weightspace.align.checks import check_nets
from weightspace.align.matching.score import CHANNEL, NORMS, frozen

Weights = Mapping[str, Tensor]


def has_statistics(module: nn.Module) -> bool:
    """Whether a module has batch norms, whose statistics can be measured again."""
    return any(isinstance(part, NORMS) and part.track_running_stats for part in module.modules())


def reset_statistics(module: nn.Module, weights: Weights, inputs: Float[Tensor, "n *input"]) -> dict[str, Tensor]:
    """The weights with the running statistics of every batch norm measured again on these inputs, in one batch.

    Raises:
        ValueError: a tensor of the module is missing, or a value isn't finite.
    """
    check_nets(module, {"weights": weights})
    module, result = frozen(module), {name: tensor.clone() for name, tensor in weights.items()}
    for part in module.modules():
        if isinstance(part, NORMS):
            part.train()
            part.momentum = 1.0
    with torch.no_grad():
        functional_call(module, result, (inputs,))
    return result


def repair(
    module: nn.Module,
    weights: Weights,
    ends: Sequence[Weights],
    shares: Sequence[float],
    inputs: Float[Tensor, "n *input"],
    means: bool = True,
) -> dict[str, Tensor]:
    """REPAIR: give every linear or convolutional neuron the mean and spread that its parents' neurons have, mixed.

    Jordan et al. 2023, "REPAIR: renormalizing permuted activations for interpolation repair". Layer after layer, each
    measured on what the mended layers before it give; folded into weights and biases. The last layer, and layers
    without a bias, stay as they are.

    Args:
        weights: the mixed net. ends: the nets that it was mixed from, aligned. shares: how much of each.
        inputs: to measure on. means: False mends the spread alone (RESCALE), which needs no bias.

    Raises:
        ValueError: not one share for each end; a net lacks a tensor of the module, or isn't finite.
    """
    if len(ends) != len(shares):
        raise ValueError(f"shares must hold one number for each of the {len(ends)} ends, got {len(shares)}.")
    check_nets(module, {"weights": weights, **{f"ends[{k}]": end for k, end in enumerate(ends)}})
    module, names = frozen(module), _mendable(module, means)
    goals = [_statistics(module, end, inputs, names) for end in ends]
    factors: dict[str, tuple[Tensor, Tensor]] = {}

    def mend(name: str, outputs: Tensor, channel: int) -> Tensor:
        mean, spread = _moments(outputs, channel)
        goal = [sum(s * g[name][k] for s, g in zip(shares, goals, strict=True)) for k in (0, 1)]
        factor = goal[1] / spread.clamp_min(1e-12)
        shift = goal[0] - mean * factor if means else torch.zeros_like(mean)
        factors[name] = factor, shift
        return outputs * _wide(factor, outputs, channel) + _wide(shift, outputs, channel)

    _run(module, weights, inputs, names, mend)
    result = dict(weights)
    for name, (factor, shift) in factors.items():
        weight = result[f"{name}.weight"]
        result[f"{name}.weight"] = weight * factor.reshape(-1, *[1] * (weight.ndim - 1))
        if f"{name}.bias" in result:
            result[f"{name}.bias"] = result[f"{name}.bias"] * factor + shift
    return result


def _mendable(module: nn.Module, means: bool) -> list[str]:
    layers = [(name, part) for name, part in module.named_modules() if type(part) in CHANNEL]
    return [name for name, part in layers[:-1] if not means or part.bias is not None]


def _statistics(
    module: nn.Module, weights: Weights, inputs: Tensor, names: Sequence[str]
) -> dict[str, tuple[Tensor, Tensor]]:
    found: dict[str, tuple[Tensor, Tensor]] = {}

    def note(name: str, outputs: Tensor, channel: int) -> Tensor:
        found[name] = _moments(outputs, channel)
        return outputs

    _run(module, weights, inputs, names, note)
    return found


def _moments(outputs: Tensor, channel: int) -> tuple[Tensor, Tensor]:
    rows = outputs.movedim(channel, -1).flatten(0, -2)
    return rows.mean(0), rows.std(0)


def _wide(vector: Tensor, like: Tensor, channel: int) -> Tensor:
    shape = [1] * like.ndim
    shape[channel] = -1
    return vector.reshape(shape)


def _run(
    module: nn.Module,
    weights: Weights,
    inputs: Tensor,
    names: Sequence[str],
    see: Callable[[str, Tensor, int], Tensor],
) -> None:
    """Run the module and hand what each named layer gives to ``see``, which may change it."""
    handles = []
    for name in names:
        layer = module.get_submodule(name)

        def hook(_: nn.Module, __: object, outputs: Tensor, name: str = name, layer: nn.Module = layer) -> Tensor:
            return see(name, outputs, CHANNEL[type(layer)])

        handles.append(layer.register_forward_hook(hook))
    try:
        with torch.no_grad():
            functional_call(module, dict(weights), (inputs,))
    finally:
        for handle in handles:
            handle.remove()
