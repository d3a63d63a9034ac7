"""Starts for architectures that nobody trained it on: noise of an init, refined by a metanet or by steps of descent."""

import copy
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, TypeVar

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from weightspace.generators.base import Generator, GeneratorConfig, Prompts
from weightspace.generators.draws import Draws
from weightspace.generators.fresh import Fresh
from weightspace.generators.marks import Places, draw_places, neuron_marks
from weightspace.generators.refining.descent import STRENGTHS, descend, first_rates, kind, scaled_back, size
from weightspace.generators.refining.limits import check_condition, check_ends, check_parts, ends, parts
from weightspace.graphs import Layout
from weightspace.metanets.layers.responses import Responses
from weightspace.metanets.spacenet import SpaceNet
from weightspace.nets.stacked.lastlayer import RIDGE, check_net, finish_nets, last_layer
from weightspace.nets.stacked.statistics import batch_normed
from weightspace.space import WeightSpace

CHUNK = 32


@dataclass(frozen=True)
class RefinerConfig(GeneratorConfig):
    """What a `Refiner` is told.

    Args:
        spaces: weight spaces that between them have every operator, activation and kernel that it was trained on.
        width: of its metanet.
        layers: of its metanet.
        probes: learned inputs that its metanet sends through the nets.
        probe_size: height and width of those of convolutional nets.
        passes: how often it refines; every pass but the first sees what the one before it wrote. 0 leaves the init as
            it is, so that it has no metanet and takes any operator.
        examples: labelled examples that it keeps, on which the last layer of every net is solved; 0 refines that, too.
        example_shape: of one of them.
        descents: steps of gradient descent on them, each at a learned rate and with the last layer solved before it.
        batch: kept examples of each step, in a random order that never changes; 0 takes all.
        momentum: of the steps, from 0 to below 1.
    """

    width: int = 32
    layers: int = 3
    probes: int = 50
    probe_size: int = 8
    passes: int = 1
    examples: int = 0
    example_shape: tuple[int, ...] = ()
    descents: int = 0
    batch: int = 0
    momentum: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        found = {ends(space) for space in self.spaces}
        if len(found) > 1:
            raise ValueError(f"A refiner is for nets of one number of inputs and outputs, got {sorted(found)}.")
        if self.width < 8 or self.width % 8 or self.layers < 1 or self.passes < 0:
            given = f"{self.width}, {self.layers} and {self.passes}"
            raise ValueError(f"width must be a multiple of 8, layers 1 or more, passes 0 or more, got {given}.")
        if self.examples < 0 or min(self.example_shape, default=1) < 1:
            raise ValueError(
                f"examples must be 0 or more, their shape of sizes of 1 or more, got {self.examples} of "
                f"{list(self.example_shape)}."
            )
        if self.descents < 0 or (self.descents and not self.examples):
            raise ValueError(
                f"descents must be 0 or more, and 0 without examples, got {self.descents} with {self.examples}."
            )
        if not (0 <= self.batch <= self.examples and 0 <= self.momentum < 1):
            raise ValueError(
                f"batch must be 0 to {self.examples}, the examples, and momentum from 0 to below 1, got {self.batch} "
                f"and {self.momentum}."
            )


R = TypeVar("R", bound="Refiner")


class Refiner(Generator):
    r"""Nets of any depth and width that start better than their init: $w = s \odot (a \odot z + b \odot f(z))$.

    $z$ is noise for every weight, $s$ the spread of He's rule, $f$ a `SpaceNet` that sees the net with the weights
    $s z$ and a random order of the neurons of every layer, and $a$ and $b$ learned factors for each kind of tensor, one
    and zero at first: an untrained refiner gives He's init, and changes have the size of weights whatever the width.
    Matrices and kernels are then scaled to the size that they had. $f$ is equivariant, and neurons differ in $z$ and in
    their places in the order.

    One that keeps labelled examples takes steps of gradient descent on them, if it is told so, measures batch norms and
    solves the last layer (`finish_nets`). For that it must run the net, which is its condition; `initialize` and
    `write_zoo` give it. Without ``passes`` it has no $f$: these steps from He's init are all that it does. Without
    examples the last layer is refined like the others, and running statistics stay those of the init. After Knyazev et
    al. 2021, "Parameter prediction for unseen deep architectures", Ortiz, Guttag and Dalca 2023, "Magnitude invariant
    parametrizations improve hypernetwork learning", and Bertinetto et al. 2019, "Meta-learning with differentiable
    closed-form solvers".

    Attributes:
        examples: kept inputs, ``[examples, *example_shape]``.
        labels: of each example, ``[examples]``.
        log_ridge: logarithm of the penalty with which the last layer is solved.
        log_rates: logarithms of the rates of descent, for each step and kind of tensor.
    """

    Config: ClassVar[type[RefinerConfig]] = RefinerConfig
    config: RefinerConfig
    examples: Tensor
    labels: Tensor
    any_space = True
    conditions = "a net of the space, whose last layer is solved, for one that keeps examples"

    def __init__(self, config: RefinerConfig):
        super().__init__(config)
        self.metanet: SpaceNet | None = None
        if config.passes:
            self.metanet = SpaceNet.for_spaces(
                *config.spaces, head="weights", width=config.width, layers=config.layers, probes=config.probes,
                probe_size=config.probe_size, scale=False, sign=False,
            )  # fmt: skip
        self.strengths = nn.Parameter(torch.zeros(config.passes, len(STRENGTHS)))
        self.kept = nn.Parameter(torch.ones(config.passes, len(STRENGTHS)))
        self.start = Fresh.for_spaces(*config.spaces[:1], init="he")
        self.takes_net = config.examples > 0
        if config.examples:
            self.register_buffer("examples", torch.zeros(config.examples, *config.example_shape))
            self.register_buffer("labels", torch.zeros(config.examples, dtype=torch.int64))
            self.log_ridge = nn.Parameter(torch.tensor(math.log(RIDGE)))
            self.log_rates = nn.Parameter(first_rates(config.descents).log())

    @classmethod
    def for_spaces(cls: type[R], *spaces: WeightSpace, **settings: Any) -> R:
        """An untrained one; it keeps those of the spaces that between them show everything; settings of its `Config`.

        Raises:
            ValueError: spaces that differ in their inputs or outputs.
        """
        kept: list[WeightSpace] = []
        for space in spaces:
            if not kept or parts(space) - parts(*kept) or Layout.of(*kept, space) != Layout.of(*kept):
                kept.append(space)
        return cls(cls.Config(spaces=tuple(kept), **settings))

    def draw(self, space: WeightSpace, draws: Draws, wanted: Prompts, condition: Any) -> dict[str, Tensor]:
        check_ends(self.config.spaces, space)
        if self.metanet is not None:
            check_parts(self.config.spaces, space)
        check_condition(self.takes_net, condition)
        noise, places = self.start.draw(space, draws, wanted, None), draw_places(space, draws)
        chunks = [
            self.refine(space, *({k: t[first : first + CHUNK] for k, t in part.items()} for part in (noise, places)))
            for first in range(0, len(draws), CHUNK)
        ]
        refined = {name: torch.cat([chunk[name] for chunk in chunks]) for name in noise}
        return self.finish(space, condition, refined) if self.takes_net else refined

    def finish(self, space: WeightSpace, net: nn.Module, weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Nets after the steps of descent, with batch norms measured and the last layer solved on the kept examples.

        The last layer is then scaled back to the size that it had, which changes no answer: training goes on from nets
        that are less sure, as it can't from those whose loss has nothing left.
        """
        net, seen, found = copy.deepcopy(net).eval().to(self.device), (self.examples, self.labels), []
        for first in range(0, len(next(iter(weights.values()))), CHUNK):
            some = {name: tensor[first : first + CHUNK] for name, tensor in weights.items()}
            check_net(net, space, some)
            some = self.descend(space, batch_normed(net), some, *seen)
            done = finish_nets(net, space, some, *seen, float(self.log_ridge.detach().exp()))
            found.append(scaled_back(done, some, last_layer(space)))
        return {name: torch.cat([chunk[name] for chunk in found]) for name in weights}

    def descend(
        self,
        space: WeightSpace,
        net: nn.Module,
        weights: Mapping[str, Tensor],
        inputs: Tensor,
        labels: Tensor,
        steps: int | None = None,
    ) -> dict[str, Tensor]:
        """Nets after its steps of descent, or the first ones, on the kept examples or others (`descent.descend`)."""
        c, ridge = self.config, float(self.log_ridge.detach().exp())
        rates, seen = self.log_rates[:steps].exp(), (inputs, labels)
        return descend(space, net, weights, seen, rates, ridge, c.batch, c.momentum)

    def refine(self, space: WeightSpace, noise: Mapping[str, Tensor], places: Places) -> dict[str, Tensor]:
        """What it makes of untrained nets, stacked ``[nets, ...]``; differentiable in its parameters.

        Args:
            noise: the nets. places: of their neurons, as `draw_places` gives them.
        """
        refined = dict(noise)
        if self.metanet is None:
            return refined
        marks = neuron_marks(space, places, len(next(iter(noise.values()))))
        for strengths, kept in zip(self.strengths, self.kept, strict=True):
            changes = self.metanet.marked_changes(self.metanet.graph(space, refined), marks)
            for name, spec in space.tensors.items():
                if not spec.buffer and noise[name].is_floating_point():
                    own = kind(spec)
                    refined[name] = kept[own] * refined[name] + strengths[own] * changes[name]
                    if spec.role == "weight":
                        refined[name] = refined[name] * (size(noise[name]) / size(refined[name]))
        return refined

    @torch.no_grad()
    def begin(self: R, inputs: Float[Tensor, "probes *input"]) -> R:
        """Set the probes of the metanet, if there is one, to examples of the data, from where training moves them."""
        for responses in self.metanet.encoder.responses.values() if self.metanet else ():
            assert isinstance(responses, Responses)
            value = responses.values[0]
            value.copy_(inputs.reshape(value.shape) / responses.speed)
        return self

    @torch.no_grad()
    def keep(self: R, inputs: Float[Tensor, "examples *input"], labels: Int[Tensor, " examples"]) -> R:
        """Keep labelled examples, as many as the configuration says.

        Raises:
            ValueError: another number or shape of examples, labels that aren't below the number of outputs.
        """
        c, outputs = self.config, ends(self.config.spaces[0])[1]
        if inputs.shape != (c.examples, *c.example_shape) or labels.shape != (c.examples,):
            raise ValueError(
                f"This Refiner keeps {c.examples} examples of shape {list(c.example_shape)}, got {list(inputs.shape)} "
                f"with {len(labels)} labels."
            )
        if not 0 <= int(labels.min()) <= int(labels.max()) < outputs[0]:
            raise ValueError(f"Labels must be 0 to {outputs[0] - 1}, got {int(labels.min())} to {int(labels.max())}.")
        self.examples.copy_(inputs)
        self.labels.copy_(labels)
        return self
