"""A weight space written by hand, for nets that can't be traced and for weights without code."""

import re
from collections.abc import Mapping, Sequence

from torch import Tensor

from weightspace.reading import Unread
from weightspace.space.axes import Atom, Axis, Sum, parse_axes, with_sizes
from weightspace.space.fitting import check_tensor
from weightspace.space.parts import Group, Site, TensorSpec
from weightspace.space.read import MOST
from weightspace.space.references import check_references
from weightspace.space.weightspace import WeightSpace

_FIXED_NAME = re.compile(r"(in|out)\d*")
_SLOT_WORDS = {"running_mean": "mean", "running_var": "var", "bias": "bias", "weight": "scale"}


def is_fixed_name(name: str) -> bool:
    """The names ``in``, ``out``, ``in2``, ... are inputs and outputs; their neurons keep their places."""
    return _FIXED_NAME.fullmatch(name) is not None


def parse(
    axes: Mapping[str, str],
    free: Sequence[str] | None = None,
    sizes: Mapping[str, int] | None = None,
    weights: Mapping[str, Tensor] | None = None,
) -> WeightSpace:
    """Write a weight space by hand.

    Where neurons stand follows from the notation: the first axis with a name is the target, the second the source (as
    in ``torch.nn``), and every distinct axis is one site. Only permutations are claimed.

    Args:
        axes: for each tensor its notation, for example ``{"0.weight": "hidden in", "0.bias": "hidden"}``.
        free: the names that may be permuted; by default all but ``in``, ``out`` (and ``in2``, ...).
        sizes: the size of each name. weights: take sizes from these weights. With neither, sizes stay open: the space
            still prints, compares and serialises, but can't draw symmetries.

    Raises:
        ValueError: a notation doesn't parse, ``free`` names something unknown, or sizes contradict each other.
    """
    texts = {name: text.text() for name, text in Unread(axes, "axes").entries().items()}
    known = {} if sizes is None else _read_sizes(sizes)
    chosen = None if free is None else [name.text() for name in Unread(free, "free").items()]
    parsed = {name: _parse_one(name, text, known) for name, text in texts.items()}
    if weights is not None:
        known = _sizes_from_weights(parsed, weights, known)
        parsed = {name: tuple(with_sizes(axis, known) for axis in value) for name, value in parsed.items()}
    groups = _groups(parsed, chosen, known)
    specs, sites = _place(parsed, weights)
    space = WeightSpace(specs, groups, tuple(sites))
    check_references(space, "notation")
    if weights is not None:
        space.check(weights)
    return space


def _read_sizes(sizes: Mapping[str, int]) -> dict[str, int]:
    return {name: size.whole(least=1, most=MOST) for name, size in Unread(sizes, "sizes").entries().items()}


def _parse_one(name: str, text: str, sizes: Mapping[str, int] | None) -> tuple[Axis, ...]:
    try:
        return parse_axes(text, sizes)
    except ValueError as error:
        raise ValueError(f"Tensor {name!r}: {error}") from None


def _groups(
    parsed: Mapping[str, tuple[Axis, ...]], free: Sequence[str] | None, sizes: Mapping[str, int]
) -> dict[str, Group]:
    names: dict[str, None] = {}
    for axes in parsed.values():
        names.update({atom.name: None for axis in axes for atom in axis.atoms() if atom.name is not None})
    if unknown := [name for name in free or () if name not in names]:
        raise ValueError(f"free= lists {unknown}, but the notation has only the names {list(names)}.")
    chosen = [name for name in names if not is_fixed_name(name)] if free is None else free
    return {name: Group(sizes.get(name), name in chosen, ("permutation",) if name in chosen else ()) for name in names}


def _sizes_from_weights(
    parsed: Mapping[str, tuple[Axis, ...]], weights: Mapping[str, Tensor], sizes: dict[str, int]
) -> dict[str, int]:
    """Sizes of names that stand alone on an axis, then of those that one unknown leaves open in a product or sum."""
    axes = [pair for name, value in parsed.items() if name in weights for pair in _pairs(name, value, weights[name])]
    for _ in range(len(axes) + 1):
        before = len(sizes)
        for name, axis, size in axes:
            _solve(name, axis, size, sizes)
        if len(sizes) == before:
            break
    return sizes


def _pairs(name: str, axes: tuple[Axis, ...], tensor: Tensor) -> list[tuple[str, Axis, int]]:
    if tensor.ndim < len(axes):
        check_tensor(name, TensorSpec(axes), tensor, None)
    return [(name, axis, int(size)) for axis, size in zip(axes[::-1], tensor.shape[::-1], strict=False)]


def _solve(tensor: str, axis: Axis, size: int, sizes: dict[str, int]) -> None:
    axis = with_sizes(axis, sizes)
    if isinstance(axis, Atom):
        if axis.size is None and axis.name is not None:
            sizes[axis.name] = size
        return
    parts = axis.terms if isinstance(axis, Sum) else axis.factors
    open_parts = [part for part in parts if part.size is None]
    if len(open_parts) != 1:
        return
    rest = [part.size for part in parts if part.size is not None]
    if isinstance(axis, Sum):
        return _solve(tensor, open_parts[0], size - sum(rest), sizes)
    whole = 1
    for part in rest:
        whole *= part
    if size % whole:
        raise ValueError(
            f"Tensor {tensor!r}: an axis of size {size} can't be {axis}, which needs a multiple of {whole}."
        )
    _solve(tensor, open_parts[0], size // whole, sizes)


def _place(
    parsed: Mapping[str, tuple[Axis, ...]], weights: Mapping[str, Tensor] | None
) -> tuple[dict[str, TensorSpec], list[Site]]:
    sites: list[Site] = []
    specs = {}
    for name, axes in parsed.items():
        dtype = (
            str(weights[name].dtype).removeprefix("torch.") if weights is not None and name in weights else "float32"
        )
        neurons = [dim for dim, axis in enumerate(axes) if any(atom.name for atom in axis.atoms())]
        target = (_site(sites, axes[neurons[0]]),) if neurons else ()
        if len(neurons) < 2:
            slot = _SLOT_WORDS.get(name.rsplit(".", 1)[-1], "other")
            role = "vector" if neurons else "other"
            specs[name] = TensorSpec(axes, role, tuple(neurons), (), *target or (None,), (), slot, dtype=dtype)
            continue
        source = axes[neurons[1]]
        terms = source.terms if isinstance(source, Sum) else (source,)
        sources = tuple(_site(sites, _neurons_of(term)) for term in terms)
        op = "conv" if len(axes) > 2 else "linear"
        specs[name] = TensorSpec(
            axes, "weight", (neurons[0],), (neurons[1],), target[0], sources, "weight", op, dtype=dtype
        )
    return specs, sites


def _neurons_of(axis: Axis) -> Axis:
    """The neurons behind a flattened axis: one named factor of ``(c1 7 7)``; otherwise the axis itself."""
    named = [atom for atom in axis.atoms() if atom.name is not None]
    return named[0] if len(named) == 1 else axis


def _site(sites: list[Site], axis: Axis) -> int:
    for index, site in enumerate(sites):
        if site.axis == axis:
            return index
    words = {atom.name for atom in axis.atoms()}
    kind = "input" if words <= {"in"} else "output" if words <= {"out"} else "hidden"
    sites.append(Site(str(axis), axis, kind))
    return len(sites) - 1
