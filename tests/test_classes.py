"""Classes are abstract or final: none overrides what a base of ours implements."""

import inspect
from abc import ABC, abstractmethod
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "weightspace"
ROOMS = ("graphs", "metanets", "generators", "optimizers", "tasks", "align", "hub", "testing")


def modules(room: str) -> Iterator[str]:
    """Every module of a room, or the room where it is a file."""
    paths = [PACKAGE / f"{room}.py"] if (PACKAGE / f"{room}.py").exists() else sorted((PACKAGE / room).rglob("*.py"))
    for path in paths:
        if path.name != "__init__.py":
            yield ".".join(("weightspace", *path.relative_to(PACKAGE).with_suffix("").parts))


def overridden(kind: type, ours: str = "weightspace") -> list[str]:
    """What a class implements although a base of ours does; names that Python gives a meaning are left out."""
    return [
        f"{kind.__name__}.{name} overrides {base.__name__}.{name}"
        for name, value in vars(kind).items()
        if not name.startswith("__") and (inspect.isroutine(value) or isinstance(value, property | classmethod))
        for base in kind.__mro__[1:]
        if base.__module__.startswith(ours) and name in vars(base)
        and not getattr(vars(base)[name], "__isabstractmethod__", False)
    ]  # fmt: skip


@pytest.mark.parametrize("room", ROOMS)
def test_nothing_implemented_is_overridden(room):
    found = []
    for name in modules(room):
        kinds = [kind for kind in vars(import_module(name)).values() if inspect.isclass(kind)]
        found += [fault for kind in kinds if kind.__module__ == name for fault in overridden(kind)]
    assert not found, "\n".join(found)


class Base(ABC):
    @abstractmethod
    def hook(self): ...

    def done(self):
        return 1


class Good(Base):
    def hook(self):
        return self.done()


class Bad(Good):
    def done(self):
        return 2


class AlsoBad(Good):
    def hook(self):
        return 3


def test_what_overrides_is_found():
    assert not overridden(Good, __name__)
    assert overridden(Bad, __name__) == ["Bad.done overrides Base.done"]
    assert overridden(AlsoBad, __name__) == ["AlsoBad.hook overrides Good.hook"]
