"""A weight space from JSON values: every field is read through its type before anything is built."""

from typing import Any

import torch

from weightspace.reading import Unread
from weightspace.space.axes import Axis, parse_axes
from weightspace.space.matrices import MATRIX_KINDS, PAIRS, MatrixGroup, Side
from weightspace.space.parts import KINDS, MODES, ROLES, SLOTS, Action, Group, Link, Site, TensorSpec
from weightspace.space.report import Report

FORMAT = 1
MOST = 2**40  # entries of a tensor, neurons of a name or a site
_SITES = ("input", "hidden", "output")
_DEEPEST = 2**31
ACTING = ("scale", "sign", "phase")  # kinds of actions; permutations and matrices stand elsewhere


def read_parts(unread: Unread) -> dict[str, Any]:
    """The arguments of a `WeightSpace`, from what `WeightSpace.to_dict` wrote; what they refer to isn't checked yet.

    Raises:
        ValueError: a field is missing, unknown, or of another type or range; names its place.
    """
    version = unread.entries().get("format")
    if version is None or version.value != FORMAT or isinstance(version.value, bool):
        found = None if version is None else version.value
        raise ValueError(f"{unread.place}: a weight space of format {FORMAT} is expected, got {found!r}.")
    told = ("format", "tensors", "names", "sites", "links", "actions")
    found = unread.fields(*told, optional=("modal", "matrices", "report"))
    names = {name: _group(value) for name, value in found["names"].entries().items()}
    sizes = {name: group.size for name, group in names.items() if group.size is not None}
    report, modal, matrices = found.get("report"), found.get("modal"), found.get("matrices")
    return {
        "tensors": {name: _tensor(value, sizes) for name, value in found["tensors"].entries().items()},
        "names": names,
        "sites": tuple(_site(value, sizes) for value in found["sites"].items()),
        "links": tuple(_link(value) for value in found["links"].items()),
        "actions": tuple(_action(value) for value in found["actions"].items()),
        "report": None if report is None else report.maybe(_report),
        "modal": tuple(_action(value) for value in modal.items()) if modal is not None else (),
        "matrices": tuple(_matrix_group(value) for value in matrices.items()) if matrices is not None else (),
    }


def _group(unread: Unread) -> Group:
    size, free, kinds = unread.items(3)
    return Group(
        size.maybe(lambda value: value.whole(least=1, most=MOST)),
        free.flag(),
        tuple(kind.text(KINDS) for kind in kinds.items()),
    )


def _tensor(unread: Unread, sizes: dict[str, int]) -> TensorSpec:
    found = unread.fields(
        *("axes", "role", "target", "source", "target_site", "source_sites"),
        *("slot", "op", "settings", "dtype", "buffer"),
    )
    return TensorSpec(
        axes=_axes(found["axes"], sizes),
        role=found["role"].text(ROLES),
        target=_numbers(found["target"]),
        source=_numbers(found["source"]),
        target_site=found["target_site"].maybe(_number),
        source_sites=tuple(site.maybe(_number) for site in found["source_sites"].items()),
        slot=found["slot"].text(SLOTS),
        op=found["op"].text(longest=100),
        settings=_settings(found["settings"]),
        dtype=_dtype(found["dtype"]),
        buffer=found["buffer"].flag(),
    )


def _number(unread: Unread) -> int:
    return unread.whole(least=0, most=_DEEPEST)


def _numbers(unread: Unread) -> tuple[int, ...]:
    return tuple(_number(item) for item in unread.items())


def _axes(unread: Unread, sizes: dict[str, int]) -> tuple[Axis, ...]:
    text = unread.text()
    try:
        return parse_axes(text, sizes)
    except ValueError as error:
        raise ValueError(f"{unread.place}: {error}") from None


def _settings(unread: Unread) -> dict[str, Any]:
    return {name: value.plain() for name, value in unread.entries().items()}


def _dtype(unread: Unread) -> str:
    name = unread.text()
    if not isinstance(getattr(torch, name, None), torch.dtype):
        unread.fail("the name of a torch type, such as float32")
    return name


def _site(unread: Unread, sizes: dict[str, int]) -> Site:
    found = unread.fields("name", "axis", "kind", "activation", "depth", "settings")
    axes = _axes(found["axis"], sizes)
    if len(axes) != 1:
        found["axis"].fail("the notation of one axis")
    return Site(
        found["name"].text(),
        axes[0],
        found["kind"].text(_SITES),
        found["activation"].text(longest=100),
        _number(found["depth"]),
        _settings(found["settings"]),
    )


def _link(unread: Unread) -> Link:
    source, target, kind = unread.items(3)
    return Link(_number(source), _number(target), kind.text(longest=100))


def _action(unread: Unread) -> Action:
    found = unread.fields("name", "kind", "powers", "shifts", optional=("mode",))
    powers = {name: tuple(_power(item) for item in value.items()) for name, value in found["powers"].entries().items()}
    shifts = {name: value.number(-1e6, 1e6) for name, value in found["shifts"].entries().items()}
    mode = found["mode"].text(MODES) if "mode" in found else "both"
    return Action(found["name"].text(), found["kind"].text(ACTING), powers, shifts, mode)


def _matrix_group(unread: Unread) -> MatrixGroup:
    found = unread.fields("name", "kind", "powers", "per", optional=("pairs",))
    powers = {name: tuple(_side(item) for item in value.items()) for name, value in found["powers"].entries().items()}
    pairs = found["pairs"].text(PAIRS) if "pairs" in found else None
    name, per = found["name"].maybe(Unread.text), found["per"].maybe(Unread.text)
    return MatrixGroup(name, found["kind"].text(MATRIX_KINDS), powers, per, pairs)


def _side(unread: Unread) -> Side:
    given = unread.items()
    if len(given) not in (3, 4, 6):
        unread.fail("3, 4 or 6 numbers: axis, occurrence, power, number of atoms, and an atom with its entry")
    numbers = [number.whole(least=-_DEEPEST, most=_DEEPEST) for number in given]
    if min(*numbers[:2], *numbers[3:], 0) < 0 or 0 in numbers[3:4]:
        unread.fail("an axis, an occurrence and a power, and a number of atoms from 1")
    return Side.from_list(numbers)


def _power(unread: Unread) -> tuple[int, int, int | float]:
    dim, occurrence, power = unread.items(3)
    value = power.number(-1000, 1000)
    if value == 0:
        power.fail("a number other than 0")
    return _number(dim), _number(occurrence), value


def _report(unread: Unread) -> Report:
    found = unread.fields(
        "lost",
        optional=(
            *("error", "change", "moved", "failed", "operators"),
            *("seconds", "errors", "unread", "cases", "notes", "causes"),
        ),
    )
    readers = {
        "error": lambda value: value.maybe(_measured),
        "change": lambda value: value.maybe(_measured),
        "moved": _measured,
        "operators": _number,
        "lost": lambda value: {name: _texts(texts) for name, texts in value.entries().items()},
        "seconds": lambda value: {name: _measured(number) for name, number in value.entries().items()},
        "errors": lambda value: {name: _measured(number) for name, number in value.entries().items()},
        "causes": lambda value: {name: _texts(texts) for name, texts in value.entries().items()},
        "unread": lambda value: {name: text.text() for name, text in value.entries().items()},
        **dict.fromkeys(("failed", "cases", "notes"), _texts),
    }
    return Report(**{name: readers[name](value) for name, value in found.items()})


def _measured(unread: Unread) -> int | float:
    return unread.number(finite=False)  # an error that overflows is one that was measured


def _texts(unread: Unread) -> tuple[str, ...]:
    return tuple(item.text() for item in unread.items())
