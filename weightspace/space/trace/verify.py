"""Prove a weight space on the module it came from: act on the weights, compare the outputs, in float64."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from weightspace.space.computation.probe import Case, Probe
from weightspace.space.parts import KINDS, Action
from weightspace.space.report import Report
from weightspace.space.symmetry import Symmetry
from weightspace.space.trace.prove import proved_matrices
from weightspace.space.weightspace import WeightSpace

TOLERANCE = 1e-9
_NOTHING = 1e-12  # of change: less is rounding
_CHANGE_UP_TO = 50_000_000  # entries; for larger nets a third forward pass in float64 costs more than it tells


def verify(space: WeightSpace, module: nn.Module, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Report:
    """Act on every free name of a module at random and compare the outputs with those before.

    Runs in float64 on a copy, on the example and, as far as the module runs on them, on drawn inputs, inputs of other
    sizes, and in its other mode. Norm statistics and constant tensors are randomised first, because a wrong answer can
    pass on zeros and ones; dropout is off.

    Returns:
        A `Report` with the error, what the same moves do when every tensor is moved by itself (``change``), the error
        of each kind of symmetry, and the names that fail.
    """
    return _verified(space, Probe(module, args, kwargs))


def _verified(space: WeightSpace, probe: Probe) -> Report:
    started = time.perf_counter()
    space.check(probe.weights)
    # what holds in one mode alone is drawn there together with all else, so that each case takes one pass
    error = max(_error(space.in_mode(mode), probe, mode) for mode in ("train", "eval"))
    errors = {} if error <= TOLERANCE else _each_kind(space, probe)
    change = probe.change(space) if sum(t.numel() for t in probe.weights.values()) <= _CHANGE_UP_TO else None
    if change is not None and change <= _NOTHING and space.free:
        failed = space.free  # outputs that don't depend on where the neurons are prove nothing
        errors = {**errors, "permutation": float("inf")}
    else:
        # not "> TOLERANCE": outputs that are nowhere finite give an error that is no number, and prove nothing
        failed = () if errors.get("permutation", 0.0) <= TOLERANCE else tuple(failing_names(space, probe))
    base = space.report or Report()
    seconds = {**base.seconds, "verify": base.seconds.get("verify", 0.0) + time.perf_counter() - started}
    return replace(
        base, error=error, errors=errors, failed=failed, moved=space.moved, seconds=seconds, change=change,
        cases=tuple(f"{case.label}, {case.mode}" for case in probe.cases), notes=tuple(probe.notes),
    )  # fmt: skip


def _error(space: WeightSpace, probe: Probe, mode: str | None = None, kinds: tuple[str, ...] = KINDS) -> float:
    """The error of a random symmetry in all cases, or in those of one mode."""
    cases = probe.cases if mode is None else [case for case in probe.cases if case.mode == mode]
    return max((probe.error(space, draw(space, kinds, index), [case]) for index, case in enumerate(cases)), default=0.0)


def _each_kind(space: WeightSpace, probe: Probe) -> dict[str, float]:
    """The error of each kind of symmetry by itself."""
    found = {"permutation", *(action.kind for action in space.actions), *(group.kind for group in space.matrices)}
    return {kind: _error(space, probe, None, (kind,)) for kind in KINDS if kind in found}


def settle(space: WeightSpace, module: nn.Module, args: Sequence[Any], kwargs: Mapping[str, Any]) -> WeightSpace:
    """A space in which all that doesn't hold is fixed, with the report of what that was.

    A scale, sign or phase that holds in one mode only is kept for that mode.
    """
    started = time.perf_counter()
    probe = Probe(module, args, kwargs)
    space = replace(space, matrices=proved_matrices(space, probe, TOLERANCE))
    base = space.report or Report()
    seconds = {**base.seconds, "verify": time.perf_counter() - started}
    report = _verified(replace(space, report=replace(base, seconds=seconds)), probe)
    if report.sound and not report.failed:
        return replace(space, report=report)
    names = {name: replace(group, free=group.free and name not in report.failed) for name, group in space.names.items()}
    fixed = _with_actions(replace(space, names=names, report=report), probe)
    after = _verified(fixed, probe)
    return replace(fixed, report=replace(after, failed=report.failed))


def _with_actions(space: WeightSpace, probe: Probe) -> WeightSpace:
    """The space with those actions that hold, each in the modes in which it does."""
    both, modal = list[Action](), list[Action]()
    wrong = {mode: failing_actions(space.in_mode(mode), probe, mode) for mode in ("train", "eval")}
    for index, action in enumerate(space.actions):
        holds = [mode for mode in wrong if index not in wrong[mode]]
        if space.names[action.name].free and len(holds) == 2:
            both.append(action)
        elif space.names[action.name].free and holds and {case.mode for case in probe.cases} >= set(wrong):
            modal.append(replace(action, mode=holds[0]))
    for mode in wrong:
        added = [action for action in space.modal if action.mode == mode]
        places = range(len(space.actions), len(space.actions) + len(added))
        kept = zip(places, added, strict=True)
        modal.extend(a for place, a in kept if place not in wrong[mode] and space.names[a.name].free)
    names = {n: replace(group, kinds=_kinds(n, both) if group.free else ()) for n, group in space.names.items()}
    return replace(space, names=names, actions=tuple(both), modal=tuple(modal))


def _kinds(name: str, actions: Sequence[Any]) -> tuple[str, ...]:
    return ("permutation", *dict.fromkeys(action.kind for action in actions if action.name == name))


def failing_names(space: WeightSpace, probe: Probe) -> list[str]:
    """The names whose permutation changes the outputs in some case."""
    found: dict[str, None] = {}
    for index, case in enumerate(probe.cases):
        moved = draw(space, ("permutation",), index).permutations
        rest = [name for name in moved if name not in found]

        def chosen(names: list[str], moved: Mapping[str, Tensor] = moved) -> Symmetry:
            return Symmetry(space, {name: moved[name] for name in names}, {})

        found.update(dict.fromkeys(_halve(rest, chosen, probe, [case])))
    return list(found)


def failing_actions(space: WeightSpace, probe: Probe, mode: str | None = None) -> list[int]:
    """The indices of the actions that change the outputs in some case, or in some case of one mode."""
    found: dict[int, None] = {}
    for index, case in enumerate(probe.cases):
        if mode in (None, case.mode):
            factors = draw(space, KINDS, index).factors
            rest = [action for action in factors if action not in found]

            def chosen(actions: list[int], factors: Mapping[int, Tensor] = factors) -> Symmetry:
                return Symmetry(space, {}, {action: factors[action] for action in actions})

            found.update(dict.fromkeys(_halve(rest, chosen, probe, [case])))
    return list(found)


def _halve(
    items: list[Any], symmetry: Callable[[list[Any]], Symmetry], probe: Probe, cases: Sequence[Case]
) -> list[Any]:
    """The items that fail, found by halving; all of them where they fail together but neither half does."""
    if not items or probe.error(symmetry(items).space, symmetry(items), cases) <= TOLERANCE:
        return []
    if len(items) == 1:
        return items
    half = len(items) // 2
    failing = _halve(items[:half], symmetry, probe, cases) + _halve(items[half:], symmetry, probe, cases)
    return failing or items


def draw(space: WeightSpace, kinds: tuple[str, ...], seed: int = 0) -> Symmetry:
    """A random symmetry that is the same at every call with one seed, and in which nothing stays as it is."""
    drawn = space.random_symmetry(torch.Generator().manual_seed(seed), kinds)
    permutations = {name: _not_neutral(order, torch.arange(len(order))) for name, order in drawn.permutations.items()}
    neutral = {"scale": 1.0, "sign": 1.0, "phase": 0.0}
    factors = {i: _not_neutral(v, torch.tensor(neutral[space.actions[i].kind])) for i, v in drawn.factors.items()}
    return Symmetry(space, permutations, factors, drawn.matrices)


def _not_neutral(drawn: Tensor, neutral: Tensor) -> Tensor:
    """A small group often draws its neutral element, under which a wrong answer would pass: another one then."""
    if not bool((drawn == neutral).all()):
        return drawn
    return (
        drawn.roll(1)
        if not drawn.is_floating_point()
        else torch.where(neutral == 0, 1.0, -1.0).to(drawn).expand_as(drawn)
    )
