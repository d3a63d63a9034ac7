"""Why the axes of a tensor are free or fixed, in plain sentences."""

from typing import TYPE_CHECKING

from weightspace.space.axes import Atom, Axis, shown_axis
from weightspace.space.parts import TensorSpec
from weightspace.space.table import shown_site
from weightspace.suggest import suggestion

if TYPE_CHECKING:
    from weightspace.space.weightspace import WeightSpace

_DOES = {"permutation": "permuted", "scale": "scaled", "sign": "flipped in sign", "phase": "shifted by half turns"}
_SHOWN = 3  # other tensors of a name


def explain_tensor(space: "WeightSpace", tensor: str) -> str:
    """See `WeightSpace.explain`."""
    if tensor not in space.tensors:
        raise ValueError(f"The space has no tensor {tensor!r}{suggestion(tensor, space.tensors)}.")
    spec = space.tensors[tensor]
    lines = [_head(space, tensor, spec)]
    lines += [_line(space, tensor, dim, axis) for dim, axis in enumerate(spec.axes)]
    if space.report is not None and tensor in space.report.unread:
        lines.append(f"With this example: {space.report.unread[tensor]}.")
    return "\n".join(lines)


def _head(space: "WeightSpace", tensor: str, spec: TensorSpec) -> str:
    axes = " ".join(map(shown_axis, spec.axes))
    what = "buffer" if spec.buffer else "parameter"
    if not spec.axes:
        return f"{tensor} is a {what} without axes; nothing acts on it."
    if spec.target_site is None:
        return f"{tensor} has the axes '{axes}'; it is a {what} that belongs to no neurons."
    target = shown_site(space.sites[spec.target_site])
    if spec.role == "vector":
        return f"{tensor} has the axes '{axes}'; it is the {spec.slot} of {target}."
    sources = [shown_site(space.sites[index]) for index in spec.source_sites if index is not None]
    start = f"from {' and '.join(sources)} " if sources else ""
    return f"{tensor} has the axes '{axes}'; it is a {what} that leads {start}to {target}."


def _line(space: "WeightSpace", tensor: str, dim: int, axis: Axis) -> str:
    atoms = list(dict.fromkeys(axis.atoms()))
    free = [atom for atom in atoms if _is_free(space, atom)]
    told = [_free(space, tensor, str(atom.name)) for atom in free]
    if len(free) < len(atoms):
        fixed = ", ".join(repr(str(atom)) for atom in atoms if atom not in free)
        subject = "It" if not free else f"Its part {fixed}"
        told.append(f"{subject} is fixed, because {_cause(space, tensor, dim, [a for a in atoms if a not in free])}.")
    entries = "1 entry" if axis.size == 1 else f"{'?' if axis.size is None else axis.size} entries"
    return f"Axis {dim}, '{shown_axis(axis)}', {entries}. {' '.join(told)}"


def _is_free(space: "WeightSpace", atom: Atom) -> bool:
    return atom.name is not None and space.names[atom.name].free


def _free(space: "WeightSpace", tensor: str, name: str) -> str:
    kinds = [_DOES[kind] for kind in space.names[name].kinds if kind in _DOES]
    kinds += ["mixed by matrices"] * any(group.name == name for group in space.matrices)
    done = " and ".join([", ".join(kinds[:-1]), kinds[-1]] if len(kinds) > 1 else kinds)
    others = [other for other, spec in space.tensors.items() if other != tensor and _bears(spec, name)]
    more = len(others) - _SHOWN
    shown = others if more < 2 else [*others[:_SHOWN], f"{more} more"]
    beside = f", if those of {', '.join(shown)} are too" if shown else ""
    modal = {action.mode: _DOES[action.kind] for action in space.modal if action.name == name}
    also = "".join(f" In {mode} mode alone they can be {_all_of(space, name, mode)}." for mode in modal)
    return f"The neurons of {name!r} are free: they can be {done}{beside}.{also}"


def _all_of(space: "WeightSpace", name: str, mode: str) -> str:
    found = [_DOES[action.kind] for action in space.modal if action.name == name and action.mode == mode]
    return " or ".join(dict.fromkeys(found)) + " otherwise"


def _bears(spec: TensorSpec, name: str) -> bool:
    return any(atom.name == name for atom in spec.atoms())


def _cause(space: "WeightSpace", tensor: str, dim: int, fixed: list[Atom]) -> str:
    """Why some atoms of an axis are fixed, as a clause."""
    report = space.report
    refuted = [atom.name for atom in fixed if report is not None and atom.name in report.failed]
    if refuted:
        return f"moving the neurons of {', '.join(map(repr, refuted))} changed the outputs when it was tried"
    if all(atom.size == 1 for atom in fixed):
        return "a single entry has nothing to change places with"
    if report is not None and (clauses := report.causes.get(tensor)) and dim < len(clauses) and clauses[dim]:
        return clauses[dim]
    if any(atom.name is not None for atom in fixed):
        names = ", ".join(repr(atom.name) for atom in fixed if atom.name is not None)
        return f"{names} was declared so when the space was made"
    return "the notation gives it a number and no name" if report is None else "its reason wasn't recorded"
