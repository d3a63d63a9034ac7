"""States of optimizers that are float32 whatever their parameters are."""

from typing import Any

import torch
from torch import Tensor


def keep_types(optimizer: torch.optim.Optimizer, state_dict: dict[str, Any]) -> None:
    """Bring back what ``load_state_dict`` has rounded: PyTorch casts states to the types of their parameters."""
    params = [param for group in optimizer.param_groups for param in group["params"]]
    names = [name for group in state_dict["param_groups"] for name in group["params"]]
    for param, name in zip(params, names, strict=True):
        for key, value in state_dict["state"].get(name, {}).items():
            if isinstance(value, Tensor):
                optimizer.state[param][key] = value.detach().to(optimizer.state[param][key].device, copy=True)
