"""Momentum with orthogonal directions for matrices, and Adam for the rest: what a learned rule has to beat."""

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor

from weightspace.optimizers.orthogonal import orthogonalized
from weightspace.optimizers.resume import keep_types
from weightspace.optimizers.settings import check_settings

MOMENTUM, BETA1, BETA2, EPS = 0.95, 0.9, 0.999, 1e-8


class NewtonSchulz(torch.optim.Optimizer):
    """Every tensor with two axes or more moves by the rate times an orthogonal direction of unit root mean square.

    The direction is momentum .95 with Nesterov's look ahead, made orthogonal by Newton-Schulz iteration (Jordan et al.
    2024, "Muon: An optimizer for hidden layers in neural networks"); kernels count as matrices ``[out, in * kernel]``,
    last layers and embeddings too. Biases and scales of norms move as in Adam. One rate serves all.

    Args:
        params: parameters or groups of them.
        lr: the rate.
        weight_decay: decoupled, times the rate.

    Example::

        optimizer = NewtonSchulz(model.parameters(), lr=3e-3)
    """

    def __init__(self, params: Iterable[Any], lr: float = 1e-3, weight_decay: float = 0.0):
        check_settings(lr=lr, weight_decay=weight_decay)
        super().__init__(params, {"lr": lr, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Moves all parameters that have a gradient, by one step.

        Raises:
            ValueError: a gradient isn't finite. Nothing was moved then.
        """
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        work = [
            (group, p, p.grad.float()) for group in self.param_groups for p in group["params"] if p.grad is not None
        ]
        for _, param, gradient in work:
            if not bool(gradient.isfinite().all()):
                raise ValueError(
                    f"Gradients must be finite, got NaN or infinity in a parameter of shape {list(param.shape)}. "
                    "Nothing was moved; lower the rate or clip, or leave this step out."
                )
        for group, param, gradient in work:
            way = (self._turned if param.ndim >= 2 else self._adam)(param, gradient)
            param.mul_(1 - group["lr"] * group["weight_decay"])
            param.add_(way.to(param.dtype), alpha=-float(group["lr"]))
        return loss

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        super().load_state_dict(state_dict)
        keep_types(self, state_dict)

    def _turned(self, param: Tensor, gradient: Tensor) -> Tensor:
        state = self.state[param]
        if not state:
            state["momentum"] = torch.zeros_like(gradient)
        state["momentum"].lerp_(gradient, 1 - MOMENTUM)
        return orthogonalized(gradient.lerp(state["momentum"], MOMENTUM))

    def _adam(self, param: Tensor, gradient: Tensor) -> Tensor:
        state = self.state[param]
        if not state:
            state.update(step=torch.zeros(()), first=torch.zeros_like(gradient), second=torch.zeros_like(gradient))
        state["step"] += 1
        state["first"].lerp_(gradient, 1 - BETA1)
        state["second"].lerp_(gradient.square(), 1 - BETA2)
        step = float(state["step"])
        return state["first"] / (1 - BETA1**step) / ((state["second"] / (1 - BETA2**step)).sqrt() + EPS)
