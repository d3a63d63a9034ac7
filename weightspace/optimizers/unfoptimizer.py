"""An optimizer that sees the whole net."""

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn

from weightspace.optimizers.beside import beside
from weightspace.optimizers.functionalrule import DECAYS, FunctionalRule, FunctionalRuleConfig
from weightspace.optimizers.resume import keep_types
from weightspace.optimizers.settings import check_settings
from weightspace.space import WeightSpace


class UNFOptimizer(torch.optim.Optimizer):
    """Momentum, and a little of what a `FunctionalRule` adds to it: a step is ``lr * (m + residual * f)``.

    ``m`` is the momentum of decay .9. Zhou et al. 2024, "Universal neural functionals", equation 17, with rate .1 and
    residual 1e-4; their hand-written specification of a transformer isn't sound, a traced space is proved.

    Args:
        params: ``module.named_parameters()``, of a module of the rule's weight space.
        rule: the update rule, on any device; where the parameters lie on another one, a copy of it works there.
        lr: the rate.
        residual: times the rule's output.
        weight_decay: decoupled, times the rate.

    Raises:
        ValueError: the parameters aren't those of the rule's weight space; names the first that differs.
    """

    def __init__(
        self,
        params: Iterable[Any],
        rule: FunctionalRule,
        lr: float = 0.1,
        residual: float = 1e-4,
        weight_decay: float = 0.0,
    ):
        check_settings(lr=lr, residual=residual, weight_decay=weight_decay)
        named = list(params)
        _check_names(named, rule.space)
        self.rule, self.names = beside(rule, named[0][1]) if named else rule, [name for name, _ in named]
        super().__init__(
            [parameter for _, parameter in named], {"lr": lr, "residual": residual, "weight_decay": weight_decay}
        )

    @classmethod
    def for_module(cls, module: nn.Module, *example: Tensor, width: int = 16, **settings: Any) -> "UNFOptimizer":
        """An optimizer with a fresh rule for a module, which is traced; without training the rule is noise."""
        space = WeightSpace.trace(module, *example)
        return cls(
            module.named_parameters(), FunctionalRule(FunctionalRuleConfig(spaces=(space,), width=width)), **settings
        )

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Moves all parameters by one step.

        Raises:
            ValueError: a parameter has no gradient, or one that isn't finite. Nothing was moved then.
        """
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        (group,) = self.param_groups
        named = dict(zip(self.names, group["params"], strict=True))
        gradient = {name: _gradient(name, parameter) for name, parameter in named.items()}
        weights = {name: parameter.float() for name, parameter in named.items()}
        momenta, step = self._remember(named, gradient)
        space = self.rule.space
        found = self.rule(*({name: self._of(each, name) for name in space.tensors} for each in (weights, gradient)),
                          {name: self._of(momenta, name, len(DECAYS)) for name in space.tensors}, step)  # fmt: skip
        for name, parameter in named.items():
            way = momenta[name][DECAYS.index(0.9)] + group["residual"] * found[name]
            parameter.mul_(1 - group["lr"] * group["weight_decay"])
            parameter.add_(way.to(parameter.dtype), alpha=-float(group["lr"]))
        return loss

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        super().load_state_dict(state_dict)
        keep_types(self, state_dict)

    def _remember(self, named: dict[str, Tensor], gradient: dict[str, Tensor]) -> tuple[dict[str, Tensor], int]:
        """Takes in the gradients: momenta by name, and the number of the step."""
        momenta, step = {}, 1
        for name, parameter in named.items():
            kept = self.state[parameter]
            if not kept:
                kept["momenta"] = gradient[name].new_zeros(len(DECAYS), *parameter.shape)
                kept["step"] = torch.zeros((), dtype=torch.float32)
            decays = kept["momenta"].new_tensor(DECAYS).view(-1, *[1] * parameter.ndim)
            kept["momenta"].mul_(decays).add_((1 - decays) * gradient[name])
            kept["step"] += 1
            momenta[name], step = kept["momenta"], int(kept["step"])
        return momenta, step

    def _of(self, tensors: dict[str, Tensor], name: str, lead: int = 0) -> Tensor:
        """A tensor of the space; zeros for buffers, which have neither gradient nor step."""
        if name in tensors:
            return tensors[name]
        shape = self.rule.space.tensors[name].sizes
        return next(iter(tensors.values())).new_zeros((lead, *shape) if lead else shape)


def _check_names(named: list[Any], space: WeightSpace) -> None:
    if not all(isinstance(pair, tuple) and len(pair) == 2 and isinstance(pair[0], str) for pair in named):
        raise TypeError("params must be module.named_parameters(): the rule knows tensors by their names.")
    for name, parameter in named:
        wanted = space.tensors[name].shape if name in space.tensors else None
        if wanted != tuple(parameter.shape):
            raise ValueError(
                f"Parameter {name} must have shape {wanted} in the rule's weight space {space.hash}, got "
                f"{tuple(parameter.shape)}. Make the rule for this module, UNFOptimizer.for_module(module, example)."
            )


def _gradient(name: str, parameter: Tensor) -> Tensor:
    if parameter.grad is None:
        raise ValueError(f"Every parameter must have a gradient, {name} has none. Nothing was moved.")
    found = parameter.grad.float()
    if not bool(found.isfinite().all()):
        raise ValueError(f"Gradients must be finite, got NaN or infinity in {name}. Nothing was moved.")
    return found
