"""Rules where the parameters are that they move."""

import copy
from typing import TypeVar

from torch import Tensor, nn

M = TypeVar("M", bound=nn.Module)


def beside(rule: M, param: Tensor) -> M:
    """The rule on the device of a parameter: itself, or a copy that lies there."""
    kept = next((tensor for tensor in (*rule.parameters(), *rule.buffers())), None)
    return rule if kept is None or kept.device == param.device else copy.deepcopy(rule).to(param.device)
