"""Weights as a function of hyperparameters or of a task, for any module."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

MOST_CHUNK = 4096
"""Entries that one head writes; larger tensors are written in chunks of this size by a head that they share."""


class Hypernetwork(nn.Module):
    r"""A module whose weights depend on hyper-inputs, many of them at once.

    $\theta(z) = \theta_0 + H\,\phi(\cos\tfrac{\pi}{2}z, \sin\tfrac{\pi}{2}z)$: the encoding has the same size for every
    $z$ and the module's own weights are added, so that outputs don't grow with inputs. Ortiz, Guttag and Dalca 2023,
    "Magnitude invariant parametrizations improve hypernetwork learning", equations 6 to 8. All parameters are written,
    biases and those of norms too. Tensors over `MOST_CHUNK` entries are written in chunks by one shared head with an
    embedding for each chunk (von Oswald et al. 2020, "Continual learning with hypernetworks", section 2.2).

    Args:
        module: what is computed; its weights are where training starts.
        inputs: the range of each hyper-input by name, ``{"dropout": (0, 0.5)}``.
        width: of the two hidden layers of the body.
        chunk: width of the chunks' embeddings.

    Example::

        net = hypernetize(model, {"log_decay": (-6, 0)})
        out = net(x, log_decay=torch.linspace(-6, 0, 256))  # [256, batch, ...]
    """

    def __init__(
        self, module: nn.Module, inputs: Mapping[str, tuple[float | int, float | int]], width: int = 64, chunk: int = 16
    ):
        super().__init__()
        self.ranges = {name: (float(low), float(high)) for name, (low, high) in _checked(inputs).items()}
        self.module = module
        own = dict(module.named_parameters())
        if not own:
            raise ValueError(f"The module must have parameters, got a {type(module).__name__} without any.")
        self.shapes = {name: tuple(p.shape) for name, p in own.items()}
        self.base = nn.ParameterDict({_key(name): nn.Parameter(p.detach().clone()) for name, p in own.items()})
        for parameter in module.parameters():
            parameter.requires_grad_(False)
        self.body = nn.Sequential(
            nn.Linear(2 * len(self.ranges), width), nn.LeakyReLU(), nn.Linear(width, width), nn.LeakyReLU()
        )
        small = [name for name, p in own.items() if p.numel() <= MOST_CHUNK]
        self.heads = nn.ModuleDict({_key(name): _quiet(nn.Linear(width, own[name].numel())) for name in small})
        counts = {name: math.ceil(p.numel() / MOST_CHUNK) for name, p in own.items() if name not in small}
        self.chunks = nn.ParameterDict({_key(name): nn.Parameter(torch.randn(n, chunk)) for name, n in counts.items()})
        self.shared = _quiet(nn.Linear(width * chunk, MOST_CHUNK)) if counts else None

    def weights(self, **inputs: float | Tensor) -> dict[str, Tensor]:
        """The parameters for each of ``n`` hyper-inputs.

        Args:
            inputs: every hyper-input by name, a number or ``[n]``.

        Shapes:
            out: ``[n, *shape]`` by name.

        Raises:
            ValueError: a hyper-input is missing, unknown, or outside the range that was given for it.
        """
        h = self.body(self.encoded(inputs))
        found = {}
        for name, shape in self.shapes.items():
            key = _key(name)
            change = self.heads[key](h) if key in self.heads else self._in_chunks(h, key, math.prod(shape))
            found[name] = self.base[key] + change.view(len(h), *shape)
        return found

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

    def _in_chunks(self, h: Float[Tensor, "n width"], key: str, entries: int) -> Float[Tensor, "n entries"]:
        assert self.shared is not None
        outer = (h[:, None, :, None] * self.chunks[key][None, :, None, :]).flatten(2) / self.chunks[key].shape[1] ** 0.5
        return self.shared(outer).flatten(1)[:, :entries]


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


def _quiet(linear: nn.Linear) -> nn.Linear:
    """A head that changes weights by a hundredth of their usual size at first."""
    with torch.no_grad():
        linear.weight.mul_(0.01)
        linear.bias.zero_()
    return linear


def _key(name: str) -> str:
    return name.replace(".", "/")


def _checked(inputs: Mapping[str, tuple[float | int, float | int]]) -> Mapping[str, tuple[float | int, float | int]]:
    if not inputs:
        raise ValueError("There must be one hyper-input at least, got none.")
    for name, (low, high) in inputs.items():
        if not (math.isfinite(low) and math.isfinite(high) and low < high):
            raise ValueError(f"The range of {name} must be two finite numbers in order, got {low} and {high}.")
    return inputs
