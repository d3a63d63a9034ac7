"""Activation matching: neurons that see the same in the same data belong together."""

from collections.abc import Iterator, Mapping
from dataclasses import replace

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.func import functional_call

from weightspace.align.matching.descent import descend, fit_scales, grow, settle_signs
from weightspace.align.matching.pairs import Match
from weightspace.align.matching.score import CHANNEL, frozen
from weightspace.align.matching.turns import nearest_turn, paired_heads, turned
from weightspace.space import Action, Atom, Symmetry, TensorSpec, WeightSpace
from weightspace.space.forms.obstacles import separate_groups

_READ = " reads"  # behind the name of a weight: what its layer reads, not what it gives
_SAMPLES, _BATCH = 8192, 512
Stack = Mapping[str, Tensor]


def observed_space(space: WeightSpace, module: nn.Module, samples: int) -> WeightSpace:
    """A space of what the module's linear and convolutional layers give and read: ``samples`` rows, an axis of neurons.

    It has the names and actions of ``space``, so that a symmetry of the one is one of the other. What layers read shows
    neurons behind their norms and activations, and a residual stream with all that was added to it. Neurons that
    matrices mix aren't shown, as one of them says nothing by itself.

    Raises:
        ValueError: no layer shows neurons that bear a free name.
    """
    mixed = {name for group in space.matrices for name in (group.name, group.per)}
    wanted, tensors = set(space.free) - mixed, {}
    for key, name, dim in _sides(space, module):
        axis, names = space.tensors[name].axes[dim], {atom.name for atom in space.tensors[name].axes[dim].atoms()}
        if names & wanted and not names & mixed:
            tensors[key] = TensorSpec((Atom(None, samples), axis), dtype=space.tensors[name].dtype)
    if not tensors:
        raise ValueError(
            "Activation matching needs linear or convolutional layers beside free neurons; this module has none. "
            'Use method="weights".'
        )
    actions = tuple(_observed(action, tensors) for action in space.actions)
    return replace(space, tensors=tensors, actions=actions, matrices=())


def _sides(space: WeightSpace, module: nn.Module) -> Iterator[tuple[str, str, int]]:
    """What each layer gives and reads: a key, its weight, and the axis of that with as many entries."""
    for name, spec in space.tensors.items():
        layer = layer_of(module, name)
        if layer is not None:
            yield name, name, 0
            if getattr(layer, "groups", 1) == 1 and len(spec.axes) > 1:
                yield name + _READ, name, 1


def _observed(action: Action, tensors: Mapping[str, TensorSpec]) -> Action:
    """What the action does to what a layer gives and reads: as to its weights' target axis, inverse to the source."""
    powers = {}
    for key in tensors:
        name, dim, sign = (key.removesuffix(_READ), 1, -1) if key.endswith(_READ) else (key, 0, 1)
        found = tuple((1, o, sign * power) for d, o, power in action.powers.get(name, ()) if d == dim)
        if found:
            powers[key] = found
    return replace(action, powers=powers, shifts={})


def layer_of(module: nn.Module, tensor: str) -> nn.Module | None:
    """The linear or convolutional layer whose weight a tensor is, or None."""
    owner, _, last = tensor.rpartition(".")
    layer = dict(module.named_modules()).get(owner)
    return layer if last == "weight" and type(layer) in CHANNEL else None


def observe(
    module: nn.Module, weights: Stack, inputs: Float[Tensor, "n *input"], keys: list[str], unit: bool = True
) -> dict[str, Float[Tensor, "1 samples neurons"]]:
    """What layers give or read on the inputs, every neuron with mean 0 and, if ``unit``, norm 1 over the samples.

    Samples are rows (of images places, of texts tokens) drawn from each part of the inputs, the same for every net.
    """
    module, found = frozen(module), {key: list[Tensor]() for key in keys}
    generator, handles = torch.Generator().manual_seed(0), []
    parts = inputs.split(_BATCH)
    for key in keys:
        layer = layer_of(module, key.removesuffix(_READ))
        assert layer is not None

        def hook(part: nn.Module, read: tuple[Tensor, ...], given: Tensor, key: str = key) -> None:
            seen = read[0] if key.endswith(_READ) else given
            rows = seen.movedim(CHANNEL[type(part)], -1).flatten(0, -2)
            chosen = torch.randperm(len(rows), generator=generator)[: max(1, _SAMPLES // len(parts))]
            found[key].append(rows[chosen.to(rows.device)])

        handles.append(layer.register_forward_hook(hook))
    with torch.no_grad():
        for part in parts:
            functional_call(module, dict(weights), (part,))
    for handle in handles:
        handle.remove()
    return {key: _centred(torch.cat(rows), unit).unsqueeze(0) for key, rows in found.items()}


def _centred(rows: Float[Tensor, "samples neurons"], unit: bool) -> Tensor:
    rows = rows - rows.mean(0)
    return rows / (rows.norm(dim=0) if unit else rows.norm()).clamp_min(1e-12)


def match_activations(
    space: WeightSpace, module: nn.Module, a: Stack, b: Stack, inputs: Float[Tensor, "n *input"]
) -> Symmetry:
    """What brings b to a by the correlations of their neurons on data (Li et al. 2016, "Convergent learning").

    Residual streams that orthogonal matrices may mix are turned first, by what is read from them; heads come last, by
    their circuits. Names that no layer shows, signs and phases that correlations don't see, and scales come from the
    weights.

    Args:
        a, b: stacks of one net.
    """
    start = turned_streams(space, module, a, b, inputs)
    turned_b = space.apply(start, b)
    shown = observed_space(space, module, 1)
    seen = [observe(module, _single(side), inputs, list(shown.tensors)) for side in (a, turned_b)]
    by_data = Match(shown, *seen)
    grow(by_data)
    descend(by_data)
    tried = Match(space, a, turned_b)
    tried.act(replace(by_data.symmetry, space=space))
    names = {atom.name for spec in shown.tensors.values() for atom in spec.atoms()}
    mixed = {name for group in space.matrices for name in (group.name, group.per)}
    descend(tried, [name for name in tried.places if name not in names | mixed])
    found = tried.symmetry.compose(start)
    for _ in range(2):  # heads are paired by what they read, whose signs and scales they then tell
        found = paired_heads(space, a, space.apply(found, b)).compose(found)
        found = turned(space, a, space.apply(found, b), ("linear", "complex")).compose(found)
        tried = Match(space, a, space.apply(found, b))
        settle_signs(tried)
        fit_scales(tried, order=False)
        found = tried.symmetry.compose(found)
    return found


def turned_streams(
    space: WeightSpace, module: nn.Module, a: Stack, b: Stack, inputs: Float[Tensor, "n *input"]
) -> Symmetry:
    """The orthogonal matrices that bring what layers read from residual streams, and give to them, closest to a's."""
    matrices = {}
    for index in separate_groups(space):
        group = space.matrices[index]
        keys = [key for key, name, dim in _sides(space, module) if str(space.tensors[name].axes[dim]) == group.name]
        if group.kind == "orthogonal" and keys:
            one, other = (observe(module, _single(side), inputs, keys, unit=False) for side in (a, b))
            product = sum(one[key][0].T.double() @ other[key][0].double() for key in keys)
            matrices[index] = nearest_turn(group, product[None, None])  # type: ignore[index]
    return Symmetry(space, {}, {}, matrices)


def _single(stack: Stack) -> dict[str, Tensor]:
    return {name: tensor[0] for name, tensor in stack.items()}
