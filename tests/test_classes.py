"""Classes are abstract or final: none overrides what a base of ours implements."""

import ast
import inspect
import re
from abc import ABC, abstractmethod
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "weightspace"
ROOMS = (
    "machine", "space", "checkpoints", "nets", "data", "inr", "zoo", "graphs", "pretrained", "metanets", "generators",
    "optimizers", "tasks", "align", "hub", "app", "cli", "testing",
)  # fmt: skip


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


def crowded(path: Path) -> list[str]:
    """Arguments in the docstrings of a file's classes that share a line with the one before."""
    found = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ClassDef):
            fields = [each.target.id for each in node.body if isinstance(each, ast.AnnAssign) and
                      isinstance(each.target, ast.Name)]  # fmt: skip
            text = ast.get_docstring(node) or ""
            found += [f"{path.name}: {node.name}.{name}" for name in fields if re.search(rf"\S.*[.;] {name}: ", text)]
    return found


def test_each_argument_of_a_class_has_a_line_of_its_own():
    """The help of scripts shows an argument's line beside its flag: two in a line are shown under one."""
    found = [fault for path in sorted(PACKAGE.rglob("*.py")) for fault in crowded(path)]
    assert not found, "\n".join(found)


def test_two_arguments_in_a_line_are_seen(tmp_path):
    path = tmp_path / "bad.py"
    path.write_text(
        'class Bad:\n    """A.\n\n    Args:\n        one: it. two: other.\n    """\n\n    one: int\n    two: int\n'
    )
    assert crowded(path) == ["bad.py: Bad.two"]
