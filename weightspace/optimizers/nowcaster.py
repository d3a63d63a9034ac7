"""Any optimizer, and now and then a jump to where a metanet expects the weights some steps later."""

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from weightspace.optimizers.beside import beside
from weightspace.optimizers.forecaster import STATES, Forecaster
from weightspace.optimizers.settings import check_settings
from weightspace.space import WeightSpace

NORMS = (nn.modules.batchnorm._BatchNorm,)


class Nowcaster(torch.optim.Optimizer):
    """Wraps an optimizer: after every five kept states the weights jump ahead by a forecast.

    Schedulers, closures and parameter groups are those of the optimizer inside. After Knyazev et al. 2024,
    "Accelerating training with neuron interaction and nowcasting networks"; beyond it, batch norms measure their
    running statistics anew after a jump, the optimizer's averages are shortened, and a guard takes a jump back that
    made a held-out loss worse.

    Args:
        optimizer: of parameters of the module.
        module: the net that is trained.
        forecaster: a `Forecaster`, or an `Extrapolation`; where the module lies on another device, a copy of it.
        example: inputs with which the module can be traced; or its weight space, or None where the forecaster needs
            none.
        spacing: steps between two kept states.
        ahead: how far a jump goes, in steps.
        period: steps between two jumps; ``5 * spacing`` at least, which is the default.
        guard: gives a loss on held-out data; called before and after a jump, without gradients and in evaluation mode.
        calibration: inputs from which batch norms measure their statistics after a jump; needed if there are such.
        keep: share of the optimizer's averages that is kept after a jump.

    Raises:
        ValueError: settings that can't be, parameters that aren't the module's, batch norms without calibration.

    Example::

        optimizer = Nowcaster(torch.optim.AdamW(model.parameters()), model, forecaster, example=x[:2], guard=val_loss)
    """

    def __init__(
        self,
        optimizer: torch.optim.Optimizer,
        module: nn.Module,
        forecaster: nn.Module,
        example: Tensor | tuple[Tensor, ...] | WeightSpace | None = None,
        spacing: int = 20,
        ahead: int = 400,
        period: int | None = None,
        guard: Callable[[], Tensor | float] | None = None,
        calibration: Tensor | None = None,
        keep: float = 0.5,
    ):
        first = next(module.parameters(), None)
        self.optimizer, self.module = optimizer, module
        self.forecaster = (forecaster if first is None else beside(forecaster, first)).eval()
        self.spacing, self.ahead, self.period = spacing, ahead, period or STATES * spacing
        self.guard, self.calibration, self.keep = guard, calibration, keep
        _check(spacing, ahead, self.period, keep)
        self._norms = [m for m in module.modules() if isinstance(m, NORMS) and m.running_mean is not None]
        if self._norms and calibration is None:
            raise ValueError(
                f"The module has {len(self._norms)} batch norms whose statistics no forecast knows: give "
                "calibration=inputs, from which they are measured after a jump."
            )
        self._named = _names(optimizer, module)
        self._space = _space(example, module)
        if self._space is None and isinstance(forecaster, Forecaster):
            raise ValueError("A Forecaster reads the weight space of the module: give example=inputs to trace it with.")
        self._history: dict[str, Tensor] = {}  # [states, ...]
        self._count, self.jumps = 0, {"kept": 0, "taken back": 0}
        super().__init__(optimizer.param_groups, {})
        self.param_groups, self.state = optimizer.param_groups, optimizer.state

    def step(self, closure: Callable[[], Any] | None = None) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
        """One step of the optimizer inside, and a jump if it is due.

        Raises:
            ValueError: the weights aren't finite when a state is to be kept; they stay as the optimizer left them.
        """
        loss = self.optimizer.step() if closure is None else self.optimizer.step(closure)
        self._count += 1
        waiting = self.period - self._count % self.period
        if (waiting % self.spacing == 0 and waiting // self.spacing < STATES) or waiting == self.period:
            self._keep()
        if waiting == self.period and len(next(iter(self._history.values()))) == STATES:
            self.jump()
        return loss

    @torch.no_grad()
    def jump(self) -> bool:
        """Jumps now; whether the guard let it be. History begins anew afterwards.

        Raises:
            ValueError: fewer than five states are kept. Nothing was moved then.
        """
        held = len(next(iter(self._history.values()))) if self._history else 0
        if held < STATES:
            raise ValueError(f"A jump needs {STATES} kept states, got {held}. Nothing was moved.")
        states = {name: tensor[None] for name, tensor in self._history.items()}
        change = self.forecaster(self._space, states, self.ahead / self.spacing)
        before = {name: tensor.clone() for name, tensor in self.module.state_dict().items()}
        loss = self._judged()
        for name, parameter in self._named.items():
            parameter.add_(change[name][0].to(parameter.dtype))
        self._calibrate()
        kept = self._finite() and self._judged() <= loss
        self._history = {}
        self.jumps["kept" if kept else "taken back"] += 1
        if kept:
            self._shorten()
        else:
            self.module.load_state_dict(before)
        return kept

    def zero_grad(self, set_to_none: bool = True) -> None:
        self.optimizer.zero_grad(set_to_none)

    def state_dict(self) -> dict[str, Any]:  # pyright: ignore[reportIncompatibleMethodOverride]
        """The optimizer's state, the history and where in a period it stands."""
        history = {name: tensor.clone() for name, tensor in self._history.items()}
        return {"optimizer": self.optimizer.state_dict(), "history": history, "count": self._count,
                "jumps": dict(self.jumps)}  # fmt: skip

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over the state of another run.

        Raises:
            ValueError: it isn't a `Nowcaster`'s, or of other parameters; nothing is taken over.
        """
        missing = {"optimizer", "history", "count", "jumps"} - set(state_dict)
        if missing:
            raise ValueError(f"The state must be that of a Nowcaster, but lacks {', '.join(sorted(missing))}.")
        history = state_dict["history"]
        for name in sorted(set(history) | set(self._named)) if history else ():
            got = list(history[name].shape[1:]) if name in history else "none"
            wanted = list(self._named[name].shape) if name in self._named else "none"
            if got != wanted:
                raise ValueError(f"The history of {name} must have the shape {wanted}, got {got}. Nothing was loaded.")
        self.optimizer.load_state_dict(state_dict["optimizer"])
        self.param_groups, self.state = self.optimizer.param_groups, self.optimizer.state
        self._history = {name: tensor.clone() for name, tensor in history.items()}
        self._count, self.jumps = state_dict["count"], dict(state_dict["jumps"])

    def _keep(self) -> None:
        for name, parameter in self._named.items():
            value = parameter.detach().float()[None]
            if not bool(value.isfinite().all()):
                raise ValueError(f"Weights must be finite to be kept as a state, got NaN or infinity in {name}.")
            held = self._history.get(name)
            self._history[name] = (value.clone() if held is None else torch.cat([held, value]))[-STATES:]

    def _judged(self) -> float:
        if self.guard is None:
            return 0.0
        training = [m for m in self.module.modules() if m.training]
        self.module.eval()
        loss = float(self.guard())
        for each in training:
            each.training = True
        return loss if loss == loss else float("inf")

    def _calibrate(self) -> None:
        """Batch norms measure their statistics anew, all other modules in evaluation mode."""
        if not self._norms:
            return
        training, momenta = [m for m in self.module.modules() if m.training], [norm.momentum for norm in self._norms]
        self.module.eval()
        for norm in self._norms:
            norm.reset_running_stats()
            norm.training, norm.momentum = True, None
        self.module(self.calibration)
        self.module.eval()
        for norm, momentum in zip(self._norms, momenta, strict=True):
            norm.momentum = momentum
        for each in training:
            each.training = True

    def _shorten(self) -> None:
        for parameter in self._named.values():
            for value in self.optimizer.state.get(parameter, {}).values():
                if isinstance(value, Tensor) and value.shape == parameter.shape and value.is_floating_point():
                    value.mul_(self.keep)

    def _finite(self) -> bool:
        return all(bool(parameter.isfinite().all()) for parameter in self._named.values())


def _check(spacing: int, ahead: int, period: int, keep: float) -> None:
    check_settings(keep=keep)
    if keep > 1:
        raise ValueError(f"keep must be a share from 0 to 1, got {keep}.")
    for name, value in (("spacing", spacing), ("ahead", ahead)):
        if value < 1:
            raise ValueError(f"{name} must be 1 step or more, got {value}.")
    if period < STATES * spacing:
        raise ValueError(f"period must be {STATES} times the spacing or more, so {STATES * spacing}, got {period}.")


def _names(optimizer: torch.optim.Optimizer, module: nn.Module) -> dict[str, Tensor]:
    """The optimizer's parameters by their names in the module."""
    names: Mapping[int, str] = {id(parameter): name for name, parameter in module.named_parameters()}
    own = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    odd = [list(parameter.shape) for parameter in own if id(parameter) not in names]
    if odd:
        raise ValueError(f"The optimizer must be of parameters of the module, got one of shape {odd[0]} that isn't.")
    return {names[id(parameter)]: parameter for parameter in own}


def _space(example: Tensor | tuple[Tensor, ...] | WeightSpace | None, module: nn.Module) -> WeightSpace | None:
    if example is None or isinstance(example, WeightSpace):
        return example
    training = [m for m in module.modules() if m.training]
    space = WeightSpace.trace(module.eval(), *(example if isinstance(example, tuple) else (example,)))
    for each in training:
        each.training = True
    return space
