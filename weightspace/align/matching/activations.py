"""Activation matching: neurons that see the same in the same data belong together."""

from collections.abc import Mapping
from dataclasses import replace

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.func import functional_call

from weightspace.align.matching.descent import descend, fit_scales, grow, settle_signs
from weightspace.align.matching.pairs import Match
from weightspace.align.matching.score import frozen
from weightspace.space import Action, Atom, Symmetry, TensorSpec, WeightSpace

_CHANNEL = {nn.Linear: -1, nn.Conv1d: 1, nn.Conv2d: 1, nn.Conv3d: 1}
_SAMPLES = 4096


def observed_space(space: WeightSpace, module: nn.Module, samples: int) -> WeightSpace:
    """A space of what the module's linear and convolutional layers give: ``samples`` rows, an axis of neurons.

    It has the names and actions of ``space``, so that a symmetry of the one is one of the other.

    Raises:
        ValueError: no layer gives anything that bears a free name.
    """
    free, tensors = set(space.free), {}
    for name, spec in space.tensors.items():
        layer = layer_of(module, name)
        if layer is not None and any(atom.name in free for atom in spec.axes[0].atoms()):
            tensors[name] = TensorSpec((Atom(None, samples), spec.axes[0]), dtype=spec.dtype)
    if not tensors:
        raise ValueError(
            "Activation matching needs linear or convolutional layers in front of free neurons; this module has none. "
            'Use method="weights".'
        )
    actions = tuple(_observed(action, tensors) for action in space.actions)
    return replace(space, tensors=tensors, actions=actions, matrices=())


def _observed(action: Action, tensors: Mapping[str, TensorSpec]) -> Action:
    """What the action does to what a layer gives: what it does to the target axis of its weights."""
    powers = {
        name: tuple((1, occurrence, power) for dim, occurrence, power in entries if dim == 0)
        for name, entries in action.powers.items()
        if name in tensors and any(dim == 0 for dim, _, _ in entries)
    }
    return replace(action, powers=powers, shifts={})


def layer_of(module: nn.Module, tensor: str) -> nn.Module | None:
    """The linear or convolutional layer whose weight a tensor is, or None."""
    owner, _, last = tensor.rpartition(".")
    layer = dict(module.named_modules()).get(owner)
    return layer if last == "weight" and type(layer) in _CHANNEL else None


def observe(
    module: nn.Module, weights: Mapping[str, Tensor], inputs: Float[Tensor, "n *input"], tensors: list[str]
) -> dict[str, Float[Tensor, "1 samples neurons"]]:
    """What each layer gives on the inputs, every neuron with mean 0 and norm 1 over the samples."""
    module, found, handles = frozen(module), {}, []
    for name in tensors:
        layer = layer_of(module, name)
        assert layer is not None

        def hook(part: nn.Module, _: object, outputs: Tensor, name: str = name) -> None:
            rows = outputs.movedim(_CHANNEL[type(part)], -1).flatten(0, -2)
            rows = rows[:: max(1, len(rows) // _SAMPLES)][:_SAMPLES]
            rows = rows - rows.mean(0)
            found[name] = (rows / rows.norm(dim=0).clamp_min(1e-12)).unsqueeze(0)

        handles.append(layer.register_forward_hook(hook))
    with torch.no_grad():
        functional_call(module, dict(weights), (inputs,))
    for handle in handles:
        handle.remove()
    return found


def match_activations(
    space: WeightSpace,
    module: nn.Module,
    a: Mapping[str, Tensor],
    b: Mapping[str, Tensor],
    inputs: Float[Tensor, "n *input"],
) -> Symmetry:
    """What brings b to a by the correlations of their neurons on data (Li et al. 2016, "Convergent learning").

    Names that no layer shows, signs and phases that correlations don't see, and scales come from the weights.

    Args:
        a, b: stacks of one net.
    """
    shown = observed_space(space, module, 1)
    seen = [observe(module, {n: t[0] for n, t in side.items()}, inputs, list(shown.tensors)) for side in (a, b)]
    by_data = Match(shown, *seen)
    grow(by_data)
    descend(by_data)
    tried = Match(space, a, b)
    tried.act(replace(by_data.symmetry, space=space))
    names = {atom.name for spec in shown.tensors.values() for atom in spec.atoms()}
    descend(tried, [name for name in tried.places if name not in names])
    settle_signs(tried)
    fit_scales(tried, order=False)
    return tried.symmetry
