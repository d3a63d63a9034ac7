"""A transformer that reads the patches of an image and writes the weights of a SIREN: a rival of learned starts."""

from collections.abc import Callable
from typing import cast

import torch
from jaxtyping import Float
from torch import Tensor, nn

from weightspace.data import Signals
from weightspace.generators.start import LearnedStart
from weightspace.tasks.generation.starting.starts import StartConfig, minimize

HEADS = 4


class PatchTransformer(nn.Module):
    """Weights from an image in one pass: tokens of its patches, and one of every neuron, in one transformer.

    What comes out of a neuron's token is added, in units of the size of their matrix, to the weights and the bias that
    lead to it, and these are learned, too. Chen and Wang 2022, "Transformers as meta-learners for implicit neural
    representations", section 4.

    Args:
        start: a start for the nets; its weights are where the learned ones begin.
        width: of a token.
        patch: height and width of a patch, which divide those of the image.
        layers: of the transformer.

    Raises:
        ValueError: a width or a patch that doesn't fit.
    """

    units: Tensor

    def __init__(self, start: LearnedStart, width: int, patch: int = 2, layers: int = 2):
        super().__init__()
        shape = start.convention.shape
        if width % HEADS or len(shape) != 2 or any(size % patch for size in shape):
            raise ValueError(
                f"The width must be a multiple of {HEADS} and the patch divide an image's sides, got {width}, and "
                f"{patch} for {list(shape)}."
            )
        self.start, self.patch, self.shape = start, patch, shape
        space = start.config.spaces[0]
        self.matrices = [name for name, spec in space.tensors.items() if spec.role == "weight"]
        self.rows = {name: space.tensors[name].shape for name in self.matrices}
        first = start.vectors.weights(start.start.detach()[None])
        for name in self.matrices:
            size = first[name].square().mean().sqrt()
            first[name], first[_bias(name)] = (torch.full_like(first[key], float(size)) for key in (name, _bias(name)))
        self.register_buffer("units", start.vectors.rows(first)[0])
        self.shift = nn.Parameter(torch.zeros_like(self.units))
        tokens = shape[0] // patch * (shape[1] // patch)
        self.read = nn.Linear(start.channels * patch**2, width)
        self.places = nn.Parameter(0.1 * torch.randn(tokens, width))
        self.neurons = nn.Parameter(0.1 * torch.randn(sum(cast(int, s[0]) for s in self.rows.values()), width))
        layer = nn.TransformerEncoderLayer(width, HEADS, 2 * width, 0.0, "gelu", batch_first=True, norm_first=True)
        self.layers = nn.TransformerEncoder(layer, layers, nn.LayerNorm(width), enable_nested_tensor=False)
        self.heads = nn.ModuleList(nn.Linear(width, cast(int, s[1]) + 1) for s in self.rows.values())
        for head in self.heads:
            nn.init.zeros_(cast(nn.Linear, head).weight)
            nn.init.zeros_(cast(nn.Linear, head).bias)

    def forward(self, signals: Float[Tensor, "nets channels points"]) -> Float[Tensor, "nets entries"]:
        """Rows of weights, in the order of the start's."""
        images = signals.unflatten(2, self.shape)
        patches = nn.functional.unfold(images, self.patch, stride=self.patch).mT
        read = self.read(patches) + self.places
        tokens = self.layers(torch.cat([read, self.neurons.expand(len(signals), -1, -1)], 1))[:, read.shape[1] :]
        sizes, changes = [cast(int, shape[0]) for shape in self.rows.values()], {}
        for name, head, own in zip(self.matrices, self.heads, tokens.split(sizes, 1), strict=True):
            written = head(own)
            changes[name], changes[_bias(name)] = written[..., :-1], written[..., -1]
        return self.start.start.detach() + self.units * (self.shift + self.start.vectors.rows(changes))


def _bias(matrix: str) -> str:
    return matrix.removesuffix("weight") + "bias"


def train_transformer(
    transformer: PatchTransformer,
    signals: Signals,
    config: StartConfig,
    told: Callable[[int, float], object] = lambda *_: None,
) -> PatchTransformer:
    """Make the mean error of the nets that it writes small, on the training signals.

    Not its logarithm, as for starts: that is smallest where some signals are shown exactly and others not at all.
    """
    start = transformer.start
    inner = {id(p) for p in start.parameters()}
    own = [p for p in transformer.parameters() if id(p) not in inner]
    groups = [{"params": own, "lr": config.learning_rate, "clip": True}]

    def loss(targets: Tensor) -> Tensor:
        return start.loss(transformer(targets), targets)

    minimize(groups, loss, signals, config, told, logarithm=False)
    return transformer.eval()
