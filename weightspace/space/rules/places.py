"""Numbers that are places along an axis: which operators know what that means. For all others the axis is fixed."""

from collections.abc import Iterable, Sequence
from typing import Any

from weightspace.space.algebra.dims import fix
from weightspace.space.algebra.value import Value

# Operators after which the numbers are the same places, one to one.
_KEEPS = frozenset(
    f"aten.{name}"
    for name in (
        "view", "reshape", "_unsafe_view", "flatten", "unflatten", "squeeze", "unsqueeze", "permute", "transpose", "t",
        "expand", "expand_as", "clone", "contiguous", "to", "_to_copy", "detach", "alias", "select", "slice", "split",
        "unbind", "chunk", "repeat_interleave", "repeat",
    )
)  # fmt: skip

# Operators that read entries at places; what they read may be places too.
_READS = frozenset(f"aten.{name}" for name in ("gather", "take_along_dim", "index", "index_select", "embedding"))
_WRITES = frozenset(
    f"aten.{name}" for name in ("scatter", "scatter_add", "scatter_reduce", "index_add", "index_copy", "one_hot")
)

KNOWS_PLACES = _KEEPS | _READS | _WRITES


def forget_places(values: Iterable[Value]) -> None:
    """The numbers are used for something else, to which it matters where the entries stand."""
    for value in values:
        if value.places is not None:
            fix(value.places)


def keep_places(name: str, values: Sequence[Value], found: Any) -> Any:
    """What an operator gives; where it only moves places around, they are still places along the same axis."""
    places = values[0].places if values else None
    if places is None or name not in _KEEPS | _READS:
        return found
    for result in found if isinstance(found, list | tuple) else [found]:
        if result.dtype.is_floating_point or result.dtype.is_complex:
            fix(places)
        else:
            result.places = places
    return found
