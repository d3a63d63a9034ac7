"""The update rule of one weight: a small perceptron on what is known of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, ClassVar

import torch
from jaxtyping import Float
from torch import Tensor, nn

from weightspace.optimizers.rule.packing import Packing
from weightspace.optimizers.rule.rulestate import FEATURES, RuleState, features
from weightspace.pretrained.config import SavedConfig
from weightspace.pretrained.pretrained import Pretrained

Layers = Sequence[tuple[Tensor, Tensor]]
"""Matrix ``[*lead, out, in]`` and bias ``[*lead, out]`` of each layer."""


@dataclass(frozen=True)
class RuleConfig(SavedConfig):
    """What a `LearnedRule` is told.

    Args:
        domain: what it was trained on.
        hidden: width of its two hidden layers.
        epsilon: times the published small constants; see `weightspace.optimizers.rule.rulestate.features`.
    """

    hidden: int = 8
    epsilon: float = 1e-24

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 1 <= self.hidden <= 4096:
            raise ValueError(f"hidden must be from 1 to 4096, got {self.hidden}.")
        if not 0 < self.epsilon <= 1:
            raise ValueError(f"epsilon must be above 0 and at most 1, got {self.epsilon}.")


class LearnedRule(Pretrained):
    r"""The direction in which each weight goes, read from its gradient's history.

    $d = \mathrm{MLP}(x_1, \ldots, x_{30})$, weight by weight, every input brought to unit mean square over its tensor,
    and $d$ to unit root mean square over its tensor; the rate is the user's. Moudgil et al. 2026, "Celo2: Towards
    learned optimization free lunch". Being the same for all weights of a tensor, it commutes with permutations of
    neurons; with scales and signs it doesn't.
    """

    Config: ClassVar[type[RuleConfig]] = RuleConfig
    purpose: ClassVar[str] = "An update rule: it reads weights and gradients and gives the next weights."
    usage: ClassVar[str] = """from weightspace.optimizers import LearnedOptimizer

optimizer = LearnedOptimizer.from_pretrained("path/or/owner/name", model.parameters(), lr=1e-3)"""
    config: RuleConfig

    def __init__(self, config: RuleConfig):
        super().__init__(config)
        sizes = [FEATURES, config.hidden, config.hidden, 1]
        self.layers = nn.ModuleList(nn.Linear(a, b) for a, b in pairwise(sizes))

    @property
    def parts(self) -> Layers:
        """Matrix and bias of each layer."""
        return [(layer.weight, layer.bias) for layer in self.layers]  # pyright: ignore[reportReturnType]

    def forward(
        self,
        state: RuleState,
        weights: Float[Tensor, "*lead entries"],
        gradient: Float[Tensor, "*lead entries"],
        packing: Packing,
    ) -> Float[Tensor, "*lead entries"]:
        """Directions for all entries; ``state`` has taken in the gradient already. The step is minus rate times it."""
        return directions(self.parts, features(state, weights, gradient, packing, self.config.epsilon), packing,
                          self.config.epsilon)  # fmt: skip


def directions(
    layers: Layers, found: Float[Tensor, "*lead features entries"], packing: Packing, epsilon: float
) -> Float[Tensor, "*lead entries"]:
    """The rule with given layers, one set for all rows or one a row; each tensor's directions have unit mean square."""
    scales = [(square + 1e-5 * epsilon).rsqrt() for square in packing.mean_squares(found)]
    outs = []
    for part, scale in zip(found.split(packing.sizes, -1), scales, strict=True):
        x = part
        for number, (matrix, bias) in enumerate(layers):  # the inputs' scale goes into the first matrix
            matrix = matrix * scale.transpose(-1, -2) if number == 0 else matrix
            x = torch.matmul(matrix, x.relu() if number else x) + bias.unsqueeze(-1)
        size = torch.linalg.vector_norm(x, dim=-1, keepdim=True) / x.shape[-1] ** 0.5
        outs.append((x / size.clamp_min(1e-20)).squeeze(-2))
    return torch.cat(outs, -1)


BLOCKS = (1, 1, 1, 3, 1, 3, 1, 3, 1, 3, 3, 3, 3, 3)
"""Inputs of each of the published file's first matrices, ``w0__0`` and on."""


def read_celo2(path: str | Path) -> LearnedRule:
    """The rule of a file ``theta.state`` that Celo2's authors published (msgpack, never a pickle).

    Only the first of the perceptron's three outputs, the direction, is kept.

    Raises:
        ValueError: the file isn't of that layout; says what is missing or of another shape.
        ImportError: the package msgpack isn't installed.
    """
    found = _find(_read_msgpack(Path(path)), "ff_mod_stack", str(path))
    first = torch.cat([_array(found, f"w0__{i}", size, str(path)) for i, size in enumerate(BLOCKS)])
    hidden = first.shape[1]
    rule = LearnedRule(RuleConfig(hidden=hidden, epsilon=1.0))
    parts = [
        (first, "b0"),
        (_array(found, "w1", hidden, str(path)), "b1"),
        (_array(found, "w2", hidden, str(path)), "b2"),
    ]
    with torch.no_grad():
        for layer, (matrix, bias) in zip(rule.layers, parts, strict=True):
            assert isinstance(layer, nn.Linear)
            layer.weight.copy_(matrix.T[: layer.out_features])
            layer.bias.copy_(_array(found, bias, matrix.shape[1], str(path))[: layer.out_features])
    return rule.eval()


def _read_msgpack(path: Path) -> Any:
    try:
        import msgpack
    except ImportError as error:
        raise ImportError("Reading a file of Celo2 needs msgpack; pip install msgpack.") from error

    def array(code: int, data: bytes) -> Any:
        """Flax writes an array as (shape, name of its type, bytes), code 1."""
        if code != 1:
            raise ValueError(f"{path} must hold arrays and numbers only, got an entry of kind {code}.")
        shape, kind, raw = msgpack.unpackb(data, raw=False, strict_map_key=False)
        if kind != "float32":
            raise ValueError(f"{path} must hold arrays of float32, got {kind}.")
        return torch.frombuffer(bytearray(raw), dtype=torch.float32).reshape(shape)

    try:
        return msgpack.unpackb(path.read_bytes(), ext_hook=array, raw=False, strict_map_key=False)
    except (msgpack.UnpackException, ValueError) as error:
        raise ValueError(f"{path} must be a file theta.state of Celo2, got one that can't be read: {error}.") from error


def _find(tree: Any, key: str, where: str) -> dict[str, Any]:
    """The first mapping under ``key``, at any depth."""
    waiting = [tree]
    while waiting:
        node = waiting.pop(0)
        if isinstance(node, dict):
            if isinstance(node.get(key), dict):
                inner = node[key]
                return inner if "w1" in inner else next((v for v in inner.values() if isinstance(v, dict)), inner)
            waiting += node.values()
    raise ValueError(f"{where} must hold the perceptron under {key!r}, as Celo2's files do; it doesn't.")


def _array(found: dict[str, Any], name: str, length: int, where: str) -> Tensor:
    value = found.get(name)
    if not isinstance(value, Tensor) or value.shape[0] != length:
        got = f"shape {tuple(value.shape)}" if isinstance(value, Tensor) else "nothing of that name"
        raise ValueError(f"{where}: {name} must be an array with first axis {length}, got {got}.")
    return value
