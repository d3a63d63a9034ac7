"""Prove a weight space on the module it came from: act on the weights, compare the outputs, in float64."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from weightspace.space.parts import KINDS
from weightspace.space.report import Report
from weightspace.space.symmetry import Symmetry
from weightspace.space.trace.probe import Probe
from weightspace.space.weightspace import WeightSpace

TOLERANCE = 1e-9
_CHANGE_UP_TO = 50_000_000  # entries; for larger nets a third forward pass in float64 costs more than it tells


def verify(space: WeightSpace, module: nn.Module, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Report:
    """Act on every free name of a module at random and compare the outputs with those before.

    Runs in float64 on a copy. Norm statistics and constant tensors are randomised first, because a wrong answer can
    pass on zeros and ones; dropout is off.

    Returns:
        A `Report` with the error, what the same moves do when every tensor is moved by itself (``change``), the error
        of each kind of symmetry, and the names that fail.
    """
    started = time.perf_counter()
    probe = Probe(module, args, kwargs)
    space.check(probe.weights)
    error = probe.error(space, draw(space, KINDS))
    errors = {} if error <= TOLERANCE else _each_kind(space, probe)
    # not "> TOLERANCE": outputs that are nowhere finite give an error that is no number, and prove nothing
    failed = () if errors.get("permutation", 0.0) <= TOLERANCE else tuple(failing_names(space, probe))
    base = space.report or Report()
    change = probe.change(space) if sum(t.numel() for t in probe.weights.values()) <= _CHANGE_UP_TO else None
    seconds = {**base.seconds, "verify": base.seconds.get("verify", 0.0) + time.perf_counter() - started}
    return replace(
        base, error=error, errors=errors, failed=failed, moved=space.moved, seconds=seconds, change=change
    )  # fmt: skip


def _each_kind(space: WeightSpace, probe: Probe) -> dict[str, float]:
    """The error of each kind of symmetry by itself."""
    found = {"permutation", *(action.kind for action in space.actions)}
    return {kind: probe.error(space, draw(space, (kind,))) for kind in KINDS if kind in found}


def settle(space: WeightSpace, module: nn.Module, args: Sequence[Any], kwargs: Mapping[str, Any]) -> WeightSpace:
    """A space in which all that doesn't hold is fixed, with the report of what that was."""
    report = verify(space, module, args, kwargs)
    if report.sound:
        return replace(space, report=report)
    probe = Probe(module, args, kwargs)
    names = {name: replace(group, free=group.free and name not in report.failed) for name, group in space.names.items()}
    fixed = replace(space, names=names)
    wrong = failing_actions(space, probe)
    keep = [
        action for index, action in enumerate(space.actions) if names[action.name].free and index not in wrong
    ]  # fmt: skip
    kinds = {
        name: replace(group, kinds=_kinds(name, keep) if group.free else ()) for name, group in fixed.names.items()
    }
    fixed = replace(fixed, names=kinds, actions=tuple(keep))
    after = verify(fixed, module, args, kwargs)
    return replace(fixed, report=replace(after, failed=report.failed))


def _kinds(name: str, actions: Sequence[Any]) -> tuple[str, ...]:
    return ("permutation", *dict.fromkeys(action.kind for action in actions if action.name == name))


def failing_names(space: WeightSpace, probe: Probe) -> list[str]:
    """The names whose permutation changes the outputs."""
    moved = draw(space, ("permutation",)).permutations
    return _halve(list(moved), lambda names: Symmetry(space, {name: moved[name] for name in names}, {}), probe)


def failing_actions(space: WeightSpace, probe: Probe) -> list[int]:
    """The indices of the actions that change the outputs."""
    factors = draw(space, KINDS).factors
    return _halve(list(factors), lambda chosen: Symmetry(space, {}, {i: factors[i] for i in chosen}), probe)


def _halve(items: list[Any], symmetry: Callable[[list[Any]], Symmetry], probe: Probe) -> list[Any]:
    """The items that fail, found by halving; all of them where they fail together but neither half does."""
    if not items or probe.error(symmetry(items).space, symmetry(items)) <= TOLERANCE:
        return []
    if len(items) == 1:
        return items
    half = len(items) // 2
    failing = _halve(items[:half], symmetry, probe) + _halve(items[half:], symmetry, probe)
    return failing or items


def draw(space: WeightSpace, kinds: tuple[str, ...]) -> Symmetry:
    """A random symmetry that is the same at every call, and in which nothing stays as it is."""
    drawn = space.random_symmetry(torch.Generator().manual_seed(0), kinds)
    permutations = {name: _not_neutral(order, torch.arange(len(order))) for name, order in drawn.permutations.items()}
    neutral = {"scale": 1.0, "sign": 1.0, "phase": 0.0}
    factors = {i: _not_neutral(v, torch.tensor(neutral[space.actions[i].kind])) for i, v in drawn.factors.items()}
    return Symmetry(space, permutations, factors)


def _not_neutral(drawn: Tensor, neutral: Tensor) -> Tensor:
    """A small group often draws its neutral element, under which a wrong answer would pass: another one then."""
    if not bool((drawn == neutral).all()):
        return drawn
    return (
        drawn.roll(1)
        if not drawn.is_floating_point()
        else torch.where(neutral == 0, 1.0, -1.0).to(drawn).expand_as(drawn)
    )
