"""The weights that a net starts from."""

import math

import torch
from torch import Tensor

from weightspace.nets.net import Net

from .layout import Layout
from .trial import Trial

SPREAD = 0.05


def draw_weights(net: Net, layout: Layout, trial: Trial) -> Tensor:
    """Draws one flat row on the CPU from the trial's own generator, the same on every device.

    ``default`` is the net's own rule (``torch.nn``'s; SIREN's for a SIREN). ``xavier`` and ``he`` are normal with
    variance ``2 / (fan_in + fan_out)`` and ``2 / fan_in``; ``orthogonal`` has orthonormal rows or columns; ``normal``,
    ``truncated`` (at two deviations) and ``uniform`` have spread 0.05. All weights are multiplied by ``init_scale``.

    Shapes:
        out: ``[parameters]``.
    """
    generator = torch.Generator().manual_seed(trial.init_seed)
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
    return torch.cat(rows)


def draw_matrix(init: str, shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
    """Draws one weight by a named rule."""
    fan_in, fan_out = math.prod(shape[1:]), shape[0] * math.prod(shape[2:])
    if init == "uniform":
        return (torch.rand(shape, generator=generator) * 2 - 1) * SPREAD
    if init == "truncated":
        low, high = (1 + math.erf(-math.sqrt(2))) / 2, (1 + math.erf(math.sqrt(2))) / 2
        u = torch.rand(shape, generator=generator) * (high - low) + low
        return torch.erfinv(2 * u - 1) * math.sqrt(2) * SPREAD
    normal = torch.randn(shape, generator=generator)
    if init == "orthogonal":
        return _orthonormal(normal.reshape(shape[0], -1)).reshape(shape)
    return normal * {"xavier": math.sqrt(2 / (fan_in + fan_out)), "he": math.sqrt(2 / fan_in), "normal": SPREAD}[init]


def _orthonormal(matrix: Tensor) -> Tensor:
    tall = matrix if matrix.shape[0] >= matrix.shape[1] else matrix.T
    q, r = torch.linalg.qr(tall)
    q = q * r.diagonal().sign()
    return q if matrix.shape[0] >= matrix.shape[1] else q.T


def draw_buffers(net: Net, layout: Layout, nets: int) -> dict[str, Tensor]:
    """The buffers of ``nets`` fresh nets, ``[nets, ...]``."""
    buffers = dict(net.named_buffers())
    return {name: buffers[name].repeat(nets, *[1] * buffers[name].dim()) for name in layout.buffers}
