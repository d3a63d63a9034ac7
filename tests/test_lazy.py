"""Packages whose names are found when they are first used."""

import sys
from types import ModuleType

import pytest

from weightspace.lazy import lazy_names


@pytest.fixture
def package(monkeypatch):
    module = ModuleType("a_face")
    module.__getattr__, module.__dir__ = lazy_names("a_face", {"fractions": ["Fraction"], "decimal": ["Decimal"]})
    monkeypatch.setitem(sys.modules, "a_face", module)
    return module


def test_a_name_is_found_once_and_kept(package):
    assert "Fraction" not in vars(package)
    assert package.Fraction(1, 2) == 0.5
    assert "Fraction" in vars(package)


def test_an_unknown_name_is_told_with_the_known_ones(package):
    with pytest.raises(AttributeError, match=r"a_face has no 'Fractions'; it has Decimal, Fraction.*'Fraction'"):
        package.Fractions  # noqa: B018


def test_all_names_are_listed(package):
    assert dir(package) == ["Decimal", "Fraction"]
