"""Low-rank adapters of one base side by side, whatever their rank and kind."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, cast

import torch
from jaxtyping import Float, Int
from torch import Tensor

from weightspace.nets.adapter import AdaptedLinear, Adapter
from weightspace.nets.stacked.adapter import effective_weight
from weightspace.zoo import Zoo


@dataclass(frozen=True, eq=False)
class AdaptedLayer:
    """One layer of N adapters of one base.

    Args:
        weight, bias: of the base.
        down: the factors ``A``, rows of zeros behind those of lower rank.
        up: the factors ``B``, times the adapter's scale.
        lengths: of DoRA, how much longer than the base's each row is, ``m / |W| - 1``; 0 for the other kinds.
        change: what base and adapter make together, minus the base's matrix.
    """

    weight: Float[Tensor, "out in"]
    bias: Float[Tensor, " out"]
    down: Float[Tensor, "nets rank in"]
    up: Float[Tensor, "nets out rank"]
    lengths: Float[Tensor, "nets out"]
    change: Float[Tensor, "nets out in"]

    def take(self, places: Int[Tensor, " chosen"]) -> "AdaptedLayer":
        """Some of the adapters."""
        names = ("down", "up", "lengths", "change")
        return replace(self, **{name: getattr(self, name)[places] for name in names})


@dataclass(frozen=True, eq=False)
class Adapters:
    """N adapters of one base: a row of the zoo's index for each, and their layers, the first one first."""

    rows: tuple[Mapping[str, Any], ...]
    layers: tuple[AdaptedLayer, ...]

    def __len__(self) -> int:
        return len(self.rows)

    def take(self, places: Int[Tensor, " chosen"]) -> "Adapters":
        """Some of them."""
        rows = tuple(self.rows[place] for place in places.tolist())
        return Adapters(rows, tuple(layer.take(places) for layer in self.layers))

    def merged(self, pairs: Int[Tensor, "pairs 2"]) -> "Adapters":
        """For each pair the net whose matrices are the mean of the two; with the row and the factors of the first."""
        one, other = self.take(pairs[:, 0]), self.take(pairs[:, 1])
        both = zip(one.layers, other.layers, strict=True)
        return replace(one, layers=tuple(replace(a, change=(a.change + b.change) / 2) for a, b in both))

    def answers(self, inputs: Float[Tensor, "*nets batch features"]) -> Float[Tensor, "nets batch classes"]:
        """The logits of base and adapter together for inputs of each net, or for inputs that all share."""
        h = inputs
        for number, layer in enumerate(self.layers):
            h = (h if number == 0 else h.relu()) @ (layer.weight + layer.change).mT + layer.bias
        return h


def read_adapters(zoo: Zoo) -> Adapters:
    """The last states of a zoo's nets, without those that diverged.

    Raises:
        ValueError: a zoo of other nets than adapters, or of adapters of several bases.
    """
    zoo = zoo.filter(status="ok").final()
    parts = list(zoo.by_space().values())
    kinds = {str(part.architecture.net) for part in parts}
    if kinds != {"adapter"}:
        got = ", ".join(sorted(kinds)) or "no net that came to its end"
        raise ValueError(
            f"{zoo.address} must hold low-rank adapters, got {got}; weightspace zoo build digits-adapters makes some"
        )
    settings = [cast(Adapter, part.architecture.build()).settings for part in parts]
    bases = {str(one["base"]) for one in settings}
    if len(bases) > 1:
        raise ValueError(f"{zoo.address} must hold adapters of one base, got {', '.join(sorted(bases))}")
    widest = max(int(one["rank"]) for one in settings)
    found = [_read_part(part, widest) for part in parts]
    nets = [row["net"] for adapters in found for row in adapters.rows]
    order = torch.tensor(nets).argsort()
    layers = tuple(_joined([adapters.layers[n] for adapters in found]) for n in range(len(found[0].layers)))
    rows = tuple(row for adapters in found for row in adapters.rows)
    return Adapters(rows, layers).take(order)


def _read_part(zoo: Zoo, rank: int) -> Adapters:
    weights, layers = zoo.weights(), []
    for number, module in enumerate(cast(Any, zoo.architecture.build()).layers):
        layers.append(_layer(cast(AdaptedLinear, module), weights, f"layers.{number}", rank))
    return Adapters(tuple(zoo.table.to_pylist()), tuple(layers))


def _layer(module: AdaptedLinear, weights: Mapping[str, Tensor], name: str, rank: int) -> AdaptedLayer:
    base, down = module.weight_of_base, weights[f"{name}.lora_A"]
    up, more = module.scale * weights[f"{name}.lora_B"], rank - down.shape[1]
    lengths = weights.get(f"{name}.magnitude", base.norm(dim=1).expand(len(down), -1)) / base.norm(dim=1) - 1
    change = effective_weight(module, dict(weights), name) - base
    pad = torch.nn.functional.pad
    return AdaptedLayer(base, module.bias_of_base, pad(down, (0, 0, 0, more)), pad(up, (0, more)), lengths, change)


def _joined(parts: list[AdaptedLayer]) -> AdaptedLayer:
    names = ("down", "up", "lengths", "change")
    return replace(parts[0], **{name: torch.cat([getattr(part, name) for part in parts]) for name in names})
