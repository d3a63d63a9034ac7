"""A weight space as a table that a person reads."""

from typing import TYPE_CHECKING

from weightspace.space.axes import shown_axis
from weightspace.space.parts import Site, TensorSpec

if TYPE_CHECKING:
    from weightspace.space.weightspace import WeightSpace

_SHOWN = 4  # tensors of a name; more are counted


def space_line(space: "WeightSpace") -> str:
    """The hash of a space and what it counts, in one line."""
    parameters = sum(spec.numel for spec in space.tensors.values() if not spec.buffer)
    return (
        f"WeightSpace {space.hash}: {_counted(len(space.tensors), 'tensor')}, {_counted(parameters, 'parameter')}, "
        f"{_counted(len(space.free), 'free name')}, {space.moved:.1%} moved"
    )


def space_table(space: "WeightSpace") -> str:
    """Each tensor with its axes and place; each name with its size, symmetries, their modes, and where it stands.

    Where a name stands is told as tensors with the numbers of their axes, counted from 0: ``fc.weight[1]``.
    """
    tensors = [(name, _axes(spec), _place(space, spec)) for name, spec in space.tensors.items()]
    standing = _standing(space)
    names = [
        (name, "?" if group.size is None else str(group.size), *_kinds(space, name), standing[name])
        for name, group in space.names.items()
    ]
    head = ("name", "size", "symmetries", "modes", "stands in")
    tables = [_columns(("tensor", "axes", "place"), tensors), _columns(head, names)]
    unnamed = [(", ".join(group.powers), str(group)) for group in space.matrices if group.name is None]
    if unnamed:
        tables.append(_columns(("channels of", "symmetries"), unnamed))
    return "\n\n".join([space_line(space), *tables])


def _counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _axes(spec: TensorSpec) -> str:
    return " ".join(map(shown_axis, spec.axes)) or "-"


def _kinds(space: "WeightSpace", name: str) -> tuple[str, str]:
    """The symmetries of a name, and the modes in which they hold."""
    if not space.names[name].free:
        return "fixed", "-"
    matrices = [str(group) for group in space.matrices if group.name == name]
    modal: dict[str, dict[str, None]] = {}
    for action in space.modal:
        if action.name == name:
            modal.setdefault(action.mode, {})[action.kind] = None
    more = [f"{', '.join(kinds)} in {mode} alone" for mode, kinds in modal.items()]
    return ", ".join((*space.names[name].kinds, *matrices)), "; ".join(["train, eval", *more])


def _standing(space: "WeightSpace") -> dict[str, str]:
    """For each name the tensors and axes that bear it."""
    found: dict[str, list[str]] = {name: [] for name in space.names}
    for tensor, spec in space.tensors.items():
        axes: dict[str, list[str]] = {}
        for dim, axis in enumerate(spec.axes):
            for name in dict.fromkeys(atom.name for atom in axis.atoms() if atom.name is not None):
                axes.setdefault(name, []).append(str(dim))
        for name, dims in axes.items():
            found[name].append(f"{tensor}[{', '.join(dims)}]")
    return {name: _shortened(places) for name, places in found.items()}


def _shortened(places: list[str]) -> str:
    more = len(places) - _SHOWN
    return ", ".join(places if more < 2 else [*places[:_SHOWN], f"{more} more"])


def _place(space: "WeightSpace", spec: TensorSpec) -> str:
    if spec.target_site is None:
        return spec.role
    target = shown_site(space.sites[spec.target_site])
    if spec.role == "vector":
        return f"{spec.slot} of {target}"
    sources = [shown_site(space.sites[index]) if index is not None else "?" for index in spec.source_sites]
    return f"{' + '.join(sources) or '?'} -> {target}"


def shown_site(site: Site) -> str:
    """The name of a site, with its axis as a person reads it."""
    axis = str(site.axis)
    return shown_axis(site.axis) + site.name.removeprefix(axis) if site.name.startswith(axis) else site.name


def _columns(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    widths = [max(len(row[column]) for row in [head, *rows]) for column in range(len(head))]
    lines = [head, tuple("-" * width for width in widths), *rows]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines
    )
