"""Starts without a generator: rules, and parts or mixtures of trained nets of another width."""

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor

from weightspace.align import mixture_growth
from weightspace.data import Dataset
from weightspace.generators.fresh import Fresh
from weightspace.generators.refining.descent import scaled_back
from weightspace.nets import Architecture
from weightspace.nets.stacked.lastlayer import last_layer
from weightspace.space import WeightSpace
from weightspace.tasks.generation.starting.headstart import BATCH, Weights, after_epochs, lsuv, solve_last
from weightspace.zoo.folder.spaces import trace_architecture
from weightspace.zoo.recipe.hyperparameters import Hyperparameters

WIDTHS = ("channels", "hidden", "dim")
"""Settings of architectures that say how wide a net is."""

EPOCHS, RATE = 25, 3e-3
"""How the wider or narrower nets are trained from He's init: Adam, its rate falling along a cosine."""


def by_rule(init: str, architecture: Architecture, nets: int, data: Dataset, seed: int) -> Weights:
    """Untrained nets by a rule of `Fresh`."""
    return Fresh.for_spaces(trace_architecture(architecture), init=init).sample(
        trace_architecture(architecture), nets, seed=seed
    )


def last_solved(architecture: Architecture, nets: int, data: Dataset, seed: int) -> Weights:
    """He's init with the last layer solved on the training examples."""
    return solve_last(architecture, by_rule("he", architecture, nets, data, seed), data)


def solved_and_scaled(architecture: Architecture, nets: int, data: Dataset, seed: int) -> Weights:
    """He's init with the last layer solved, then scaled back to the size of its init: the same answers, less sure."""
    last = last_layer(trace_architecture(architecture))
    before = by_rule("he", architecture, nets, data, seed)
    return scaled_back(solve_last(architecture, before, data), before, last)


def selected(windows: bool, architecture: Architecture, nets: int, data: Dataset, seed: int) -> Weights:
    """Every net a part of a trained net twice as wide, each of its own.

    Evenly spaced neurons, as in Xu et al. 2023, "Initializing models with larger ones", or, for ``windows``, neurons
    that stand side by side, from a place that is drawn for every layer.
    """
    larger = resized(architecture, 2, 1)
    weights = trained(larger, nets, data, seed)
    spaces = trace_architecture(larger), trace_architecture(architecture)
    source = torch.Generator().manual_seed(seed) if windows else None
    return {name: tensor.clone() for name, tensor in part_of(*spaces, weights, source).items()}


def mixed(architecture: Architecture, nets: int, data: Dataset, seed: int) -> Weights:
    """Every net grown from two trained nets half as wide (`mixture_growth`)."""
    smaller = resized(architecture, 1, 2)
    space, weights = trace_architecture(smaller), trained(smaller, 2 * nets, data, seed)
    pairs = [[{name: t[2 * net + k] for name, t in weights.items()} for k in range(2)] for net in range(nets)]
    grown = [mixture_growth(space, pair, seed=seed + net) for net, pair in enumerate(pairs)]
    return {name: torch.stack([one[name] for one in grown]) for name in grown[0]}


INITS: dict[str, Callable[[Architecture, int, Dataset, int], Weights]] = {
    "He": partial(by_rule, "he"),
    "Xavier": partial(by_rule, "xavier"),
    "orthogonal": partial(by_rule, "orthogonal"),
    "ZerO": partial(by_rule, "zero"),
    "LSUV": lsuv,
    "He, last layer solved": last_solved,
    "He, last layer solved, scaled back": solved_and_scaled,
    "weight selection": partial(selected, False),
    "crops": partial(selected, True),
    "MixtureGrowth": mixed,
}
"""Starts by name: of an architecture, so many nets, for some data, from a seed."""


def resized(architecture: Architecture, times: int, over: int) -> Architecture:
    """The architecture with other widths.

    Raises:
        ValueError: a width that can't be divided, or none that is known.
    """
    settings = dict(architecture.settings)
    found = [key for key in WIDTHS if key in settings]
    widths = [width for key in found for width in _listed(settings[key])]
    if not found or any(width * times % over for width in widths):
        raise ValueError(f"Widths must be given and a multiple of {over}, got {widths}; choose other widths.")
    for key in found:
        new = [width * times // over for width in _listed(settings[key])]
        settings[key] = new if isinstance(settings[key], list | tuple) else new[0]
    return Architecture(architecture.net, settings)


def _listed(value: object) -> list[int]:
    return list(value) if isinstance(value, list | tuple) else [value]  # type: ignore[list-item]


def trained(architecture: Architecture, nets: int, data: Dataset, seed: int) -> Weights:
    """Nets trained from He's init on the training examples."""
    train = Hyperparameters("adam", lr=RATE, schedule="cosine", steps=EPOCHS * (len(data.x_train) // BATCH))
    start = by_rule("he", architecture, nets, data, seed)
    *_, last = after_epochs(architecture, start, [train] * nets, data, seed)
    return {name: tensor.detach() for name, tensor in last.items()}


def part_of(large: WeightSpace, small: WeightSpace, weights: Weights, source: torch.Generator | None) -> Weights:
    """Nets of the small space from some neurons of nets of the large one, which must differ in sizes alone.

    Args:
        source: draws where in a layer neighbours are taken; without it neurons are evenly spaced.

    Raises:
        ValueError: spaces that differ in more.
    """
    chosen: dict[tuple[str | None, int, int], Tensor] = {}

    def neurons(name: str | None, many: int, few: int) -> Tensor:
        if (name, many, few) not in chosen:
            first = int(torch.randint(many - few + 1, (1,), generator=source)) if source else 0
            spaced = torch.arange(few) + first if source else torch.arange(few) * many // few
            chosen[name, many, few] = spaced
        return chosen[name, many, few]

    found = {}
    for name, spec in small.tensors.items():
        tensor, other = weights[name], large.tensors.get(name)
        if other is None or len(other.axes) != len(spec.axes):
            raise ValueError(f"Nets must differ in their widths alone, but {name} has other axes in the larger ones.")
        for dim, (axis, whole) in enumerate(zip(spec.axes, other.axes, strict=True)):
            index = torch.zeros(1, dtype=torch.int64)
            for few, many in zip(axis.atoms(), whole.atoms(), strict=True):
                own = neurons(few.name, many.size or 1, few.size or 1)
                index = (index[:, None] * (many.size or 1) + own).flatten()
            tensor = tensor.index_select(dim + 1, index)
        found[name] = tensor
    return found
