"""Every architecture that the contract of tracing is tested on: a new one is a new row."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import torch
from torch import Tensor, nn

from tests.space.nets import layered, sequential
from weightspace.space import WeightSpace


@dataclass(frozen=True)
class Architecture:
    """A small module with example inputs.

    Args:
        build: gives both; its name is the architecture's. train: trace it in train mode.
        moves: the least fraction of the parameters that must move.
    """

    build: Callable[[], tuple[nn.Module, tuple[Tensor, ...]]]
    train: bool = False
    moves: float = 0.95

    @property
    def name(self) -> str:
        """Unique in the list."""
        return self.build.__name__ + (".train" if self.train else "")

    def make(self) -> tuple[nn.Module, tuple[Tensor, ...]]:
        """Module and inputs, the same at every call."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            module, args = self.build()
        return module.train(self.train), args


ARCHITECTURES = (
    Architecture(layered.mlp),
    Architecture(layered.relu_mlp),
    Architecture(layered.siren),
    Architecture(layered.lenet),
    Architecture(layered.residual),
    Architecture(layered.residual, train=True),
    Architecture(layered.grouped_transposed),
    Architecture(layered.one_and_three_dimensions),
    Architecture(layered.norms),
    Architecture(layered.batch_norms, train=True),
    Architecture(layered.glu),
    Architecture(layered.swiglu),
    Architecture(layered.squeeze_excitation),
    Architecture(layered.dense),
    Architecture(layered.multi_branch),
    Architecture(layered.shuffles),
    Architecture(layered.pooling_and_padding),
    Architecture(layered.padded_channels),
    Architecture(layered.patches),
    Architecture(layered.soft_mixture),
    Architecture(layered.weight_norm),
    Architecture(layered.spectral_norm),
    Architecture(layered.prelu),
    Architecture(layered.bilinear),
    Architecture(layered.written_in_place),
    Architecture(layered.fourier),
    Architecture(layered.sorted_neurons, moves=0.7),  # sorted, a neuron's place decides what it does
    Architecture(layered.local_response, moves=0.0),
    Architecture(sequential.vit_block),
    Architecture(sequential.multi_head_attention),
    Architecture(sequential.cross_attention),
    Architecture(sequential.encoder),
    Architecture(sequential.encoder, train=True),
    Architecture(sequential.encoder_norm_first, train=True),
    Architecture(sequential.transformer),
    Architecture(sequential.rotary_grouped_queries),
    Architecture(sequential.relative_positions),
    Architecture(sequential.windowed_attention),
    Architecture(sequential.gru),
    Architecture(sequential.lstm),
    Architecture(sequential.projected_lstm),
    Architecture(sequential.rnn),
    Architecture(sequential.gru_cell),
    Architecture(sequential.lstm_cell),
    Architecture(sequential.unrolled),
    Architecture(sequential.tied, moves=0.93),  # one layer is never read
    Architecture(sequential.embedding_bag),
)

BY_NAME = {architecture.name: architecture for architecture in ARCHITECTURES}


@cache
def traced(name: str) -> WeightSpace:
    """The space of an architecture, verified; traced once a test process."""
    module, args = BY_NAME[name].make()
    return WeightSpace.trace(module, *args)


def weights_of(name: str, nets: int | None = None) -> dict[str, Tensor]:
    """Weights in general position, float64: each tensor of the architecture plus noise of its own."""
    module, _ = BY_NAME[name].make()
    generator = torch.Generator().manual_seed(1)
    drawn: dict[int, Tensor] = {}
    weights = {}
    for key, tensor in module.state_dict(keep_vars=True).items():
        if id(tensor) not in drawn:  # tied tensors stay equal
            lead = tensor.detach().expand((*(() if nets is None else (nets,)), *tensor.shape))
            noise = 0.3 * torch.rand(lead.shape, generator=generator, dtype=torch.float64)
            drawn[id(tensor)] = lead.double() + noise if tensor.is_floating_point() else lead.clone()
        weights[key] = drawn[id(tensor)]
    return weights
