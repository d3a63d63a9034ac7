"""A learned update rule as an optimizer of PyTorch."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from weightspace.optimizers.beside import beside
from weightspace.optimizers.orthogonal import orthogonalized
from weightspace.optimizers.resume import keep_types
from weightspace.optimizers.rule.compiledrule import CompiledRule
from weightspace.optimizers.rule.learnedrule import LearnedRule
from weightspace.optimizers.rule.packing import Packing
from weightspace.optimizers.rule.rulestate import RuleState
from weightspace.optimizers.settings import check_settings

_add, _scale = torch._foreach_add_, torch._foreach_mul_  # pyright: ignore[reportPrivateImportUsage]
MOST_ENTRIES = 1 << 20
"""Entries that are stepped at once, one tensor at least: 30 numbers are held for each of them."""


class LearnedOptimizer(torch.optim.Optimizer):
    """Steps by a `LearnedRule`: the rule says the direction, rate and schedule stay the user's.

    Each tensor moves by ``lr`` times a direction of unit root mean square, so a rate means what it means for Adam.
    Schedulers, parameter groups, closures and ``state_dict`` work as with every optimizer of PyTorch.

    Args:
        params: parameters or groups of them.
        rule: the update rule, on any device; where parameters lie on another one, a copy of it works there.
        lr: the rate.
        weight_decay: decoupled, times the rate, as in AdamW.
        orthogonalize: matrices move by the nearest orthogonal direction (Newton-Schulz iteration, as in Muon), as in
            Celo2's variant for hidden layers; give embeddings and last layers a group with False.
        compiled: compile the step with `torch.compile`; without it, float32 on a CPU runs as C that ships with the
            package where there is a compiler, which gives the same but for rounding.

    Example::

        optimizer = LearnedOptimizer.from_pretrained("learned-optimizer", model.parameters(), lr=1e-3)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 1000)
    """

    def __init__(
        self,
        params: Iterable[Any],
        rule: LearnedRule,
        lr: float = 1e-3,
        weight_decay: float = 0.0,
        orthogonalize: bool = False,
        compiled: bool = False,
    ):
        check_settings(lr=lr, weight_decay=weight_decay)
        self.rule = rule
        self.compiled = compiled
        self._direct: dict[torch.device, Callable[..., Tensor]] = {}
        self._native = None if compiled or type(rule) is not LearnedRule else CompiledRule(rule)
        self._buckets: dict[tuple[int, ...], list[_Bucket]] = {}
        super().__init__(params, {"lr": lr, "weight_decay": weight_decay, "orthogonalize": orthogonalize})

    @classmethod
    def from_pretrained(
        cls, rule: str | Path, params: Iterable[Any], lr: float = 1e-3, **settings: Any
    ) -> "LearnedOptimizer":
        """An optimizer with a saved rule: a folder, the name of one that ships with the package, or a Hub id.

        Raises:
            ValueError: what lies there isn't a `LearnedRule`.
        """
        return cls(params, LearnedRule.from_pretrained(rule), lr, **settings)  # pyright: ignore[reportArgumentType]

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        super().add_param_group(param_group)
        wrong = [p for p in self.param_groups[-1]["params"] if not p.is_floating_point()]
        if wrong:
            raise TypeError(f"Parameters must be real floating point numbers, got {wrong[0].dtype}.")

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over the state of another run.

        Raises:
            ValueError: it is of other parameters; nothing is taken over.
        """
        self._check_state(state_dict)
        super().load_state_dict(state_dict)
        keep_types(self, state_dict)
        self._buckets.clear()

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Moves all parameters that have a gradient, by one step.

        Args:
            closure: clears the gradients, computes the loss and its gradients, and gives the loss.

        Raises:
            ValueError: a gradient isn't finite. Nothing was moved then.
        """
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        work = [(group, bucket) for number, group in enumerate(self.param_groups) for bucket in self._of(number, group)]
        gradients = [bucket.gradient() for _, bucket in work]
        self._check_finite(gradients)
        for (group, bucket), gradient in zip(work, gradients, strict=True):
            self._move(group, bucket, gradient)
        return loss

    def _move(self, group: dict[str, Any], bucket: "_Bucket", gradient: Tensor) -> None:
        weights = bucket.packing.pack([p.float() for p in bucket.params])
        way = self._native.step(bucket.state, weights, gradient, bucket.packing) if self._native else None
        if way is None:
            bucket.state.update(gradient, bucket.packing)
            way = self._rule_at(weights)(bucket.state, weights, gradient, bucket.packing)
        moves = []
        for param, part in zip(bucket.params, bucket.packing.shaped(way), strict=True):
            turned = orthogonalized(part) if group["orthogonalize"] and param.ndim >= 2 else part
            moves.append(turned.reshape(param.shape).to(param.dtype))
        if group["weight_decay"]:
            _scale(bucket.params, 1 - float(group["lr"]) * group["weight_decay"])
        _add(bucket.params, moves, alpha=-float(group["lr"]))

    def _rule_at(self, param: Tensor) -> Callable[..., Tensor]:
        """The rule where a parameter lies, compiled if that was asked for."""
        if param.device not in self._direct:
            rule = beside(self.rule, param)
            self._direct[param.device] = torch.compile(rule, dynamic=False) if self.compiled else rule
        return self._direct[param.device]

    def _of(self, number: int, group: dict[str, Any]) -> list["_Bucket"]:
        """The parameters of a group that have gradients, in buckets; made anew when others have."""
        params = [p for p in group["params"] if p.grad is not None]
        key = (number, *map(id, params))
        if key not in self._buckets:
            for old in [old for old in self._buckets if old[0] == number]:
                del self._buckets[old]
            self._buckets[key] = [_Bucket.of(part, self.state) for part in _parts(params)]
        return self._buckets[key]

    def _check_finite(self, gradients: list[Tensor]) -> None:
        if all(bool(gradient.isfinite().all()) for gradient in gradients):
            return
        for number, group in enumerate(self.param_groups):
            for index, param in enumerate(group["params"]):
                if param.grad is not None and not bool(param.grad.isfinite().all()):
                    raise ValueError(
                        f"Gradients must be finite, got NaN or infinity in parameter {index} of group {number}, shape "
                        f"{list(param.shape)}. Nothing was moved; lower the rate or clip, or leave this step out."
                    )

    def _check_state(self, state_dict: dict[str, Any]) -> None:
        own = [p for group in self.param_groups for p in group["params"]]
        names = [n for group in state_dict.get("param_groups", []) for n in group["params"]]
        if len(own) != len(names):
            raise ValueError(
                f"The state must be of {len(own)} parameters, got one of {len(names)}. Nothing was loaded."
            )
        for index, (param, name) in enumerate(zip(own, names, strict=True)):
            kept = state_dict["state"].get(name, {})
            if kept and tuple(kept.get("momentum", torch.empty(0)).shape) != (3, param.numel()):
                raise ValueError(
                    f"The state of parameter {index} must hold 3 momenta of {param.numel()} entries, got "
                    f"{ {key: list(value.shape) for key, value in kept.items()} }. Nothing was loaded; is it the state "
                    "of another optimizer or model?"
                )


@dataclass
class _Bucket:
    """Parameters that are stepped together, and their state in one piece; ``state[param]`` holds views into it."""

    params: list[Tensor]
    packing: Packing
    state: RuleState

    @classmethod
    def of(cls, params: list[Tensor], kept: dict[Tensor, dict[str, Tensor]]) -> "_Bucket":
        """A bucket that goes on from what is kept of its parameters."""
        packing = Packing(tuple(tuple(p.shape) for p in params))
        like = torch.zeros(sum(packing.sizes), device=params[0].device)
        bucket = cls(params, packing, RuleState.zeros(packing, like))
        for param, views in zip(params, bucket.views(), strict=True):
            for name, view in views.items():
                if name in kept[param]:
                    view.copy_(kept[param][name])
            kept[param] = views
        return bucket

    def views(self) -> list[dict[str, Tensor]]:
        """The state of each parameter."""
        alone = [Packing((shape,)) for shape in self.packing.shapes]
        lengths = {
            "momentum": self.packing.sizes,
            "square": self.packing.sizes,
            "rows": [packing.rows for packing in alone],
            "columns": [packing.columns for packing in alone],
        }
        parts = {each.name: getattr(self.state, each.name).split(lengths[each.name], -1) for each in fields(RuleState)}
        return [{name: parts[name][i] for name in parts} for i in range(len(self.params))]

    def gradient(self) -> Tensor:
        """The gradients of all parameters, one row of float32."""
        found = [p.grad for p in self.params if p.grad is not None]
        if any(grad.is_sparse for grad in found):
            raise ValueError("Gradients must be dense, got a sparse one; make the embedding with sparse=False.")
        return self.packing.pack([grad.float() for grad in found])


def _parts(params: list[Tensor]) -> list[list[Tensor]]:
    """Parameters of one device in turn, in parts of `MOST_ENTRIES`."""
    parts: list[list[Tensor]] = []
    for param in params:
        fits = parts and parts[-1][0].device == param.device
        if fits and sum(p.numel() for p in parts[-1]) + param.numel() <= MOST_ENTRIES:
            parts[-1].append(param)
        else:
            parts.append([param])
    return parts
