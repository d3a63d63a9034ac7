"""A flow from starts to trained weights, which takes the way from start to net that training took."""

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, TypeVar

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from weightspace.generators.bank import near_prompt
from weightspace.generators.base import Generator, GeneratorConfig, Prompt, Prompts
from weightspace.generators.draws import Draws
from weightspace.generators.flows.components import Components
from weightspace.generators.flows.context import context, context_size
from weightspace.generators.flows.gradients import Examples, loss_gradients
from weightspace.generators.flows.tokens import HEADS, NeuronTokens
from weightspace.nets.stacked.lastlayer import check_net
from weightspace.nets.stacked.vectors import vectors
from weightspace.space import WeightSpace

KINDS, CHUNK, LEAST = ("neurons", "marked", "components"), 64, 0.1


@dataclass(frozen=True)
class FlowConfig(GeneratorConfig):
    """What a `Flow` is told.

    Args:
        kind: ``"neurons"``, equivariant; ``"marked"``, every neuron with a mark of its own, and ``"components"``, a
            perceptron on principal components: both for nets that were brought to one order of neurons.
        width: of its metanet, a multiple of 4.
        layers: of its metanet.
        components: directions that a perceptron sees.
        steps: from start to net.
        guidance: how much further than without a prompt the prompt leads; 1 follows the prompt as trained.
        near: with a prompt, the share of training nets whose starts count.
        examples: that it keeps, with labels; the metanet then sees their gradient.
        example_shape: of one of them.
        own_units: whether weights are seen in units of their tensor's size in this net, beside these sizes.
    """

    kind: str = "neurons"
    width: int = 64
    layers: int = 3
    components: int = 256
    steps: int = 20
    guidance: float = 1.0
    near: float = 0.1
    examples: int = 0
    example_shape: tuple[int, ...] = ()
    own_units: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        if len(self.spaces) != 1:
            raise ValueError(f"A flow is trained on one weight space, got {len(self.spaces)}.")
        buffers = ", ".join([name for name, spec in self.spaces[0].tensors.items() if spec.buffer][:3])
        if buffers:
            raise ValueError(f"A flow writes parameters alone, and this space has buffers: {buffers}.")
        if self.kind not in KINDS:
            raise ValueError(f"kind must be one of {', '.join(KINDS)}, got {self.kind!r}.")
        sizes, rest = (self.width, self.layers, self.steps, self.components), f"{self.near} and {self.examples}"
        if min(sizes) < 1 or self.width % HEADS:
            given = f"a multiple of {HEADS}, got {', '.join(map(str, sizes))}"
            raise ValueError(f"width, layers, steps and components must be 1 or more, the width {given}.")
        if not 0 < self.near <= 1 or self.examples < 0:
            raise ValueError(f"near must be above 0 and at most 1, examples 0 or more, got {rest}.")


F = TypeVar("F", bound="Flow")


class Flow(Generator):
    r"""Nets at the end of a flow from starts: $\dot w = (f(w, t, p) - w) / (1 - t)$.

    $f$ says the trained weights behind $(1 - t) w_0 + t w_1$, where $w_0$ is what training net $w_1$ started from. So
    the neuron at the start is the neuron at the end, and an equivariant map can lead it there; from noise that has
    nothing to do with the net it would first have to tell which neuron becomes which. New starts have
    the mean and spread of the tensors of a training net's start, drawn at random among those nearest to the prompt.

    With the kind ``"neurons"`` the map is equivariant to permutations, so the distribution of nets doesn't depend on
    how neurons are numbered. The other kinds keep the order of the nets that they learned from.

    One that keeps labelled examples sees their loss and its gradient at every step, and must run the net for it, which
    is its condition; `write_zoo` gives it. Lipman et al. 2023, "Flow matching for generative modeling", equation 23;
    pairs as in Liu et al. 2023, "Flow straight and fast", but those of training; prompts as in Peebles et al. 2022,
    "Learning to learn with generative models of neural network checkpoints", guided as in Ho and Salimans 2022.

    Attributes:
        spreads: of each tensor among the training nets.
        properties: their prompts, ``[seen, prompts]``.
        starts: mean and spread of each tensor of each training net's start, ``[seen, 2, tensors]``.
        examples: kept inputs.
        labels: theirs.
    """

    Config: ClassVar[type[FlowConfig]] = FlowConfig
    config: FlowConfig
    spreads: Tensor
    starts: Tensor
    properties: Tensor
    examples: Tensor
    labels: Tensor
    conditions = "a net of the space, whose gradient is seen, for one that keeps examples"

    def __init__(self, config: FlowConfig):
        super().__init__(config)
        c, space = config, config.spaces[0]
        self.vectors, self.takes_net = vectors(space), c.examples > 0
        columns, numbers = (2, 1) if self.takes_net else (1, 0)
        numbers += context_size(len(c.prompts))
        entries, tensors = len(self.vectors.owners), len(self.vectors.floats)
        numbers += tensors if c.own_units else 0
        self.metanet = (
            Components(entries, columns, numbers, c.width, c.layers, c.components)
            if c.kind == "components"
            else NeuronTokens(
                space, self.vectors.floats, columns, numbers, c.width, c.layers, marked=c.kind == "marked"
            )
        )
        self.register_buffer("spreads", torch.ones(tensors))
        self.register_buffer("starts", torch.zeros(c.seen, 2, tensors))
        self.register_buffer("properties", torch.zeros(c.seen, len(c.prompts)))
        self.register_buffer("examples", torch.zeros(c.examples, *c.example_shape))
        self.register_buffer("labels", torch.zeros(c.examples, dtype=torch.int64))

    @classmethod
    def for_nets(
        cls: type[F],
        space: WeightSpace,
        weights: Mapping[str, Tensor],
        prompts: Mapping[str, Tensor],
        starts: Mapping[str, Tensor] | None = None,
        examples: Examples | None = None,
        **settings: Any,
    ) -> F:
        """An untrained flow, where the training nets lie, that knows their tensors' sizes and their prompts' range.

        Args:
            space: of the nets. weights: stacked ``[nets, ...]``. prompts: properties of the nets, ``[nets]`` each.
            starts: what each net was trained from; without it nets start from noise of their own tensors' size.
            examples: inputs and labels that it keeps. settings: further fields of `FlowConfig`.
        """
        ends = [tuple(float(getattr(value, end)()) for value in prompts.values()) for end in ("min", "max")]
        first = next(iter(weights.values()))
        kept = {"examples": len(examples[0]), "example_shape": tuple(examples[0].shape[1:])} if examples else {}
        flow = cls(
            cls.Config(
                spaces=(space,), prompts=tuple(prompts), prompt_low=ends[0], prompt_high=ends[1], seen=len(first),
                **kept, **settings,
            )
        ).to(first.device)  # fmt: skip
        rows = flow.vectors.rows(weights)
        usual = flow.vectors.usual(rows)
        flow.spreads, alike = usual[1], usual.repeat(len(rows), 1, 1)
        flow.starts = alike if starts is None else flow.vectors.moments(flow.vectors.rows(starts).to(first.device))
        if prompts:
            flow.properties = torch.stack([value.float() for value in prompts.values()], 1).to(first.device)
        if examples:
            flow.examples, flow.labels = (part.to(first.device) for part in examples)
        if isinstance(flow.metanet, Components):
            flow.metanet.fit(rows / flow.units())
        return flow

    def units(self) -> Float[Tensor, " entries"]:
        """The spread of each entry's tensor."""
        return self.vectors.per_tensor(self.spreads)

    def noise(self, normal: Float[Tensor, "nets entries"], of: Int[Tensor, " nets"]) -> Float[Tensor, "nets entries"]:
        """Standard normal numbers with the mean and spread that each tensor had at the start of a training net."""
        mean, spread = self.vectors.per_tensor(self.starts[of.to(self.device)]).unbind(1)
        return mean + spread * normal

    def start(self, draws: Draws, wanted: Prompts) -> Float[Tensor, "nets entries"]:
        """New starts, with the sizes of those of training nets near the prompt."""
        count = max(1, round(self.config.near * len(self.starts)))
        near = [near_prompt(self.properties, prompt, count) for prompt in wanted]
        of = [draws.part([net]).choose(rows, 1)[0] for net, rows in enumerate(near)]
        return self.noise(draws.normal(len(self.vectors.owners)), torch.cat(of))

    def clean(
        self,
        rows: Float[Tensor, "nets entries"],
        t: Float[Tensor, " nets"],
        wanted: Prompts,
        net: nn.Module | None = None,
        examples: Examples | None = None,
    ) -> Float[Tensor, "nets entries"]:
        """The trained weights that the metanet sees behind ``rows`` at time ``t``; NaN in ``wanted`` is no prompt.

        Args:
            net: to run, where examples are kept; on ``examples`` (inputs, labels), or all that are kept.
        """
        c, units = self.config, self.units()
        numbers, shown = [context(t, wanted, c.prompt_low, c.prompt_high)], units
        if c.own_units:
            sizes = self.vectors.mean_square(rows).sqrt().maximum(LEAST * self.spreads)
            shown, numbers = self.vectors.per_tensor(sizes), [*numbers, (sizes / self.spreads).log()]
        columns = [rows / shown]
        if self.takes_net:
            assert net is not None
            losses, slopes = loss_gradients(net, self.vectors.weights, rows, examples or (self.examples, self.labels))
            slopes = slopes * shown
            columns.append(slopes / (self.vectors.mean_square(slopes).sqrt().mean(1, keepdim=True) + 1e-3))
            numbers.append(losses.log1p()[:, None])
        return rows + units * self.metanet(torch.stack(columns, 2), torch.cat(numbers, 1))

    def lead(
        self,
        rows: Float[Tensor, "nets entries"],
        wanted: Prompts,
        net: nn.Module | None,
        steps: int,
        until: int | None = None,
        examples: Examples | None = None,
        first: int = 0,
    ) -> Float[Tensor, "nets entries"]:
        """Where the flow leads ``rows`` in so many steps, beginning with the ``first``; no further than ``until``."""
        for step in range(first, steps if until is None else until):
            now = rows.new_full((len(rows),), step / steps)
            aim = self.clean(rows, now, wanted, net, examples)
            if self.config.guidance != 1 and wanted.isfinite().any():
                free = self.clean(rows, now, torch.full_like(wanted, float("nan")), net, examples)
                aim = free + self.config.guidance * (aim - free)
            rows = rows + (aim - rows) / (steps - step)
        return rows

    def draw(self, space: WeightSpace, draws: Draws, wanted: Prompts, condition: Any) -> dict[str, Tensor]:
        return self._led(self.start(draws, wanted), wanted, condition, self.config.steps)

    def improve(
        self, weights: Mapping[str, Tensor], *, prompt: Prompt | None = None, condition: Any = None, steps: int = 1
    ) -> dict[str, Tensor]:
        """What nets become that are given as starts, ``[nets, ...]``; in one step, an optimizer of one step.

        Raises:
            ValueError: a prompt or condition that it doesn't take, weights that don't fit the space.
        """
        count = self.config.spaces[0].check(weights)
        given = f"{count or 'one net'} and {steps}"
        if count is None or steps < 1:
            raise ValueError(f"improve takes a stack of nets and 1 step or more, got {given}.")
        with torch.no_grad():
            wanted = self.wanted(prompt or {}, count).to(self.device)
            return self._led(self.vectors.rows(weights).to(self.device), wanted, condition, steps)

    def _led(self, rows: Tensor, wanted: Prompts, condition: Any, steps: int) -> dict[str, Tensor]:
        self.check_condition(condition)
        if self.takes_net:
            check_net(condition, self.config.spaces[0], self.vectors.weights(rows[:1]))
            condition = copy.deepcopy(condition).eval().to(self.device)
        parts = zip(rows.split(CHUNK), wanted.split(CHUNK), strict=True)
        return self.vectors.weights(torch.cat([self.lead(some, own, condition, steps) for some, own in parts]))
