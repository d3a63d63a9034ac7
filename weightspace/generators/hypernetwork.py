"""Weights as a function of hyperparameters or of a task, for any module."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from weightspace.generators.writers.chunks import ChunkWriter
from weightspace.generators.writers.heads import HeadWriter, key_of

WRITERS = ("heads", "chunks", "chained")


class Hypernetwork(nn.Module):
    r"""A module whose weights depend on hyper-inputs, many of them at once.

    $\theta(z) = \theta_0 + H\,\phi(\cos\tfrac{\pi}{2}z, \sin\tfrac{\pi}{2}z)$: the encoding has the same size for every
    $z$ and the module's own weights are added, so that outputs don't grow with inputs. Ortiz, Guttag and Dalca 2023,
    "Magnitude invariant parametrizations improve hypernetwork learning", equations 6 to 8. All parameters are written,
    biases and those of norms too.

    Three ways to write them: ``heads``, one for each tensor, and one in chunks for large ones (`HeadWriter`);
    ``chunks``, all weights in equal chunks by one net, which can be smaller than the module (`ChunkWriter`); and
    ``chained``, the same with a recurrent net, so that later layers depend on earlier ones.

    Args:
        module: what is computed; its weights are where training starts.
        inputs: the range of each hyper-input by name, ``{"dropout": (0, 0.5)}``.
        width: of the hidden layers.
        chunk: width of the chunks' embeddings.
        writer: ``heads``, ``chunks`` or ``chained``.
        entries: of a chunk of the latter two.

    Raises:
        ValueError: no hyper-input, a range that isn't one, a module without parameters, an unknown writer.

    Example::

        net = hypernetize(model, {"log_decay": (-6, 0)})
        out = net(x, log_decay=torch.linspace(-6, 0, 256))  # [256, batch, ...]
    """

    def __init__(
        self,
        module: nn.Module,
        inputs: Mapping[str, tuple[float | int, float | int]],
        width: int = 64,
        chunk: int = 16,
        writer: str = "heads",
        entries: int = 4096,
    ):
        super().__init__()
        self.ranges = {name: (float(low), float(high)) for name, (low, high) in _checked(inputs).items()}
        self.module = module
        own = dict(module.named_parameters())
        if not own:
            raise ValueError(f"The module must have parameters, got a {type(module).__name__} without any.")
        if writer not in WRITERS:
            raise ValueError(f"The writer must be one of {', '.join(WRITERS)}, got {writer!r}.")
        self.base = nn.ParameterDict({key_of(name): nn.Parameter(p.detach().clone()) for name, p in own.items()})
        for parameter in module.parameters():
            parameter.requires_grad_(False)
        shapes, features = {name: tuple(p.shape) for name, p in own.items()}, 2 * len(self.ranges)
        self.writer = (
            HeadWriter(shapes, features, width, chunk)
            if writer == "heads"
            else ChunkWriter(shapes, features, width, chunk, entries, chained=writer == "chained")
        )

    def weights(self, **inputs: float | Tensor) -> dict[str, Tensor]:
        """The parameters for each of ``n`` hyper-inputs.

        Args:
            inputs: every hyper-input by name, a number or ``[n]``.

        Shapes:
            out: ``[n, *shape]`` by name.

        Raises:
            ValueError: a hyper-input is missing, unknown, or outside the range that was given for it.
        """
        changes = self.writer(self.encoded(inputs))
        return {name: self.base[key_of(name)] + change for name, change in changes.items()}

    def forward(self, *args: Any, **inputs: float | Tensor) -> Any:
        """The module's output for every hyper-input, ``[n, ...]``; all see the same arguments.

        Dropout draws for every hyper-input by itself; running statistics of batch norm are read, not written.
        """
        return self.run(self.weights(**inputs), *args)

    def run(self, weights: Mapping[str, Tensor], *args: Any, per_input: bool = False) -> Any:
        """The module's output with weights ``[n, ...]``; ``per_input`` where arguments too have a leading ``n``."""
        buffers = dict(self.module.named_buffers())

        def one(weights: dict[str, Tensor], *args: Any) -> Any:
            return torch.func.functional_call(self.module, {**buffers, **weights}, args)

        axes = tuple(0 if per_input else None for _ in args)
        return torch.func.vmap(one, in_dims=(0, *axes), randomness="different")(dict(weights), *args)

    def fixed(self, **inputs: float) -> nn.Module:
        """The module with the weights of one hyper-input, in place; it can be saved and used by itself."""
        weights = {name: tensor[0].detach() for name, tensor in self.weights(**inputs).items()}
        self.module.load_state_dict({**self.module.state_dict(), **weights})
        return self.module

    def encoded(self, inputs: Mapping[str, float | Tensor]) -> Float[Tensor, "n features"]:
        """Hyper-inputs as points on circles, each of size 1."""
        odd = sorted(set(inputs) ^ set(self.ranges))
        if odd:
            raise ValueError(f"The hyper-inputs must be {', '.join(self.ranges)}, got {', '.join(inputs) or 'none'}.")
        like = next(iter(self.base.values()))
        columns = [self._unit(name, torch.as_tensor(inputs[name], dtype=like.dtype, device=like.device)) for name in
                   self.ranges]  # fmt: skip
        z = torch.stack(torch.broadcast_tensors(*columns), -1) * (math.pi / 2)
        return torch.cat([z.cos(), z.sin()], -1)

    def _unit(self, name: str, value: Tensor) -> Tensor:
        low, high = self.ranges[name]
        value = value.reshape(1) if value.ndim == 0 else value
        if value.ndim != 1:
            raise ValueError(f"Hyper-input {name} must be a number or a vector, got shape {list(value.shape)}.")
        slack = 1e-6 * (high - low)
        outside = value[~((value >= low - slack) & (value <= high + slack))]
        if outside.numel():
            raise ValueError(f"Hyper-input {name} must lie between {low:g} and {high:g}, got {float(outside[0]):g}.")
        return (value - low) / (high - low)


def hypernetize(
    module: nn.Module, inputs: Mapping[str, tuple[float | int, float | int]] | Sequence[str], **settings: Any
) -> Hypernetwork:
    """A `Hypernetwork` around a module.

    Args:
        module: any; its weights are where training starts.
        inputs: the range of each hyper-input by name; names alone have the range 0 to 1.
        settings: of `Hypernetwork`.
    """
    ranges = inputs if isinstance(inputs, Mapping) else dict.fromkeys(inputs, (0.0, 1.0))
    return Hypernetwork(module, ranges, **settings)


def _checked(inputs: Mapping[str, tuple[float | int, float | int]]) -> Mapping[str, tuple[float | int, float | int]]:
    if not inputs:
        raise ValueError("There must be one hyper-input at least, got none.")
    for name, (low, high) in inputs.items():
        if not (math.isfinite(low) and math.isfinite(high) and low < high):
            raise ValueError(f"The range of {name} must be two finite numbers in order, got {low} and {high}.")
    return inputs
