"""A weight space as a table that a person reads."""

from typing import TYPE_CHECKING

from weightspace.space.axes import format_axes

if TYPE_CHECKING:
    from weightspace.space.weightspace import WeightSpace


def space_table(space: "WeightSpace") -> str:
    """Two tables: each tensor with its axes, then each name with its size and the symmetries that hold."""
    head = (
        f"WeightSpace {space.hash}: {len(space.tensors)} tensors, "
        f"{sum(spec.numel for spec in space.tensors.values() if not spec.buffer):,} parameters, "
        f"{len(space.free)} free names, {space.moved:.1%} moved"
    )
    tensors = [(name, format_axes(spec.axes) or "-", _place(space, spec)) for name, spec in space.tensors.items()]
    names = [
        (name, "?" if group.size is None else str(group.size), _kinds(space, name) if group.free else "fixed")
        for name, group in space.names.items()
    ]
    return "\n\n".join(
        [head, _columns(("tensor", "axes", "place"), tensors), _columns(("name", "size", "symmetry"), names)]
    )


def _kinds(space: "WeightSpace", name: str) -> str:
    matrices = [g.kind if g.per is None else f"{g.kind} per {g.per}" for g in space.matrices if g.name == name]
    return ", ".join((*space.names[name].kinds, *matrices))


def _place(space: "WeightSpace", spec) -> str:
    if spec.target_site is None:
        return spec.role
    target = space.sites[spec.target_site].name
    if spec.role == "vector":
        return f"{spec.slot} of {target}"
    sources = [space.sites[index].name if index is not None else "?" for index in spec.source_sites]
    return f"{' + '.join(sources) or '?'} -> {target}"


def _columns(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    widths = [max(len(row[column]) for row in [head, *rows]) for column in range(len(head))]
    lines = [head, tuple("-" * width for width in widths), *rows]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines
    )
