"""Entries of tensors that no output depends on: what the example doesn't read can't be known to move."""

from collections.abc import Container, Iterable, Mapping, Sequence

from weightspace.space.algebra.causes import because
from weightspace.space.algebra.dims import Dim, find, fix, is_fixed, leaves, terms
from weightspace.space.algebra.value import Step, Value

NOWHERE = "read nowhere"


def fix_unread(
    live: Mapping[int, set[Dim]],
    params: Mapping[str, Value],
    unused: Container[str],
    free_unused: bool,
) -> dict[str, str]:
    """Fix every entry of a parameter that no output reads.

    A table of positions that is longer than the example would otherwise have free rows, which a longer input reads.

    Args:
        live: what `live_leaves` gives. params: the value of each parameter. unused: those that the code reads nowhere;
            ``free_unused`` leaves them alone.

    Returns:
        For each tensor of which something isn't read a sentence that says how much is.
    """
    used = {leaf for name, value in params.items() if name not in unused for leaf in _leaves(value)}
    found = {}
    for name, value in params.items():
        rest: list[Dim] = []
        if id(value) in live:
            rest = [leaf for leaf in _leaves(value) if leaf not in live[id(value)] and not leaf.fixed]
            axes = [axis for axis, dim in enumerate(value.dims) if any(leaf in rest for leaf in map(find, leaves(dim)))]
            if rest:
                found[name] = "; ".join(_share(value.dims[axis], axis, live[id(value)]) for axis in axes)
        elif name in unused and not free_unused:
            rest = [leaf for leaf in _leaves(value) if leaf not in used]
            if any(not leaf.fixed for leaf in rest):
                found[name] = NOWHERE
        with because("no output of the example depends on it"):
            for leaf in rest:
                fix(leaf)
    return found


def live_leaves(steps: Sequence[Step], ends: Iterable[Value]) -> dict[int, set[Dim]]:
    """For each value that an output depends on, by its identity, the leaves of its axes that do so.

    Args:
        steps: in the order of the computation. ends: outputs, and buffers as the computation leaves them.
    """
    live = {id(value): set(_leaves(value)) for value in ends}
    for step in reversed(steps):
        if id(step.out) not in live:
            continue
        read, seen = live[id(step.out)], set(_leaves(step.out))
        for value in step.ins:
            own = set(_leaves(value))
            passed = own & read if step.kind == "slice" else {leaf for leaf in own if leaf in read or leaf not in seen}
            live.setdefault(id(value), set()).update(passed)
        for value in step.also:
            live.setdefault(id(value), set()).update(_leaves(value))
    return live


def _leaves(value: Value) -> list[Dim]:
    return [find(leaf) for dim in value.dims for leaf in leaves(dim)]


def _share(dim: Dim, axis: int, read: set[Dim]) -> str:
    seen = sum(term.size for term in terms(dim) if is_fixed(term) or all(find(leaf) in read for leaf in leaves(term)))
    return f"read {seen} of {dim.size} along axis {axis}"
