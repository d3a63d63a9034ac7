"""Testing whether a function of weights has the symmetry that it should have, for any architecture."""

import copy
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TypeAlias

import torch
from torch import Tensor, nn

from weightspace.metanets import Metanet
from weightspace.space import Atom, Axis, Product, Sum, Symmetry, WeightSpace

Weights: TypeAlias = Mapping[str, Tensor]
Function: TypeAlias = Callable[[Weights], Tensor | dict[str, Tensor]] | Metanet

__all__ = ["assert_equivariant", "assert_invariant", "assert_sensitive", "equivariance_error", "randomized"]


def equivariance_error(
    function: Function,
    space: WeightSpace,
    weights: Weights,
    *,
    kinds: Sequence[str] = ("permutation",),
    samples: int = 3,
    seed: int = 0,
) -> float:
    r"""How far a function of weights is from commuting with the symmetries of a weight space.

    The largest over drawn symmetries $g$ of $\max |f(g w) - g f(w)| / \max |f(w)|$; where the function returns a tensor
    and not weights, $g$ acts on it trivially and the error is that of invariance. Use float64: then a function with the
    symmetry is below 1e-9, and one without is far above.

    Args:
        function: takes weights by name and returns weights of the same space, or a tensor; or a `Metanet`.
        space: the weight space.
        weights: one net, or a stack of nets.
        kinds: the kinds of symmetry to draw: ``"permutation"``, ``"scale"``, ``"sign"``.
        samples: symmetries to draw. seed: of the draws.

    Example::

        error = equivariance_error(lambda w: w["fc.weight"].sum(), space, net.state_dict())
    """
    call, generator = _call(function, space), torch.Generator().manual_seed(seed)
    before, errors = call(weights), [0.0]
    for _ in range(samples):
        symmetry = space.random_symmetry(generator, kinds=kinds)
        errors.append(_error(call(space.apply(symmetry, weights)), _moved(space, symmetry, before)))
    return max(errors)


def assert_equivariant(
    function: Function,
    space: WeightSpace,
    weights: Weights,
    *,
    kinds: Sequence[str] = ("permutation",),
    tolerance: float = 1e-9,
    samples: int = 3,
    seed: int = 0,
) -> None:
    """Fail unless a function from weights to weights commutes with the symmetries; see `equivariance_error`.

    Raises:
        TypeError: the function doesn't return weights.
        AssertionError: the error is above the tolerance, or not a number.
    """
    if not isinstance(_call(function, space)(weights), dict):
        raise TypeError("assert_equivariant needs a function that returns weights; use assert_invariant for tensors.")
    _check(equivariance_error(function, space, weights, kinds=kinds, samples=samples, seed=seed), tolerance, kinds)


def assert_invariant(
    function: Function,
    space: WeightSpace,
    weights: Weights,
    *,
    kinds: Sequence[str] = ("permutation",),
    tolerance: float = 1e-9,
    samples: int = 3,
    seed: int = 0,
) -> None:
    """Fail unless a function from weights to a tensor stays the same under the symmetries; see `equivariance_error`.

    Raises:
        TypeError: the function returns weights.
        AssertionError: the error is above the tolerance, or not a number.
    """
    if isinstance(_call(function, space)(weights), dict):
        raise TypeError("assert_invariant needs a function that returns a tensor; use assert_equivariant for weights.")
    _check(equivariance_error(function, space, weights, kinds=kinds, samples=samples, seed=seed), tolerance, kinds)


def assert_sensitive(
    function: Function, space: WeightSpace, weights: Weights, *, tolerance: float = 1e-7, insensitive: int = 0
) -> None:
    """Fail unless a function sees every coupling: permute one axis of one tensor alone, and it must notice.

    A free name ties together all axes that bear it. For each such axis the neurons of that axis alone are shifted by
    one; the weights then compute something else, and a function that gives the same (or commutes with that, too) is
    blind to how the tensor is joined to the others. Constant functions and sums over all weights fail here.

    Args:
        function, space, weights: as for `equivariance_error`.
        tolerance: what the relative error has to exceed.
        insensitive: how many axes may go unnoticed.

    Raises:
        AssertionError: names the tensors and axes that the function doesn't notice.
    """
    call = _call(function, space)
    before, unnoticed = call(weights), []
    for label, other, symmetry in _uncoupled(space):
        after = call(other.apply(symmetry, weights))
        if not _error(after, _moved(other, symmetry, before)) > tolerance:
            unnoticed.append(label)
    if len(unnoticed) > insensitive:
        raise AssertionError(f"The function doesn't notice that an axis alone was permuted: {', '.join(unnoticed)}.")


def randomized(module: nn.Module, seed: int = 0, size: float = 0.3) -> nn.Module:
    """A copy in float64 and evaluation mode, every parameter drawn at random: what starts as zero can hide nothing."""
    module = copy.deepcopy(module).double().eval()
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in module.parameters():
            noise = torch.randn(parameter.shape, generator=generator, dtype=torch.float64)
            scale = size if parameter.ndim < 2 else parameter.shape[-1] ** -0.5
            parameter.copy_(noise * scale + (1 if parameter.ndim < 2 and bool((parameter == 1).all()) else 0))
    return module


def _call(function: Function, space: WeightSpace) -> Callable[[Weights], Tensor | dict[str, Tensor]]:
    if not isinstance(function, Metanet):
        return function
    metanet = function

    @torch.no_grad()
    def run(weights: Weights) -> Tensor | dict[str, Tensor]:
        return metanet(metanet.graph(space, weights))

    return run


def _moved(space: WeightSpace, symmetry: Symmetry, value: Tensor | dict[str, Tensor]) -> Tensor | dict[str, Tensor]:
    return space.apply(symmetry, value) if isinstance(value, dict) else value


def _error(one: Tensor | dict[str, Tensor], other: Tensor | dict[str, Tensor]) -> float:
    if isinstance(one, dict) and isinstance(other, dict):
        return max((_error(one[name], other[name]) for name in one), default=0.0)
    assert isinstance(one, Tensor)
    assert isinstance(other, Tensor), "A function must return weights always, or never."
    if one.numel() == 0:
        return 0.0
    scale = other.double().abs().max().clamp(min=1e-300)
    error = float((one.double() - other.double()).abs().max() / scale)
    return error if error == error else float("inf")


def _check(error: float, tolerance: float, kinds: Sequence[str]) -> None:
    if not error <= tolerance:
        raise AssertionError(
            f"The relative error under {', '.join(kinds)} must be at most {tolerance}, got {error:.3g}."
        )


def _uncoupled(space: WeightSpace) -> Iterator[tuple[str, WeightSpace, Symmetry]]:
    """For every place of a free name, a space where that place has a name of its own, and a shift of that name."""
    places = [
        (name, dim, occurrence, atom.name)
        for name, spec in space.tensors.items()
        for dim, axis in enumerate(spec.axes)
        for occurrence, atom in enumerate(axis.atoms())
        if atom.name is not None and space.names[atom.name].free and (atom.size or 0) > 1
    ]
    for name, dim, occurrence, atom in places:
        if sum(other == atom for _, _, _, other in places) < 2:
            continue
        spec, alone = space.tensors[name], f"{atom}.alone"
        renamed = _rename(spec.axes[dim], iter(range(len(spec.axes[dim].atoms()))), occurrence, alone)
        axes = (*spec.axes[:dim], renamed, *spec.axes[dim + 1 :])
        tensors = {**space.tensors, name: replace(spec, axes=axes)}
        other = WeightSpace(tensors, {**space.names, alone: space.names[atom]})
        shift = torch.arange(space.names[atom].size or 1).roll(1)
        yield f"{name!r} axis {dim} ({atom})", other, Symmetry(other, {alone: shift}, {})


def _rename(axis: Axis, counter: Iterator[int], occurrence: int, name: str) -> Axis:
    if isinstance(axis, Atom):
        return Atom(name, axis.size) if next(counter) == occurrence else axis
    if isinstance(axis, Product):
        return Product(tuple(_rename(part, counter, occurrence, name) for part in axis.factors))
    return Sum(tuple(_rename(part, counter, occurrence, name) for part in axis.terms))
