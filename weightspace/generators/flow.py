"""A flow from noise to trained weights, led by an equivariant metanet."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, TypeVar

import torch
from jaxtyping import Float
from torch import Tensor

from weightspace.generators.base import Generator, GeneratorConfig, Prompts
from weightspace.generators.draws import Draws
from weightspace.generators.vectors import vectors
from weightspace.metanets.graphmetanet import GraphMetanet
from weightspace.space import WeightSpace
from weightspace.space.channels import channel, stack_channels, with_channels


@dataclass(frozen=True)
class FlowConfig(GeneratorConfig):
    """What a `Flow` is told.

    Args:
        width: of its metanet.
        layers: of its metanet.
        steps: from noise to weights.
        guidance: how much further than without a prompt the prompt leads; 1 follows the prompt as trained.
    """

    width: int = 32
    layers: int = 3
    steps: int = 40
    guidance: float = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if len(self.spaces) != 1:
            raise ValueError(f"A flow is trained on one weight space, got {len(self.spaces)}.")
        buffers = [name for name, spec in self.spaces[0].tensors.items() if spec.buffer]
        if buffers:
            named = ", ".join(buffers[:3])
            raise ValueError(f"A flow writes parameters alone, and this space has buffers: {named}.")
        if min(self.width, self.layers, self.steps) < 1:
            given = f"{self.width}, {self.layers} and {self.steps}"
            raise ValueError(f"width, layers and steps must be 1 or more, got {given}.")


F = TypeVar("F", bound="Flow")


class Flow(Generator):
    r"""Nets at the end of a flow from noise: $\dot w = (f(w, t, p) - w) / (1 - t)$.

    The noise has each tensor's own mean and spread among the training nets, so all of the order among weights is
    written by $f$, a graph metanet that was trained to say the clean weights behind $(1 - t) z + t w$. It is
    equivariant to permutations, so what it gives doesn't depend on how neurons are numbered. Lipman et al. 2023, "Flow
    matching for generative modeling", equation 23; prompts as in Peebles et al. 2022, "Learning to learn with
    generative models of neural network checkpoints", guided as in Ho and Salimans 2022.
    """

    Config: ClassVar[type[FlowConfig]] = FlowConfig
    config: FlowConfig
    means: Tensor
    spreads: Tensor

    def __init__(self, config: FlowConfig):
        super().__init__(config)
        space, prompts = config.spaces[0], len(config.prompts)
        self.vectors, self.channels = vectors(space), 2 + 2 * prompts
        inside = with_channels(space, self.channels)
        self.metanet = GraphMetanet.for_spaces(inside, head="weights", width=config.width, layers=config.layers)
        tensors = len(self.vectors.floats)
        self.register_buffer("means", torch.zeros(tensors))
        self.register_buffer("spreads", torch.ones(tensors))

    @classmethod
    def for_nets(
        cls: type[F], space: WeightSpace, weights: Mapping[str, Tensor], prompts: Mapping[str, Tensor], **settings: Any
    ) -> F:
        """An untrained flow, where the training nets lie, that knows their tensors' sizes and their prompts' range."""
        ends = [tuple(float(getattr(value, end)()) for value in prompts.values()) for end in ("min", "max")]
        first = next(iter(weights.values()))
        seen, device = len(first), first.device
        flow = cls(
            cls.Config(
                spaces=(space,), prompts=tuple(prompts), prompt_low=ends[0], prompt_high=ends[1], seen=seen, **settings
            )
        ).to(device)
        parts = flow.vectors.rows(weights).split(flow.vectors.sizes, 1)
        flow.means = torch.stack([part.mean() for part in parts])
        flow.spreads = torch.stack([part.std(correction=0) for part in parts]).clamp_min(1e-6)
        open_prompts = torch.zeros(seen, len(prompts), device=device)
        half = flow.metanet_input(flow.vectors.rows(weights), torch.full((seen,), 0.5, device=device), open_prompts)
        flow.metanet.fit_statistics({flow.metanet.config.spaces[0]: half})
        return flow

    def noise(self, normal: Float[Tensor, "nets entries"]) -> Float[Tensor, "nets entries"]:
        """Standard normal numbers with each tensor's mean and spread."""
        return self.vectors.per_tensor(self.means) + self.vectors.per_tensor(self.spreads) * normal

    def clean(
        self, rows: Float[Tensor, "nets entries"], t: Float[Tensor, " nets"], wanted: Prompts
    ) -> Float[Tensor, "nets entries"]:
        """The clean weights that the metanet sees behind ``rows`` at time ``t``; NaN in ``wanted`` is no prompt."""
        inside = self.metanet.config.spaces[0]
        graph = self.metanet.graph(inside, self.metanet_input(rows, t, wanted))
        return self.vectors.rows(channel(self.metanet(graph), 0, self.channels))

    def metanet_input(self, rows: Tensor, t: Tensor, wanted: Prompts) -> dict[str, Tensor]:
        """The weights, and beside each the time, the prompts in [-1, 1] and whether there is one."""
        c = self.config
        low, high = (rows.new_tensor(ends) for ends in (c.prompt_low, c.prompt_high))
        known = wanted.isfinite().to(rows)
        scaled = (2 * (wanted - low) / (high - low).clamp_min(1e-6) - 1).nan_to_num(nan=0.0)
        columns = [t, *scaled.to(rows).unbind(1), *known.unbind(1)]
        constants = [self.vectors.weights(column[:, None].expand_as(rows)) for column in columns]
        return stack_channels([self.vectors.weights(rows), *constants], self.channels)

    def draw(self, space: WeightSpace, draws: Draws, wanted: Prompts, condition: Any) -> dict[str, Tensor]:
        rows = self.noise(draws.normal(len(self.vectors.owners)))
        for step in range(self.config.steps):
            now = rows.new_full((len(rows),), step / self.config.steps)
            aim = self.clean(rows, now, wanted)
            if self.config.guidance != 1 and wanted.isfinite().any():
                free = self.clean(rows, now, torch.full_like(wanted, float("nan")))
                aim = free + self.config.guidance * (aim - free)
            rows = rows + (aim - rows) / (self.config.steps - step)
        return self.vectors.weights(rows)
