"""The plainest forecast: weights go on as they went."""

from collections.abc import Mapping

import torch
from jaxtyping import Float
from torch import Tensor, nn

from weightspace.space import WeightSpace


class Extrapolation(nn.Module):
    """Forecasts by the mean difference of the last states, times the horizon, times a share; it has no parameters.

    Args:
        share: of the straight line that is gone; 1 is linear extrapolation.
    """

    def __init__(self, share: float = 1.0):
        super().__init__()
        self.share = share

    def forward(
        self,
        space: WeightSpace | None,
        states: Mapping[str, Float[Tensor, "nets states ..."]],
        ahead: float | int | Tensor,
    ) -> dict[str, Tensor]:
        """As `Forecaster`; the space isn't read."""
        del space
        found = {}
        for name, tensor in states.items():
            far = torch.as_tensor(ahead, dtype=tensor.dtype, device=tensor.device).expand(len(tensor))
            line = (tensor[:, -1] - tensor[:, 0]) / (tensor.shape[1] - 1)
            found[name] = self.share * far.view(-1, *[1] * (line.ndim - 1)) * line
        return found
