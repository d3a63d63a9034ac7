"""Probes: learned inputs sent through the nets themselves, and what they answer."""

from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from typing import TypeVar

import torch
from torch import Tensor, nn
from torch.func import functional_call, vmap
from torch_geometric.data import Batch, Data

from weightspace.graphs import by_skeleton, from_graph, skeleton
from weightspace.metanets.base import SingleMetanet, unknown_space
from weightspace.metanets.config import MetanetConfig
from weightspace.metanets.frames.make import check_finite
from weightspace.metanets.statnet import hidden_layers
from weightspace.space import WeightSpace

LIMIT = 1e15
"""Answers are clamped here, so that a net with extreme weights stays finite."""


@dataclass(frozen=True)
class ProbeNetConfig(MetanetConfig):
    """Configuration of `ProbeNet`.

    Args:
        input_shape: shape of one input of the nets.
        output_size: numbers that a net answers to one input.
        probes: learned inputs.
        latent: size of the vectors that a linear generator makes them from; 1 learns the inputs themselves. width,
            layers, dropout: of the perceptron that reads the answers.
    """

    input_shape: tuple[int, ...] = (2,)
    output_size: int = 1
    probes: int = 64
    latent: int = 32
    width: int = 256
    layers: int = 2
    dropout: float = 0.1

    def __post_init__(self) -> None:
        super().__post_init__()
        if len(self.spaces) != 1:
            raise ValueError(f"A ProbeNet runs one module, so spaces must be one weight space, got {len(self.spaces)}.")
        if not self.input_shape or min(self.input_shape) < 1:
            raise ValueError(f"input_shape must be the shape of one input, got {self.input_shape}.")


P = TypeVar("P", bound="ProbeNet")


class ProbeNet(SingleMetanet):
    """Learned inputs go through the nets, a perceptron reads the outputs; invariant to all that keeps the function.

    The inputs come from a deep linear generator without activations. Horwitz et al. 2025, "Deep linear probe generators
    for weight space learning" (ProbeGen), section 3. The module that runs the nets isn't saved: give it again when
    loading, ``ProbeNet.from_pretrained(path, module=net)``.

    Args:
        config: the configuration.
        module: any module of the architecture, called as ``module(inputs)``; its own weights aren't used.

    Example::

        metanet = ProbeNet.for_module(net, space, net.example_inputs()[0], outputs=2)
    """

    Config = ProbeNetConfig
    symmetries = ("permutation", "scale", "sign")

    def __init__(self, config: ProbeNetConfig, module: nn.Module | None = None):
        super().__init__(config)
        self.runs = [module.eval()] if module is not None else []  # in a list: its weights are none of the metanet's
        size = int(torch.tensor(config.input_shape).prod())
        self.seeds = nn.Parameter(torch.randn(config.probes, config.latent))
        self.generator = nn.Sequential(
            nn.Linear(config.latent, config.latent, bias=False), nn.Linear(config.latent, size)
        )
        self.first = nn.Linear(config.probes * config.output_size, config.width)
        self.rest = hidden_layers(config.width, config.layers - 1, config.outputs, config.dropout)

    @classmethod
    def for_module(cls: type[P], module: nn.Module, space: WeightSpace, inputs: Tensor, **settings: object) -> P:
        """A metanet for nets that ``module`` can run; shapes are read from a call with a batch of ``inputs``."""
        with torch.no_grad():
            answer = module.eval()(inputs)
        shapes = {"input_shape": tuple(inputs.shape[1:]), "output_size": answer[0].numel()}
        return cls(cls.Config(spaces=(space,), **{**shapes, **settings}), module)

    def inputs(self) -> Tensor:
        """The learned inputs, ``[probes, *input_shape]``."""
        return self.generator(self.seeds).reshape(-1, *self.config.input_shape)

    def learn_inputs(self, weights: Mapping[WeightSpace, Mapping[str, Tensor]]) -> None:
        """Nothing: the nets' answers are read as they come."""

    def forward(self, graph: Data | Batch) -> Tensor:
        if not self.runs:
            raise ValueError(
                "A ProbeNet needs the module that runs the nets: ProbeNet.from_pretrained(path, module=net). A "
                "ProbeNet whose domain says how one architecture is built finds it by itself in predict."
            )
        for nets, group in by_skeleton(graph):
            check_finite(group, nets)
            space = group.space[0] if isinstance(group, Batch) else group.space
            if skeleton(space) != skeleton(self.spaces[0]):
                raise unknown_space(self, space)
            self._see_that_the_module_runs(space)
        weights = from_graph(graph)
        if not isinstance(graph, Batch):
            weights = {name: tensor[None] for name, tensor in weights.items()}
        answers = self.answers(weights).flatten(1).nan_to_num(nan=0.0).clamp(-LIMIT, LIMIT)
        return self.rest(self.first(answers.asinh()))

    def _see_that_the_module_runs(self, space: WeightSpace) -> None:
        """Weights of the same shapes are another function where another activation stands between them."""
        for site, own in zip(space.sites, self.spaces[0].sites, strict=True):
            if (site.activation, dict(site.settings)) != (own.activation, dict(own.settings)):
                raise ValueError(
                    f"A ProbeNet sends its inputs through the module that it was made with, whose activation at "
                    f"{own.name!r} is {own.activation} {dict(own.settings)}, got nets with {site.activation} "
                    f"{dict(site.settings)}. Make one for them with for_module()."
                )

    def answers(self, weights: Mapping[str, Tensor]) -> Tensor:
        """What each net answers to each input, ``[nets, probes, ...]``, in the floating type of its own weights."""
        like = next(tensor for tensor in weights.values() if tensor.is_floating_point())
        module, inputs = self.runs[0], self.inputs().to(like.dtype)
        plain = torch.autocast(like.device.type, enabled=False) if not like.is_meta else nullcontext()
        with plain:
            return vmap(lambda own: functional_call(module, own, (inputs,)))(dict(weights))
