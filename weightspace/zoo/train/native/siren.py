"""Loss and gradient of a stack of SIRENs on a CPU, by compiled code."""

import ctypes
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor

from weightspace.machine.compiler import load_native
from weightspace.nets.siren import SIREN
from weightspace.nets.stacked.flatlayout import FlatLayout

SOURCE = Path(__file__).with_name("siren.c")
STRIP = 32  # points that siren.c takes at a time


class NativeSirenGradient:
    """``SirenGradient`` in C, for float32 on a CPU; ``fits`` says whether it can be had.

    All of a net's step happens in the fastest cache, a strip of points at a time, with sines and cosines from one
    range reduction. SIREN 2-32-32-1 on 28x28 took 48 microseconds a net and step where ``SirenGradient`` took 270, on
    one of two cores, the other busy. A net's gradient does not depend on the stack that it is in, bit for bit.
    """

    def __init__(self, net: SIREN, coordinates: Float[Tensor, "points axes"]):
        config, self.layout, self.device = net.config, FlatLayout.of(net), coordinates.device
        self.points, self.channels, self.shift = len(coordinates), config.out_features, config.output_shift
        widths = [config.in_features, *config.hidden, config.out_features]
        self.layers = len(widths) - 1
        names = [f"linears.{layer}.{kind}" for layer in range(self.layers) for kind in ("weight", "bias")]
        assert list(self.layout.names) == names
        self.widths = (ctypes.c_long * len(widths))(*widths)
        self.w0 = (ctypes.c_float * self.layers)(config.w0, *[config.w0_hidden] * (self.layers - 2), 1.0)
        self.coordinates = torch.zeros(-(-self.points // STRIP) * STRIP, config.in_features)
        self.coordinates[: self.points] = coordinates
        native = load_native(SOURCE)
        assert native is not None
        native.siren_memory.restype = ctypes.c_long
        size = native.siren_memory(ctypes.c_long(self.layers), self.widths, self.w0)
        self.memory, self.run = torch.empty(size // 4), native.siren_stack

    @classmethod
    def fits(cls, net: SIREN, coordinates: Tensor) -> bool:
        """Whether there are a CPU, float32, few enough layers and a C compiler."""
        plain = coordinates.device.type == "cpu" and coordinates.dtype == torch.float32
        return plain and 1 <= len(net.config.hidden) < 32 and load_native(SOURCE) is not None

    def loss(
        self, flat: Float[Tensor, "nets parameters"], targets: Float[Tensor, "nets channels points"]
    ) -> Float[Tensor, " nets"]:
        """Mean squared error of every net."""
        return self._call(flat, targets, None)

    def __call__(
        self, flat: Float[Tensor, "nets parameters"], targets: Float[Tensor, "nets channels points"]
    ) -> tuple[Float[Tensor, "nets parameters"], Float[Tensor, " nets"]]:
        """Gradient and loss of every net."""
        grad = torch.empty_like(flat, memory_format=torch.contiguous_format)
        return grad, self._call(flat, targets, grad)

    def _call(self, flat: Tensor, targets: Tensor, grad: Tensor | None) -> Tensor:
        nets, losses = len(flat), flat.new_empty(len(flat))
        assert flat.shape == (nets, self.layout.numel) and targets.shape == (nets, self.channels, self.points)
        assert flat.dtype == targets.dtype == torch.float32
        tensors = (self.coordinates, flat.contiguous(), targets.contiguous(), grad, losses, self.memory)
        self.run(
            *(ctypes.c_long(number) for number in (nets, self.points, self.layers)),
            self.widths,
            self.w0,
            ctypes.c_float(self.shift),
            *(ctypes.c_void_p(None if tensor is None else tensor.data_ptr()) for tensor in tensors),
        )
        return losses
