"""Augmentation from the weight space: other weights of the same function, and nets that are nearly the same."""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace

import torch
from jaxtyping import Shaped
from torch import Tensor

from weightspace.space import Symmetry, TensorSpec, WeightSpace
from weightspace.tasks.labelled.coordinates import draw_movement, move_coordinates
from weightspace.tasks.labelled.mix import mix_nets


@dataclass(frozen=True)
class AugmentConfig:
    """What is done to the weights of training nets; everything is off by default.

    The symmetries of the space leave the function as it is, so they only help a metanet that doesn't have them built
    in. Moved coordinates are for implicit representations whose label stays when the picture moves.

    Args:
        permutation: a random order of the neurons of every free name.
        scale: spread of the logarithm of the factors of positive scaling (ReLU); 0.5 is strong.
        sign: random signs of neurons (tanh, sine).
        phase: random multiples of half a period added before a sine.
        noise: Gaussian noise on every parameter tensor, in units of the spread of its entries.
        dropout: chance of every entry of a weight tensor to become zero; the others grow by 1 / (1 - dropout).
        mixup: alpha of MixUp; see `augment_labelled`.
        rotate: degrees; the coordinates turn by a uniform angle up to it, in a random plane.
        shift: the coordinates move by up to this, along each axis (the grid of a fit spans [-1, 1]).
        zoom: the coordinates are scaled by a factor between 1 / (1 + zoom) and 1 + zoom.
    """

    permutation: bool = False
    scale: float = 0.0
    sign: bool = False
    phase: bool = False
    noise: float = 0.0
    dropout: float = 0.0
    mixup: float = 0.0
    rotate: float = 0.0
    shift: float = 0.0
    zoom: float = 0.0

    def __post_init__(self) -> None:
        for field in fields(self):
            if getattr(self, field.name) < 0:
                raise ValueError(f"{field.name} must be 0 (off) or more, got {getattr(self, field.name)}.")
        if self.dropout >= 1:
            raise ValueError(f"dropout must be below 1, got {self.dropout}.")

    @property
    def moves(self) -> bool:
        """Whether the coordinates move."""
        return self.rotate > 0 or self.shift > 0 or self.zoom > 0


def augment(
    space: WeightSpace,
    weights: Mapping[str, Tensor],
    config: AugmentConfig,
    generator: torch.Generator | None = None,
) -> dict[str, Tensor]:
    """Other weights for every net, each net with random numbers of its own.

    In this order: coordinates move, a symmetry of the space acts, noise is added, entries are dropped.

    Args:
        space: of the nets.
        weights: of one net, or of N with a leading axis.
        generator: on the CPU; None draws from torch's default one, which `train` seeds anew for every step.

    Raises:
        ValueError: the configuration asks for MixUp, which needs `augment_labelled`; or for moved coordinates of nets
            that don't read any.

    Example::

        config = AugmentConfig(permutation=True, noise=0.05)
        loss = lambda chosen: error(metanet(to_graph(space, augment(space, nets[chosen], config))), labels[chosen])
    """
    if config.mixup:
        raise ValueError("MixUp mixes the targets as well. Use augment_labelled, or mixup=0.")
    count = space.check(weights)
    stack = {name: weights[name] if count is not None else weights[name][None] for name in space.tensors}
    if config.moves:
        matrix, offset = draw_movement(space, count or 1, config.rotate, config.shift, config.zoom, generator)
        stack = move_coordinates(space, stack, matrix, offset)
    if config.permutation or config.scale or config.sign or config.phase:
        stack = space.apply(_draw_symmetry(space, count or 1, config, generator), stack)
    for name, spec in space.tensors.items():
        stack[name] = _disturb(stack[name], spec, config, generator)
    return stack if count is not None else {name: tensor[0] for name, tensor in stack.items()}


def augment_labelled(
    space: WeightSpace,
    weights: Mapping[str, Tensor],
    targets: Shaped[Tensor, "nets ..."],
    config: AugmentConfig,
    generator: torch.Generator | None = None,
) -> tuple[dict[str, Tensor], Shaped[Tensor, "nets ..."]]:
    """`augment` for a stack of nets, then MixUp of nets and targets where the configuration asks for it.

    Args:
        targets: a row for every net; classes as one-hot rows, which cross-entropy takes as probabilities.

    Returns:
        Weights and targets.
    """
    changed = augment(space, weights, replace(config, mixup=0.0), generator)
    return mix_nets(changed, targets, config.mixup, generator) if config.mixup else (changed, targets)


def _draw_symmetry(space: WeightSpace, nets: int, config: AugmentConfig, generator: torch.Generator | None) -> Symmetry:
    kinds = [kind for kind in ("permutation", "sign", "phase") if getattr(config, kind)]
    drawn = space.random_symmetry(generator, kinds, batch=nets)
    factors = dict(drawn.factors)
    for index, action in enumerate(space.actions):
        if action.kind == "scale" and config.scale:
            shape = (nets, space.names[action.name].size or 1)
            factors[index] = (config.scale * torch.randn(shape, generator=generator, dtype=torch.float64)).exp()
    return Symmetry(space, drawn.permutations, factors)


def _disturb(tensor: Tensor, spec: TensorSpec, config: AugmentConfig, generator: torch.Generator | None) -> Tensor:
    """Noise and dropout on one tensor ``[nets, ...]``; statistics and counters stay as they are."""
    if spec.buffer or spec.slot in ("mean", "var") or not tensor.is_floating_point():
        return tensor
    place = tensor.device if generator is None else generator.device
    if config.noise:
        spread = tensor.flatten(1).std(1, correction=0).reshape(-1, *[1] * (tensor.ndim - 1))
        noise = torch.randn(tensor.shape, generator=generator, device=place, dtype=tensor.dtype)
        tensor = tensor + config.noise * spread * noise.to(tensor.device)
    if config.dropout and spec.role == "weight":
        kept = torch.rand(tensor.shape, generator=generator, device=place).to(tensor.device) >= config.dropout
        tensor = tensor * kept / (1 - config.dropout)
    return tensor
