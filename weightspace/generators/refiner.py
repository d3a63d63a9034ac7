"""Starts for architectures that nobody trained it on: an equivariant metanet that refines the noise of an init."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, TypeVar

import torch
from jaxtyping import Float
from torch import Tensor, nn

from weightspace.generators.base import Generator, GeneratorConfig, Prompts
from weightspace.generators.draws import Draws
from weightspace.generators.fresh import Fresh
from weightspace.generators.marks import Places, draw_places, neuron_marks
from weightspace.graphs import Layout
from weightspace.metanets.layers.responses import Responses
from weightspace.metanets.spacenet import SpaceNet
from weightspace.space import WeightSpace

CHUNK = 32
STRENGTHS = ("weight", "bias", "scale", "shift", "other")


@dataclass(frozen=True)
class RefinerConfig(GeneratorConfig):
    """What a `Refiner` is told.

    Args:
        spaces: weight spaces that between them have every operator, activation and kernel that it was trained on.
        width: of its metanet.
        layers: of its metanet.
        probes: learned inputs that its metanet sends through the nets.
        probe_size: height and width of those of convolutional nets.
        passes: how often it refines; every pass but the first sees what the one before it wrote.
    """

    width: int = 32
    layers: int = 3
    probes: int = 50
    probe_size: int = 8
    passes: int = 1

    def __post_init__(self) -> None:
        super().__post_init__()
        ends = {_ends(space) for space in self.spaces}
        if len(ends) > 1:
            raise ValueError(f"A refiner is for nets of one number of inputs and outputs, got {sorted(ends)}.")
        if self.width < 8 or self.width % 8 or min(self.layers, self.passes) < 1:
            given = f"{self.width}, {self.layers} and {self.passes}"
            raise ValueError(f"width must be a multiple of 8, layers and passes 1 or more, got {given}.")


R = TypeVar("R", bound="Refiner")


class Refiner(Generator):
    r"""Nets of any depth and width that start better than their init: $w = s \odot (a \odot z + b \odot f(z))$.

    $z$ is noise for every weight, $s$ the spread of He's rule, $f$ a `SpaceNet` that sees the net with the weights
    $s z$ and a random order of the neurons of every layer, and $a$ and $b$ learned factors for each kind of tensor, one
    and zero at first: an untrained refiner gives He's init, and changes have the size of weights whatever the width.
    $f$ is equivariant, and neurons differ in $z$ and in their places in the order. Running statistics of norms stay
    those of the init: let the net see inputs before it is evaluated. After Knyazev et al. 2021, "Parameter prediction
    for unseen deep architectures", and Ortiz, Guttag and Dalca 2023, "Magnitude invariant parametrizations improve
    hypernetwork learning".
    """

    Config: ClassVar[type[RefinerConfig]] = RefinerConfig
    config: RefinerConfig
    any_space = True

    def __init__(self, config: RefinerConfig):
        super().__init__(config)
        self.metanet = SpaceNet.for_spaces(
            *config.spaces, head="weights", width=config.width, layers=config.layers, probes=config.probes,
            probe_size=config.probe_size, scale=False, sign=False,
        )  # fmt: skip
        self.strengths = nn.Parameter(torch.zeros(config.passes, len(STRENGTHS)))
        self.kept = nn.Parameter(torch.ones(config.passes, len(STRENGTHS)))
        self.start = Fresh.for_spaces(*config.spaces[:1], init="he")

    @classmethod
    def for_spaces(cls: type[R], *spaces: WeightSpace, **settings: Any) -> R:
        """An untrained one; it keeps those of the spaces that between them show everything; settings of its `Config`.

        Raises:
            ValueError: spaces that differ in their inputs or outputs.
        """
        kept: list[WeightSpace] = []
        for space in spaces:
            if not kept or _parts(space) - _parts(*kept) or Layout.of(*kept, space) != Layout.of(*kept):
                kept.append(space)
        return cls(cls.Config(spaces=tuple(kept), **settings))

    def draw(self, space: WeightSpace, draws: Draws, wanted: Prompts, condition: Any) -> dict[str, Tensor]:
        self.check_parts(space)
        noise, places = self.start.draw(space, draws, wanted, condition), draw_places(space, draws)
        chunks = [
            self.refine(space, *({k: t[first : first + CHUNK] for k, t in part.items()} for part in (noise, places)))
            for first in range(0, len(draws), CHUNK)
        ]
        return {name: torch.cat([chunk[name] for chunk in chunks]) for name in noise}

    def refine(self, space: WeightSpace, noise: Mapping[str, Tensor], places: Places) -> dict[str, Tensor]:
        """What it makes of untrained nets, stacked ``[nets, ...]``; differentiable in its parameters.

        Args:
            noise: the nets. places: of their neurons, as `draw_places` gives them.
        """
        refined, marks = dict(noise), neuron_marks(space, places, len(next(iter(noise.values()))))
        for strengths, kept in zip(self.strengths, self.kept, strict=True):
            changes = self.metanet.marked_changes(self.metanet.graph(space, refined), marks)
            for name, spec in space.tensors.items():
                if not spec.buffer and noise[name].is_floating_point():
                    kind = STRENGTHS.index(spec.slot if spec.slot in STRENGTHS else "other")
                    refined[name] = kept[kind] * refined[name] + strengths[kind] * changes[name]
        return refined

    @torch.no_grad()
    def begin(self: R, inputs: Float[Tensor, "probes *input"]) -> R:
        """Set the probes to examples of the data, from where training moves them."""
        for responses in self.metanet.encoder.responses.values():
            assert isinstance(responses, Responses)
            value = responses.values[0]
            value.copy_(inputs.reshape(value.shape) / responses.speed)
        return self

    def check_parts(self, space: WeightSpace) -> None:
        """See that a space has nothing but what the refiner was trained on; activations may be others.

        Raises:
            ValueError: other inputs or outputs, an operator or link never seen, a kernel that is too large; says what
                it can.
        """
        inputs, outputs = _ends(self.config.spaces[0])
        if _ends(space) != (inputs, outputs):
            raise ValueError(
                f"This Refiner writes nets of {inputs} inputs and {outputs} outputs, got {_ends(space)[0]} and "
                f"{_ends(space)[1]}. Train one on such data with scripts/train_refiner.py."
            )
        known = _parts(*self.config.spaces)
        new = sorted(part for part in _parts(space) - known if not part.startswith("activation"))
        if new:
            can = ", ".join(sorted(part for part in known if not part.startswith("activation")))
            raise ValueError(f"This Refiner was trained on nets with {can}; got {', '.join(new)}, too. Leave that out.")
        own, both = Layout.of(*self.config.spaces), Layout.of(*self.config.spaces, space)
        if own != both:
            raise ValueError(
                f"This Refiner takes kernels up to {own.kernel[0]}x{own.kernel[1]} and {own.edge} numbers an edge, got "
                f"a net with kernels up to {both.kernel[0]}x{both.kernel[1]} and {both.edge}. Take smaller ones."
            )


def _parts(*spaces: WeightSpace) -> set[str]:
    """What nets are made of: operators, vectors on neurons, links and activations, in words."""
    found: set[str] = set()
    for space in spaces:
        found |= {f"operator {spec.op}" for spec in space.tensors.values() if spec.role == "weight"}
        found |= {f"vector {spec.slot}" for spec in space.tensors.values() if spec.role == "vector"}
        found |= {f"link {link.kind}" for link in space.links}
        found |= {f"activation {site.activation}" for site in space.sites}
        found |= {f"tensor {spec.slot}" for spec in space.tensors.values() if spec.role == "other" and not spec.buffer}
    return found


def _ends(space: WeightSpace) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """How many neurons the input and output sites have."""
    sizes = {
        kind: tuple(site.axis.size or 0 for site in space.sites if site.kind == kind) for kind in ("input", "output")
    }
    return sizes["input"], sizes["output"]
