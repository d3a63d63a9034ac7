"""Generators that keep their training nets: the trivial ways of writing weights, which every other one must beat."""

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, TypeVar

import torch
from jaxtyping import Float, Int
from torch import Tensor

from weightspace.generators.base import Generator, GeneratorConfig, Prompts
from weightspace.generators.draws import Draws
from weightspace.nets.stacked.vectors import vectors
from weightspace.space import WeightSpace

FORMS = ("raw", "canonical")


@dataclass(frozen=True)
class BankConfig(GeneratorConfig):
    """What generators are told that keep their training nets.

    Args:
        form: ``"raw"`` keeps the nets as they came, ``"canonical"`` in the canonical form of their orbits.
        near: with a prompt, the fraction of the training nets that counts: those nearest to it.
        noise: added to every parameter, in units that the class says.
    """

    form: str = "raw"
    near: float = 0.1
    noise: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.form not in FORMS:
            raise ValueError(f"form must be one of {', '.join(FORMS)}, got {self.form!r}.")
        if not 0 < self.near <= 1:
            raise ValueError(f"near must be above 0 and at most 1, got {self.near}.")
        if not 0 <= self.noise < float("inf"):
            raise ValueError(f"noise must be 0 or more, got {self.noise}.")
        if len(self.spaces) != 1:
            raise ValueError(f"Training nets must be of one weight space, got {len(self.spaces)}.")


B = TypeVar("B", bound="Bank")


class Bank(Generator):
    """Draws from training nets, which it keeps: ``nets [seen, entries]`` and their prompts ``[seen, prompts]``.

    With a prompt only those count that are nearest to it; norms' running statistics are mixed or copied, never noised.

    Attributes:
        needs: training nets that the class needs, at least. least: those that must count for a prompt, at least.
    """

    Config: ClassVar[type[BankConfig]] = BankConfig
    config: BankConfig
    needs: ClassVar[int] = 1

    def __init__(self, config: BankConfig):
        super().__init__(config)
        self.vectors, self.least, c = vectors(config.spaces[0]), self.needs, config
        self.register_buffer("nets", torch.zeros(c.seen, len(self.vectors.owners)))
        self.register_buffer("counts", torch.zeros(c.seen, len(self.vectors.counters), dtype=torch.int64))
        self.register_buffer("properties", torch.zeros(c.seen, len(c.prompts)))

    @classmethod
    def from_nets(
        cls: type[B],
        space: WeightSpace,
        weights: Mapping[str, Tensor],
        prompts: Mapping[str, Tensor] | None = None,
        *,
        domain: Mapping[str, Any] | None = None,
        **settings: Any,
    ) -> B:
        """A generator of training nets.

        Args:
            space: their weight space. weights: stacked ``[nets, ...]``; the generator lies where they lie.
            prompts: properties of the nets that can be asked for, ``[nets]`` each. domain: see `GeneratorConfig`.
            settings: further fields of the class's `Config`.

        Raises:
            ValueError: weights that don't fit the space or aren't finite, too few nets, a prompt of another length.
        """
        count, prompts = space.check(weights), {name: v.float() for name, v in (prompts or {}).items()}
        if count is None or count < cls.needs:
            raise ValueError(
                f"{cls.__name__} needs a stack of {cls.needs} training nets or more, got {count or 'one'}."
            )
        for name, tensor in (*weights.items(), *prompts.items()):
            if len(tensor) != count or not tensor.isfinite().all():
                raise ValueError(f"{name} must hold finite numbers for {count} nets; drop nets that diverged.")
        ends = [{name: float(getattr(v, end)()) for name, v in prompts.items()} for end in ("min", "max")]
        config = cls.Config(
            spaces=(space,), domain=domain or {}, prompts=tuple(prompts), prompt_low=tuple(ends[0].values()),
            prompt_high=tuple(ends[1].values()), seen=count, **settings,
        )  # fmt: skip
        return cls(config).to(next(iter(weights.values())).device).keep(space, weights, prompts)

    def keep(self: B, space: WeightSpace, weights: Mapping[str, Tensor], prompts: Mapping[str, Tensor]) -> B:
        """Take the nets in, in the form that the configuration says; children fit what else they need."""
        if self.config.form == "canonical":
            weights, _ = space.canonicalize(weights)
        self.nets = self.vectors.rows(weights)
        self.counts = self.vectors.counts(weights)
        if prompts:
            self.properties = torch.stack(list(prompts.values()), 1).to(self.device)
        return self

    def draw(self, space: WeightSpace, draws: Draws, wanted: Prompts, condition: Any) -> dict[str, Tensor]:
        rows = self.nets.new_zeros(len(draws), self.nets.shape[1])
        counts = self.counts.new_zeros(len(draws), self.counts.shape[1])
        asked = wanted.nan_to_num(nan=float("inf"))
        for prompt in asked.unique(dim=0) if asked.shape[1] else asked[:1]:
            members = (asked == prompt).all(1).nonzero().flatten()
            part = draws.part(members.tolist())
            rows[members], counts[members] = self.mix(space, part, self.near(prompt))
        return self.vectors.weights(rows, counts)

    @abstractmethod
    def mix(
        self, space: WeightSpace, draws: Draws, near: Int[Tensor, " rows"]
    ) -> tuple[Float[Tensor, "nets entries"], Int[Tensor, "nets counters"]]:
        """Rows and counters of new nets made of the training nets ``near``."""

    def near(self, prompt: Float[Tensor, " prompts"]) -> Int[Tensor, " rows"]:
        """The training nets that count for a prompt, nearest first; all without any."""
        return near_prompt(self.properties, prompt, max(self.least, round(self.config.near * len(self.nets))))

    def noised(self, rows: Float[Tensor, "nets entries"], units: Tensor, draws: Draws) -> Float[Tensor, "nets entries"]:
        """The rows with noise on their parameters; nothing is drawn without."""
        if not self.config.noise:
            return rows
        return rows + self.config.noise * draws.normal(rows.shape[1]) * units * self.vectors.learned.to(rows.device)

    def tensor_sizes(self, rows: Float[Tensor, "nets entries"]) -> Float[Tensor, " entries"]:
        """Root mean square of each tensor over some nets, for each entry."""
        return self.vectors.per_tensor(self.vectors.mean_square(rows).mean(0).sqrt())


def near_prompt(
    properties: Float[Tensor, "nets prompts"], prompt: Float[Tensor, " prompts"], count: int
) -> Int[Tensor, " rows"]:
    """The ``count`` nets whose properties are nearest to a prompt, nearest first; all nets without any prompt."""
    asked = prompt.isfinite()
    if not asked.any():
        return torch.arange(len(properties), device=properties.device)
    spread = properties.std(0, correction=0).clamp_min(1e-12)
    distance = ((properties - prompt) / spread)[:, asked].square().sum(1)
    return distance.argsort(stable=True)[:count]
