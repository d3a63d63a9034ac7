"""Whether weights and symmetries fit a space."""

from collections.abc import Iterable, Mapping, Sequence
from math import prod
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from weightspace.space.matrices import MatrixGroup, pair_places
from weightspace.space.parts import TensorSpec
from weightspace.suggest import suggestion

if TYPE_CHECKING:
    from weightspace.space.symmetry import Symmetry
    from weightspace.space.weightspace import WeightSpace

_MOST_DRAWN = 2**27  # neurons, or entries of matrices; a permutation of so many takes 3 GB to draw
_WORST_CONDITION = 1e15  # of a matrix, in float64: its inverse has no digit left
_OFF = 1e-6  # by how much an entry of a matrix may fail to be what its kind says


def _check_sizes(space: "WeightSpace", names: Iterable[str]) -> None:
    unsized = [name for name in names if space.names[name].size is None]
    if unsized:
        raise ValueError(f"The names {unsized} have no size yet. Give sizes= or weights= to WeightSpace.parse.")


def check_drawable(space: "WeightSpace", kinds: Sequence[str]) -> None:
    """See that every free name has a size, and one that a random symmetry of some kinds can have in memory."""
    _check_sizes(space, space.free)
    for name in space.free:
        if (size := space.names[name].size or 0) > _MOST_DRAWN:
            raise ValueError(f"A name must have {_MOST_DRAWN} neurons at most to be permuted, {name!r} has {size}.")
    for group in space.matrices if "linear" in kinds else ():
        if (entries := prod(group.shape(space))) > _MOST_DRAWN:
            raise ValueError(
                f"Matrices must have {_MOST_DRAWN} entries at most to be drawn, those of {group.name!r} have {entries}."
            )


def check_fits(space: "WeightSpace", symmetry: "Symmetry", count: int | None) -> None:
    """See that a symmetry permutes free names of the space, scales by what its actions allow, and can be undone.

    Args:
        space: the space. symmetry: what is to act. count: number of nets in the stack, None for a single net.

    Raises:
        ValueError: an unknown name, action or group, another size, or no permutation; a factor that its kind doesn't
            allow; a matrix that can't be inverted.
        TypeError: a permutation that isn't of whole numbers, or factors and matrices that aren't of floating point
            numbers.
    """
    _check_sizes(space, space.names)
    free = dict.fromkeys(space.free)
    for name in symmetry.permutations:
        if name not in free:
            raise ValueError(
                f"A symmetry must permute free names, which are {', '.join(space.free) or '(none)'}; got {name!r}"
                f"{suggestion(name, space.free)}."
            )
    if not _are_permutations(space, symmetry.permutations):
        for name, order in symmetry.permutations.items():
            _check_order(name, order, space.names[name].size or 0, count)
    for index in symmetry.factors:
        if isinstance(index, bool) or not isinstance(index, int) or not 0 <= index < len(space.actions):
            raise ValueError(
                f"Factors must be for the {len(space.actions)} actions of the space, counted from 0; got {index!r}."
            )
    if not _are_factors(space, symmetry.factors):
        for index, vector in symmetry.factors.items():
            action = space.actions[index]
            _check_factor(f"The factor of action {index}, a {action.kind} of {action.name!r},", action.kind, vector)
            _check_shape(f"The factor of action {index}", vector, (space.names[action.name].size or 0,), count)
    for number, matrices in symmetry.matrices.items():
        _check_matrices(space, number, matrices, count)


def check_types(space: "WeightSpace", weights: Mapping[str, Tensor]) -> None:
    """See that tensors of floating point numbers aren't given as whole numbers, which a factor would round.

    A tensor without axes holds no neurons, so nothing acts on it: counters may be whole numbers.
    """
    for name, tensor in weights.items():
        if _is_continuous(tensor.dtype) or not space.tensors[name].axes:
            continue
        dtype = getattr(torch, space.tensors[name].dtype)
        if _is_continuous(dtype):
            raise TypeError(f"Tensor {name!r} must be of floating point numbers, as {dtype}; got {tensor.dtype}.")


def _is_continuous(dtype: torch.dtype) -> bool:
    return dtype.is_floating_point or dtype.is_complex


def _check_shape(what: str, vector: Tensor, shape: tuple[int, ...], count: int | None) -> None:
    allowed = [shape] if count is None else [shape, (count, *shape)]
    if tuple(vector.shape) not in allowed:
        shapes = " or ".join(str(list(one)) for one in allowed)
        raise ValueError(f"{what} must have shape {shapes}, got {list(vector.shape)}.")


def _are_permutations(space: "WeightSpace", permutations: Mapping[str, Tensor]) -> bool:
    """Whether all are permutations of one net's neurons, seen at once; if not, one by one says which isn't."""
    sizes = [space.names[name].size or 0 for name in permutations]
    orders = list(permutations.values())
    if not all(_is_vector(order, size, torch.int64) for order, size in zip(orders, sizes, strict=True)):
        return False
    each, whole = torch.tensor(sizes, dtype=torch.int64), torch.cat([torch.empty(0, dtype=torch.int64), *orders])
    if bool(((whole < 0) | (whole >= each.repeat_interleave(each))).any()):
        return False
    place = whole + (each.cumsum(0) - each).repeat_interleave(each)
    return bool(torch.zeros(len(whole), dtype=torch.bool).index_fill_(0, place, True).all())


def _are_factors(space: "WeightSpace", factors: Mapping[int, Tensor]) -> bool:
    """Whether all are factors of one net's neurons as their kinds allow, seen at once."""
    kinds: dict[str, list[Tensor]] = {}
    for index, vector in factors.items():
        action = space.actions[index]
        if not _is_vector(vector, space.names[action.name].size or 0, torch.float64):
            return False
        kinds.setdefault(action.kind, []).append(vector)
    return all(_is_allowed(kind, torch.cat(vectors)) for kind, vectors in kinds.items())


def _is_vector(vector: Tensor, size: int, dtype: torch.dtype) -> bool:
    return isinstance(vector, Tensor) and vector.is_cpu and vector.dtype == dtype and tuple(vector.shape) == (size,)


def _is_allowed(kind: str, vector: Tensor) -> bool:
    fits = {"scale": lambda: vector > 0, "sign": lambda: vector.abs() == 1}.get(kind, lambda: vector == vector.round())
    return bool((vector.isfinite() & fits()).all())


def _check_order(name: str, order: Tensor, size: int, count: int | None) -> None:
    if not isinstance(order, Tensor) or order.dtype not in (torch.int64, torch.int32):
        found = order.dtype if isinstance(order, Tensor) else type(order).__name__
        raise TypeError(f"The permutation of {name!r} must be a tensor of int64, got {found}.")
    _check_shape(f"The permutation of {name!r}", order, (size,), count)
    expected = torch.arange(size, device=order.device, dtype=order.dtype)
    if not torch.equal(order.sort(-1).values, expected.expand_as(order)):
        raise ValueError(f"The permutation of {name!r} must hold each number from 0 to {size - 1} once.")


def _check_factor(what: str, kind: str, vector: Tensor) -> None:
    if not isinstance(vector, Tensor) or not vector.is_floating_point():
        found = vector.dtype if isinstance(vector, Tensor) else type(vector).__name__
        raise TypeError(f"{what} must be a tensor of float64, got {found}.")
    if not _is_allowed(kind, vector):
        words = {"scale": "above 0", "sign": "1 or -1"}.get(kind, "whole numbers")
        raise ValueError(f"{what} must be finite and {words}.")


def _check_matrices(space: "WeightSpace", index: int, matrices: Tensor, count: int | None) -> None:
    if isinstance(index, bool) or not isinstance(index, int) or not 0 <= index < len(space.matrices):
        raise ValueError(
            f"Matrices must be for the {len(space.matrices)} groups of the space, counted from 0; got {index!r}."
        )
    group = space.matrices[index]
    mixes = "turn pairs of channels" if group.name is None else f"mix {group.name!r}"
    what = f"The matrices of group {index}, which {mixes},"
    if not isinstance(matrices, Tensor) or not _is_continuous(matrices.dtype):
        found = matrices.dtype if isinstance(matrices, Tensor) else type(matrices).__name__
        raise TypeError(f"{what} must be a tensor of float64, got {found}.")
    _check_shape(what, matrices, group.shape(space), count)
    if not bool(matrices.isfinite().all()) or not _is_of_kind(group, matrices):
        words = {"linear": "invertible", "orthogonal": "orthogonal"}.get(group.kind, "lengths and turns of pairs")
        raise ValueError(f"{what} must be finite and {words}.")


def _is_of_kind(group: MatrixGroup, matrix: Tensor) -> bool:
    if group.kind == "linear":
        return bool((torch.linalg.cond(matrix) <= _WORST_CONDITION).all())
    if group.kind == "orthogonal":
        gap = matrix @ matrix.transpose(-1, -2) - torch.eye(matrix.shape[-1], dtype=matrix.dtype, device=matrix.device)
        return bool(gap.abs().max() < _OFF)
    one, other = pair_places(matrix.shape[-1], group.pairs or "halves")
    cosine, sine = matrix[..., one, one], matrix[..., other, one]
    rest = matrix.clone()
    for rows, columns, part in ((one, one, cosine), (other, other, cosine), (other, one, sine), (one, other, -sine)):
        rest[..., rows, columns] -= part
    lengths = (cosine.square() + sine.square()).sqrt()
    return bool(rest.abs().max() < _OFF * lengths.max() and lengths.min() > 0)


def check_weights(space: "WeightSpace", weights: Mapping[str, Tensor]) -> int | None:
    """See `WeightSpace.check`."""
    missing = [name for name in space.tensors if name not in weights]
    unknown = [name for name in weights if name not in space.tensors]
    if missing or unknown:
        raise ValueError(
            f"The weights need the {len(space.tensors)} tensors of the space; missing: {missing or 'none'}, "
            f"not in the space: {unknown or 'none'}."
        )
    if not space.tensors:
        return None
    for name, tensor in weights.items():
        if not isinstance(tensor, Tensor):
            raise TypeError(f"{name!r} must be a tensor, got {type(tensor).__name__}.")
    first = next(iter(space.tensors))
    stacked = weights[first].ndim == len(space.tensors[first].axes) + 1
    count = weights[first].shape[0] if stacked else None
    for name, spec in space.tensors.items():
        check_tensor(name, spec, weights[name], count)
    return count


def check_tensor(name: str, spec: TensorSpec, tensor: Tensor, count: int | None) -> None:
    """See that one tensor has the sizes of its axes, behind a leading axis of ``count`` if that is given."""
    shape = tuple(tensor.shape)
    if count is None and shape == spec.shape:
        return
    lead = () if count is None else (count,)
    expected = lead + spec.shape
    fits = len(shape) == len(expected) and all(want in (None, got) for want, got in zip(expected, shape, strict=True))
    if not fits:
        stack = "" if count is None else f" behind the {count} nets of the stack"
        raise ValueError(
            f"Tensor {name!r} has axes '{' '.join(map(str, spec.axes))}' of sizes {list(spec.shape)}{stack}; "
            f"got shape {list(shape)}. Give the weights of the architecture that the space was made from."
        )
