"""The weights that a net starts from."""

import copy
import math

import torch
from torch import Tensor, nn

from weightspace.nets import Net
from weightspace.nets.stacked.flatlayout import FlatLayout
from weightspace.zoo.recipe.trial import Trial
from weightspace.zoo.train.lsuv import scale_layers

SPREAD = 0.05


def draw_weights(net: nn.Module, layout: FlatLayout, trial: Trial, batch: Tensor | None = None) -> Tensor:
    """Draws one flat row on the CPU from the trial's own generator, the same on every device.

    ``default`` is the net's own rule (``torch.nn``'s; SIREN's for a SIREN). ``xavier`` and ``he`` are normal with
    variance ``2 / (fan_in + fan_out)`` and ``2 / fan_in``; ``orthogonal`` has orthonormal rows or columns; ``normal``,
    ``truncated`` (at two deviations) and ``uniform`` have spread 0.05; ``lsuv`` is ``orthogonal``, then scaled layer by
    layer to unit variance on ``batch``; ``zero`` is ZerO (Zhao et al. 2022: parts of identity and Hadamard matrices,
    nothing random). All weights are multiplied by ``init_scale``. A net factory's ``default`` is what its module draws.

    Shapes:
        out: ``[parameters]``.
    """
    generator = torch.Generator().manual_seed(trial.init_seed)
    if not isinstance(net, Net):
        return _draw_own(layout, trial, generator, batch)
    parameters = dict(net.named_parameters())
    rows = []
    for name, shape in zip(layout.names, layout.shapes, strict=True):
        bound = net.default_bound(name)
        if bound is None:
            rows.append(parameters[name].detach().flatten())
        elif trial.train.init == "default" or "." not in name:  # a bare parameter keeps the net's own rule
            scale = trial.train.init_scale if len(shape) > 1 else 1.0
            rows.append((torch.rand(math.prod(shape), generator=generator) * 2 - 1) * bound * scale)
        elif len(shape) == 1:
            rows.append(torch.zeros(shape))
        else:
            rows.append(draw_matrix(trial.train.init, shape, generator).flatten() * trial.train.init_scale)
    row = torch.cat(rows)
    return _lsuv(net, layout, row, batch, trial.train.init_scale) if trial.train.init == "lsuv" else row


def _draw_own(layout: FlatLayout, trial: Trial, generator: torch.Generator, batch: Tensor | None) -> Tensor:
    """A factory's net as it draws itself; rules other than ``default`` replace its matrices and zero its biases."""
    net = trial.architecture.build(trial.init_seed)
    drawn, rows = dict(net.named_parameters()), []
    for name, shape in zip(layout.names, layout.shapes, strict=True):
        row = drawn[name].detach().flatten()
        if len(shape) > 1 and trial.train.init != "default":
            row = draw_matrix(trial.train.init, shape, generator).flatten()
        elif trial.train.init != "default" and name.endswith("bias"):
            row = torch.zeros_like(row)
        rows.append(row * trial.train.init_scale if len(shape) > 1 else row)
    row = torch.cat(rows)
    return _lsuv(net, layout, row, batch, trial.train.init_scale) if trial.train.init == "lsuv" else row


def _lsuv(net: nn.Module, layout: FlatLayout, row: Tensor, batch: Tensor | None, scale: float) -> Tensor:
    assert batch is not None
    net = copy.deepcopy(net).eval()
    start = {name: tensor[0] for name, tensor in layout.views(row.unsqueeze(0) / scale).items()}
    net.load_state_dict({**net.state_dict(), **start})
    scale_layers(net, batch)
    named = dict(net.named_parameters())
    return torch.cat([(named[n] * (scale if named[n].dim() > 1 else 1)).detach().flatten() for n in layout.names])


def draw_matrix(init: str, shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
    """Draws one weight by a named rule."""
    fan_in, fan_out = math.prod(shape[1:]), shape[0] * math.prod(shape[2:])
    if init == "uniform":
        return (torch.rand(shape, generator=generator) * 2 - 1) * SPREAD
    if init == "truncated":
        low, high = (1 + math.erf(-math.sqrt(2))) / 2, (1 + math.erf(math.sqrt(2))) / 2
        u = torch.rand(shape, generator=generator) * (high - low) + low
        return torch.erfinv(2 * u - 1) * math.sqrt(2) * SPREAD
    if init == "zero":
        return _identity(shape)
    normal = torch.randn(shape, generator=generator)
    if init in ("orthogonal", "lsuv"):
        return _orthonormal(normal.reshape(shape[0], -1)).reshape(shape)
    return normal * {"xavier": math.sqrt(2 / (fan_in + fan_out)), "he": math.sqrt(2 / fan_in), "normal": SPREAD}[init]


def _identity(shape: tuple[int, ...]) -> Tensor:
    rows, columns = shape[:2]
    matrix = torch.eye(rows, columns)
    if rows > columns:
        size = 2 ** math.ceil(math.log2(rows))
        hadamard = torch.ones(1, 1)
        while len(hadamard) < size:
            hadamard = torch.cat([torch.cat([hadamard, hadamard], 1), torch.cat([hadamard, -hadamard], 1)])
        matrix = torch.eye(rows, size) @ (hadamard / math.sqrt(size)) @ torch.eye(size, columns)
    weight = torch.zeros(shape)
    weight[(slice(None), slice(None), *(size // 2 for size in shape[2:]))] = matrix
    return weight


def _orthonormal(matrix: Tensor) -> Tensor:
    tall = matrix if matrix.shape[0] >= matrix.shape[1] else matrix.T
    q, r = torch.linalg.qr(tall)
    q = q * r.diagonal().sign()
    return q if matrix.shape[0] >= matrix.shape[1] else q.T


def draw_buffers(net: nn.Module, layout: FlatLayout, nets: int) -> dict[str, Tensor]:
    """The buffers of ``nets`` fresh nets, ``[nets, ...]``."""
    buffers = dict(net.named_buffers())
    return {name: buffers[name].repeat(nets, *[1] * buffers[name].dim()) for name in layout.buffers}
