"""Whether the parts of a weight space that came from outside hold together: sizes, and what refers to what."""

from collections.abc import Sequence
from math import prod
from typing import TYPE_CHECKING, NoReturn

import torch

from weightspace.space.axes import Atom, Axis, Sum
from weightspace.space.matrices import MatrixGroup, Side, owner_of
from weightspace.space.parts import Action, TensorSpec
from weightspace.space.read import MOST

if TYPE_CHECKING:
    from weightspace.space.weightspace import WeightSpace

_MOST_AXES = 32


def check_references(space: "WeightSpace", place: str) -> None:
    """See that everything that is referred to exists and fits.

    Args:
        space: what was read. place: where it stands; begins every error.

    Raises:
        ValueError: a site, name, tensor, axis or occurrence that there isn't, or a size out of bounds.
    """
    for name, spec in space.tensors.items():
        _check_tensor(space, spec, f"{place}: tensors.{name}")
    known: set[str] = set()
    for number, site in enumerate(space.sites):
        here = f"{place}: sites[{number}]"
        _check_axis(space, site.axis, f"{here}.axis")
        if site.name in known:
            _fail(f"{here}.name", "a name that no other site has", site.name)
        known.add(site.name)
    for number, link in enumerate(space.links):
        for word, site in (("source", link.source), ("target", link.target)):
            if site >= len(space.sites):
                _fail(f"{place}: links[{number}], its {word},", _one_of_sites(space), site)
    for word, actions in (("actions", space.actions), ("modal", space.modal)):
        for number, action in enumerate(actions):
            _check_action(space, action, actions, f"{place}: {word}[{number}]")
            if word == "modal" and action.mode == "both":
                _fail(f"{place}: modal[{number}].mode", "train or eval", action.mode)
    for number, group in enumerate(space.matrices):
        _check_matrices(space, group, f"{place}: matrices[{number}]")


def _fail(place: str, expected: str, found: object) -> NoReturn:
    raise ValueError(f"{place} must be {expected}, got {found!r}.")


def _one_of_sites(space: "WeightSpace") -> str:
    return f"the number of one of the {len(space.sites)} sites, counted from 0"


def _check_axis(space: "WeightSpace", axis: Axis, place: str) -> None:
    for atom in axis.atoms():
        if atom.name is not None and atom.name not in space.names:
            _fail(place, f"made of the names {', '.join(space.names) or '(none)'}", atom.name)
        if atom.size == 0 and atom != axis:
            _fail(place, "products and sums of at least one entry each", str(axis))
    if (axis.size or 0) > MOST:
        raise ValueError(f"{place} must have {MOST} entries at most; its sizes multiply to more.")


def _check_tensor(space: "WeightSpace", spec: TensorSpec, place: str) -> None:
    if len(spec.axes) > _MOST_AXES:
        _fail(place, f"a tensor of {_MOST_AXES} axes at most", len(spec.axes))
    for axis in spec.axes:
        _check_axis(space, axis, f"{place}.axes")
    if spec.numel > MOST:
        raise ValueError(f"{place} must have {MOST} entries at most; its axes multiply to more.")
    if spec.role != "other" and 0 in spec.shape:
        _fail(f"{place}.axes", "axes of at least one entry each", list(spec.shape))
    for word, axes in (("target", spec.target), ("source", spec.source)):
        if len(set(axes)) < len(axes) or any(axis >= len(spec.axes) for axis in axes):
            _fail(f"{place}.{word}", f"distinct numbers of its {len(spec.axes)} axes, counted from 0", list(axes))
    if set(spec.target) & set(spec.source):
        _fail(f"{place}.source", "axes that aren't target axes too", list(spec.source))
    sites = [("target_site", spec.target_site), *(("source_sites", site) for site in spec.source_sites)]
    for word, site in sites:
        if site is not None and site >= len(space.sites):
            _fail(f"{place}.{word}", _one_of_sites(space), site)
    _check_ends(spec, place)


def _check_ends(spec: TensorSpec, place: str) -> None:
    if spec.role != "other" and spec.target_site is not None and not spec.target:
        _fail(f"{place}.target", "the axes of the target neurons", list(spec.target))
    summed = next((spec.axes[axis] for axis in spec.source if isinstance(spec.axes[axis], Sum)), None)
    terms = len(summed.terms) if isinstance(summed, Sum) else 1
    if len(spec.source_sites) not in (0, 1, terms):
        _fail(f"{place}.source_sites", f"one site, or {terms}: one for each term", list(spec.source_sites))


def _check_action(space: "WeightSpace", action: Action, others: Sequence[Action], place: str) -> None:
    group = space.names.get(action.name)
    if group is None or not group.free:
        _fail(f"{place}.name", f"one of the free names {', '.join(space.free) or '(none)'}", action.name)
    if action.kind != "phase" and not action.powers:
        _fail(f"{place}.powers", "of one tensor at least", {})
    if (action.kind == "phase") != bool(action.shifts):
        _fail(f"{place}.shifts", "given for a phase, and for nothing else", dict(action.shifts))
    for tensor in (*action.powers, *action.shifts):
        spec = space.tensors.get(tensor)
        if spec is None:
            _fail(place, "about tensors of the space", tensor)
        if not (_type(spec).is_floating_point or _type(spec).is_complex):
            _fail(f"{place}, its tensor {tensor}", "of floating point numbers", spec.dtype)
    for tensor, powers in action.powers.items():
        _check_powers(action, space.tensors[tensor], powers, f"{place}.powers.{tensor}")
    for tensor, shift in action.shifts.items():
        _check_shift(action, space.tensors[tensor], tensor, others, f"{place}.shifts.{tensor}")
        if abs(shift) < 1e-9:
            _fail(f"{place}.shifts.{tensor}", "a number other than 0", shift)


def _check_matrices(space: "WeightSpace", group: MatrixGroup, place: str) -> None:
    if group.name is not None and (group.name not in space.names or not space.names[group.name].free):
        _fail(f"{place}.name", f"one of the free names {', '.join(space.free) or '(none)'}", group.name)
    if not group.powers:
        _fail(f"{place}.powers", "of one tensor at least", {})
    for tensor, sides in group.powers.items():
        spec = space.tensors.get(tensor)
        if spec is None:
            _fail(f"{place}.powers", "about tensors of the space", tensor)
        if not (_type(spec).is_floating_point or _type(spec).is_complex):
            _fail(f"{place}.powers, its tensor {tensor}", "of floating point numbers", spec.dtype)
        for side in sides:
            _check_side(space, group, spec, side, place)
    _check_sizes(space, group, place)


def _check_side(space: "WeightSpace", group: MatrixGroup, spec: TensorSpec, side: Side, place: str) -> None:
    """See that a side names neurons of the group, beside which the owners of its matrices stand."""
    atoms = spec.axes[side.dim].atoms() if side.dim < len(spec.axes) else ()
    run = atoms[side.occurrence : side.occurrence + side.span]
    named = {atom.name for atom in run if atom.name is not None and space.names[atom.name].free}
    mixed = len(run) == side.span and named == ({group.name} - {None}) and not (named and side.span > 1)
    if not mixed or not _is_part(atoms, side):
        what = "channels without a free name stand" if group.name is None else f"{group.name!r} stands"
        _fail(f"{place}.powers", f"about an axis and occurrence where {what}", side.to_list())
    allowed = (1,) if group.kind == "orthogonal" else (1, -1)
    if side.power not in allowed:
        _fail(f"{place}.powers", f"of powers {' and '.join(map(str, allowed))}", side.power)
    if group.per is not None and not _has_owner(spec, side, group.per):
        _fail(f"{place}.per", "a name that stands once beside the neurons, wherever they are mixed", group.per)


def _is_part(atoms: Sequence[Atom], side: Side) -> bool:
    if side.part is None:
        return True
    number, entry = side.part
    return number < len(atoms) and atoms[number].name is None and entry < (atoms[number].size or 0)


def _has_owner(spec: TensorSpec, side: Side, per: str) -> bool:
    try:
        owner_of(spec.axes[side.dim], side.occurrence, per)
    except ValueError:
        return False
    return True


def _check_sizes(space: "WeightSpace", group: MatrixGroup, place: str) -> None:
    """Every place must have as many neurons; pairs need an even number, and a kind that has pairs."""
    sizes = set()
    for tensor, sides in group.powers.items():
        for side in sides:
            run = space.tensors[tensor].axes[side.dim].atoms()[side.occurrence : side.occurrence + side.span]
            sizes.add(prod(atom.size or 1 for atom in run))
    if len(sizes) != 1:
        _fail(f"{place}.powers", "of one number of neurons", sorted(sizes))
    if (group.kind == "complex") != (group.pairs is not None) or (group.pairs and sizes.pop() % 2):
        _fail(
            f"{place}.pairs", "given for a complex group of an even number of channels, and for no other", group.pairs
        )


def _type(spec: TensorSpec) -> torch.dtype:
    return getattr(torch, spec.dtype)


def _check_powers(action: Action, spec: TensorSpec, powers: tuple, place: str) -> None:
    if not powers:
        _fail(place, "a list of axis, occurrence and power at least once", [])
    places = [power[:2] for power in powers]
    if len(set(places)) < len(places):
        _fail(place, "about each atom once", [list(power) for power in powers])
    for dim, occurrence, power in powers:
        atoms = spec.axes[dim].atoms() if dim < len(spec.axes) else None
        if atoms is None or occurrence >= len(atoms) or atoms[occurrence].name != action.name:
            _fail(place, f"about an axis and occurrence where {action.name!r} stands", [dim, occurrence])
        if action.kind == "sign" and power != int(power):
            _fail(place, "whole powers, as it is about signs", power)


def _check_shift(action: Action, spec: TensorSpec, tensor: str, others: Sequence[Action], place: str) -> None:
    if [axis for axis in spec.axes if isinstance(axis, Atom) and axis.name == action.name] != list(spec.axes):
        _fail(place, f"of a tensor whose one axis is {action.name!r}", " ".join(map(str, spec.axes)))
    for other in (other for other in others if tensor in other.powers):
        if other.kind != "sign" or any(power[2] % 2 == 0 for power in other.powers[tensor]):
            _fail(place, "of a tensor that only signs multiply otherwise", f"a {other.kind} of {other.name}")
