"""The base of all generators: what they take, what they refuse, and what they give."""

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from weightspace.generators.draws import Draws
from weightspace.pretrained.config import SpacesConfig
from weightspace.pretrained.pretrained import Pretrained
from weightspace.space import WeightSpace

Weights = Mapping[str, Tensor]
Prompt = Mapping[str, float | Tensor]
Prompts = Float[Tensor, "nets prompts"]


@dataclass(frozen=True)
class GeneratorConfig(SpacesConfig):
    """What every generator is told.

    Args:
        spaces: the weight spaces that it was trained on.
        domain: what is known of the nets that it was trained on.
        prompts: what can be asked for, by name: a property of the training nets.
        prompt_low: and prompt_high: the range of each among the training nets.
        seen: training nets.
    """

    prompts: tuple[str, ...] = ()
    prompt_low: tuple[float, ...] = ()
    prompt_high: tuple[float, ...] = ()
    seen: int = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        if not len(self.prompts) == len(self.prompt_low) == len(self.prompt_high):
            raise ValueError(
                f"Each prompt needs a low and a high end, got {len(self.prompts)} prompts, {len(self.prompt_low)} and "
                f"{len(self.prompt_high)}."
            )


class Generator(Pretrained):
    """Weights of new nets, from noise.

    ``sample`` gives nets whose distribution doesn't depend on how the neurons of the training nets were numbered
    beyond what the class says; net i of a seed is the same whatever the number of nets, and whatever the device up to
    the order of sums. Nets lie where the generator lies: ``generator.to("cuda")``. Kept like a metanet:
    ``save_pretrained``, and `weightspace.generators.load_generator` loads it again.

    Attributes:
        conditions: what ``condition`` is for this class, in words; None if it takes none.
        any_space: whether the class writes nets of spaces, too, that it wasn't made for.
        takes_net: whether its condition is a net of the space, which it has to run.

    Example::

        generator = Soup.from_nets(space, weights, {"accuracy": accuracy})
        new = generator.sample(space, 100, prompt={"accuracy": 0.9}, seed=0)  # {name: [100, ...]}
    """

    Config: ClassVar[type[GeneratorConfig]] = GeneratorConfig
    config: GeneratorConfig
    conditions: ClassVar[str | None] = None
    any_space: ClassVar[bool] = False
    takes_net: bool = False

    def __init__(self, config: GeneratorConfig):
        super().__init__(config)
        self.register_buffer("place", torch.empty(0), persistent=False)

    @property
    def device(self) -> torch.device:
        """Where it lies, and the nets that it writes."""
        return self.get_buffer("place").device

    def sample(
        self,
        space: WeightSpace,
        n: int,
        *,
        prompt: Prompt | None = None,
        condition: Any = None,
        seed: int,
        first: int = 0,
    ) -> dict[str, Tensor]:
        """Weights of ``n`` nets, stacked ``[n, ...]``.

        Args:
            space: of the nets. n: how many.
            prompt: what is asked for by name, one number for all nets or one a net; what isn't named is left open.
            condition: what the class takes beside a prompt; see ``conditions``.
            seed: of all random numbers. first: the number of the first net, to go on with a sampling.

        Raises:
            ValueError: fewer than one net, a space or prompt that it wasn't trained for, a condition that the class
                doesn't take.
        """
        if isinstance(n, bool) or not isinstance(n, int) or n < 1:
            raise ValueError(f"n must be a whole number of 1 or more, got {n!r}.")
        self.check_space(space)
        if condition is not None and self.conditions is None:
            raise ValueError(
                f"{type(self).__name__} takes no condition, got a {type(condition).__name__}; leave it out."
            )
        wanted = self.wanted(prompt or {}, n).to(self.device)
        with torch.no_grad():
            return self.draw(space, Draws(seed, first, n, self.device), wanted, condition)

    @abstractmethod
    def draw(self, space: WeightSpace, draws: Draws, wanted: Prompts, condition: Any) -> dict[str, Tensor]:
        """Stacked weights, a net for each of ``draws``; ``wanted`` is NaN where a prompt is left open."""

    def check_space(self, space: WeightSpace) -> None:
        """See that the generator can write nets of a space.

        Raises:
            ValueError: it can't; says which it can.
        """
        if not self.any_space and space not in self.config.spaces:
            known = ", ".join(own.hash for own in self.config.spaces)
            raise ValueError(
                f"This {type(self).__name__} writes nets of the weight spaces {known}, got {space.hash}. Take a net of "
                "its training zoo's architecture, or train a generator on nets of this one."
            )

    def check_condition(self, condition: Any) -> None:
        """See that the condition is a net where one must be run, and nothing otherwise.

        Raises:
            ValueError: it isn't.
        """
        if self.takes_net and not isinstance(condition, nn.Module):
            raise ValueError(
                f"This {type(self).__name__} keeps examples and runs the net, which must be its condition, got "
                f"{type(condition).__name__}. Give condition=net, or call initialize(net, ...)."
            )
        if not self.takes_net and condition is not None:
            raise ValueError(
                f"This {type(self).__name__} keeps no examples and takes no condition, got a "
                f"{type(condition).__name__}; leave it out."
            )

    def wanted(self, prompt: Prompt, n: int) -> Prompts:
        """A prompt for each of ``n`` nets, NaN where it is left open.

        Raises:
            ValueError: a name that it doesn't know, a value outside the range that was seen.
        """
        c, unknown = self.config, sorted(set(prompt) - set(self.config.prompts))
        if unknown:
            can = f"can be asked for {', '.join(c.prompts)}" if c.prompts else "takes no prompt"
            raise ValueError(f"This {type(self).__name__} {can}, got {', '.join(unknown)}.")
        wanted = torch.full((n, len(c.prompts)), float("nan"))
        for column, (name, low, high) in enumerate(zip(c.prompts, c.prompt_low, c.prompt_high, strict=True)):
            if name in prompt:
                value = torch.as_tensor(prompt[name], dtype=torch.float32, device="cpu")
                wanted[:, column] = _in_range(name, value, low, high, n)
        return wanted


def _in_range(name: str, value: Tensor, low: float, high: float, n: int) -> Tensor:
    if value.ndim and value.shape != (n,):
        raise ValueError(
            f"Prompt {name} must be one number or one for each of {n} nets, got shape {list(value.shape)}."
        )
    outside = value[~((value >= low - 1e-6) & (value <= high + 1e-6))]
    if outside.numel():
        raise ValueError(
            f"Prompt {name} must lie between {low:.4g} and {high:.4g}, where the training nets lie, got "
            f"{float(outside.flatten()[0]):.4g}."
        )
    return value


def finite_nets(weights: Weights) -> Bool[Tensor, " nets"]:
    """Which nets of a stack have finite weights only."""
    return torch.stack([tensor.reshape(len(tensor), -1).isfinite().all(1) for tensor in weights.values()]).all(0)
