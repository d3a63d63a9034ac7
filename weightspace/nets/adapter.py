"""Low-rank adapters: small changes of the weights of a trained perceptron, which stays as it is."""

import functools
import math
from dataclasses import dataclass
from pathlib import Path

import torch
from jaxtyping import Float
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional

from weightspace.nets.bounds import check_between
from weightspace.nets.net import Net, example_normal

BASES = ("digits-base",)
KINDS = ("lora", "rslora", "dora")


@dataclass(frozen=True)
class AdapterConfig:
    """Base, rank and kind of an ``Adapter``.

    Args:
        base: the trained perceptron that it changes; its weights ship with the package.
        kind: ``lora`` (Hu et al. 2022) adds ``alpha / rank * B A`` to each matrix, ``rslora`` (Kalajdzievski 2023)
            ``alpha / sqrt(rank) * B A``; ``dora`` (Liu et al. 2024) does as ``lora`` and then brings each row to a
            length that is learned.
        rank: rows of ``A``, columns of ``B``.
        alpha: strength of the change.
    """

    base: str = "digits-base"
    kind: str = "lora"
    rank: int = 4
    alpha: float = 8.0

    def __post_init__(self):
        for name, known in (("base", BASES), ("kind", KINDS)):
            if getattr(self, name) not in known:
                raise ValueError(f"{name} must be one of {', '.join(known)}, got {getattr(self, name)!r}")
        check_between(self, 1, 1024, "rank")
        check_between(self, 1e-6, 1e6, "alpha")

    @property
    def scale(self) -> float:
        """What ``B A`` is multiplied with."""
        return self.alpha / (math.sqrt(self.rank) if self.kind == "rslora" else self.rank)


class AdaptedLinear(nn.Module):
    """A linear map of the base with an adapter; ``B`` starts at zero, so it begins as the base's."""

    weight_of_base: Tensor
    bias_of_base: Tensor

    def __init__(self, weight: Float[Tensor, "out in"], bias: Float[Tensor, " out"], config: AdapterConfig):
        super().__init__()
        self.register_buffer("weight_of_base", weight.clone(), persistent=False)  # a state dict holds the adapter alone
        self.register_buffer("bias_of_base", bias.clone(), persistent=False)
        self.scale = config.scale
        spread = 1 / math.sqrt(weight.shape[1])
        self.lora_A = nn.Parameter(torch.empty(config.rank, weight.shape[1]).uniform_(-spread, spread))
        self.lora_B = nn.Parameter(torch.zeros(weight.shape[0], config.rank))
        if config.kind == "dora":
            self.magnitude = nn.Parameter(weight.norm(dim=1))

    def effective(
        self, a: Float[Tensor, "*nets rank in"], b: Float[Tensor, "*nets out rank"], magnitude: Tensor | None
    ) -> Float[Tensor, "*nets out in"]:
        """The matrix that base and adapter make together."""
        weight = self.weight_of_base.to(a) + self.scale * (b @ a)
        if magnitude is None:
            return weight
        return weight * (magnitude / weight.square().sum(-1).sqrt()).unsqueeze(-1)

    def forward(self, x: Float[Tensor, "batch in"]) -> Float[Tensor, "batch out"]:
        weight = self.effective(self.lora_A, self.lora_B, getattr(self, "magnitude", None))
        return functional.linear(x, weight, self.bias_of_base.to(x))


class Adapter(Net):
    """A trained perceptron whose matrices a low-rank adapter changes; the adapter is all that is trained and stored.

    ``B`` may be multiplied by any invertible matrix and ``A`` by its inverse without a change of what it computes.

    Shapes:
        in: ``[batch, ...]`` with as many entries an example as the base takes; out: ``[batch, classes]``.
    """

    Config = AdapterConfig
    layers: nn.ModuleList

    def __init__(self, config: AdapterConfig | None = None):
        super().__init__(config)
        base, layers = base_weights(self.config.base), []
        for layer in range(len(base) // 2):
            weight, bias = base[f"linears.{layer}.weight"], base[f"linears.{layer}.bias"]
            layers.append(AdaptedLinear(weight, bias, self.config))
            self.bounds[f"layers.{layer}.lora_A"] = 1 / math.sqrt(weight.shape[1])
        self.layers = nn.ModuleList(layers)

    def forward(self, x: Float[Tensor, "batch *input"]) -> Float[Tensor, "batch classes"]:
        x = self.layers[0](x.flatten(1))
        for layer in self.layers[1:]:
            x = layer(x.relu())
        return x

    def example_inputs(self) -> tuple[Tensor, ...]:
        return (example_normal(2, base_weights(self.config.base)["linears.0.weight"].shape[1]),)


@functools.lru_cache(maxsize=4)
def base_weights(base: str) -> dict[str, Tensor]:
    """The weights of a base: net 0 of the recipe of its name."""
    return load_file(Path(__file__).with_name(f"{base}.safetensors"))
