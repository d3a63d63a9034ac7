"""The notation of one axis: names, numbers, products and sums of them.

Grammar (blanks separate axes, as in einops)::

    tensor := axis*
    axis   := name | number | '(' axis+ ')' | '(' axis+ ('+' axis+)+ ')'

A name is a set of neurons, a number is a fixed axis, ``(a 7 7)`` a product (a flatten), ``(a + b)`` a sum (a
concatenation).
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby
from math import prod
from typing import NoReturn, TypeAlias

_MOST_DIGITS, _DEEPEST, _SHOWN = 15, 50, 200
_TOKEN = re.compile(r"\s*(?:(?P<number>[0-9]+)|(?P<name>[^\W\d][\w.\[\]:-]*)|(?P<mark>[()+]))")


@dataclass(frozen=True)
class Atom:
    """A set of neurons (``name``), or a plain number (``name`` is None). ``size`` is None until it is known."""

    name: str | None
    size: int | None

    def atoms(self) -> tuple["Atom", ...]:
        """The atoms from left to right: this one."""
        return (self,)

    def __str__(self) -> str:
        return self.name if self.name is not None else str(self.size)


@dataclass(frozen=True)
class Product:
    """Axes flattened into one, the last varies fastest: ``(c1 7 7)``."""

    factors: tuple["Axis", ...]

    @property
    def size(self) -> int | None:
        sizes = [factor.size for factor in self.factors]
        return None if None in sizes else prod(sizes)  # type: ignore[arg-type]

    def atoms(self) -> tuple[Atom, ...]:
        """The atoms from left to right."""
        return tuple(atom for factor in self.factors for atom in factor.atoms())

    def __str__(self) -> str:
        return "(" + " ".join(map(str, self.factors)) + ")"


@dataclass(frozen=True)
class Sum:
    """Axes one after the other in one: ``(c1 + c5)``."""

    terms: tuple["Axis", ...]

    @property
    def size(self) -> int | None:
        sizes = [term.size for term in self.terms]
        return None if None in sizes else sum(sizes)  # type: ignore[arg-type]

    def atoms(self) -> tuple[Atom, ...]:
        """The atoms from left to right."""
        return tuple(atom for term in self.terms for atom in term.atoms())

    def __str__(self) -> str:
        return "(" + " + ".join(map(str, self.terms)) + ")"


Axis: TypeAlias = Atom | Product | Sum


def format_axes(axes: tuple[Axis, ...]) -> str:
    """The notation of a tensor with these axes; `parse_axes` reads it back."""
    return " ".join(map(str, axes))


def shown_axis(axis: Axis) -> str:
    """One axis as a person reads it: like its notation, but equal terms of a sum are counted, ``(4 lstm)``."""
    if isinstance(axis, Atom):
        return str(axis)
    if isinstance(axis, Product):
        return "(" + " ".join(map(shown_axis, axis.factors)) + ")"
    told = []
    for term, run in groupby(axis.terms):
        count, text = len(list(run)), shown_axis(term)
        named = any(atom.name for atom in term.atoms())
        told += [f"{count} {text}"] if named and count > 1 else [text] * count
    return "(" + " + ".join(told) + ")"


def parse_axes(text: str, sizes: Mapping[str, int] | None = None) -> tuple[Axis, ...]:
    """Read the notation of one tensor.

    Args:
        text: for example ``"out (c1 7 7)"``.
        sizes: the size of each name; a name without one gets an atom of size None.

    Raises:
        ValueError: the text doesn't parse; the message marks the place.
    """
    parser = _Parser(text, dict(sizes or {}))
    axes = tuple(parser.axes(closing=False))
    if parser.token:
        parser.fail("expected the end, a name, a number or '('")
    return axes


class _Parser:
    """Recursive descent over the tokens of one text."""

    def __init__(self, text: str, sizes: dict[str, int]):
        self.text, self.sizes = text, sizes
        self.start = self.end = self.depth = 0
        self.token = ""
        self.advance()

    def advance(self) -> None:
        rest = self.text[self.end :]
        if not rest.strip():
            self.start = self.end = len(self.text)
            self.token = ""
            return
        found = _TOKEN.match(self.text, self.end)
        if not found:
            self.start = self.end + len(rest) - len(rest.lstrip())
            self.fail("expected a name, a number, '(', ')' or '+'")
        group = str(found.lastgroup)
        self.start, self.end = found.start(group), found.end()
        self.token = found[group]

    def axes(self, closing: bool) -> Iterator[Axis]:
        while self.token and self.token not in ")+":
            yield self.axis()
        if closing and not self.token:
            self.fail("expected ')'")

    def axis(self) -> Axis:
        token = self.token
        if token == "(":
            return self.group()
        if _is_number(token) and len(token) > _MOST_DIGITS:
            self.fail(f"expected a number of {_MOST_DIGITS} digits at most")
        self.advance()
        return Atom(None, int(token)) if _is_number(token) else Atom(token, self.sizes.get(token))

    def group(self) -> Axis:
        terms = []
        self.depth += 1
        if self.depth > _DEEPEST:
            self.fail(f"expected at most {_DEEPEST} parentheses within each other")
        while self.token in ("(", "+") and self.token:
            if terms and self.token == "(":
                break
            self.advance()
            factors = tuple(self.axes(closing=True))
            if not factors:
                self.fail("expected a name or a number")
            terms.append(product_of(factors))
        if self.token != ")":
            self.fail("expected ')'")
        self.advance()
        self.depth -= 1
        return sum_of(tuple(terms))

    def fail(self, expected: str) -> NoReturn:
        first, last = max(0, self.start - _SHOWN), self.start + _SHOWN  # what stands around the place
        shown, offset = self.text[first:last], self.start - first
        raise ValueError(f"The notation doesn't parse: {expected}.\n  {shown}\n  {' ' * offset}^")


def _is_number(token: str) -> bool:
    return token.isascii() and token.isdigit()


def product_of(factors: tuple[Axis, ...]) -> Axis:
    """A product with nested products laid flat; one factor stands for itself."""
    flat: list[Axis] = []
    for factor in factors:
        flat.extend(factor.factors if isinstance(factor, Product) else (factor,))
    return flat[0] if len(flat) == 1 else Product(tuple(flat))


def sum_of(terms: tuple[Axis, ...]) -> Axis:
    """A sum with nested sums laid flat; one term stands for itself."""
    flat: list[Axis] = []
    for term in terms:
        flat.extend(term.terms if isinstance(term, Sum) else (term,))
    return flat[0] if len(flat) == 1 else Sum(tuple(flat))


def with_sizes(axis: Axis, sizes: Mapping[str, int]) -> Axis:
    """The same axis with the sizes of its names filled in."""
    if isinstance(axis, Product):
        return Product(tuple(with_sizes(factor, sizes) for factor in axis.factors))
    if isinstance(axis, Sum):
        return Sum(tuple(with_sizes(term, sizes) for term in axis.terms))
    return axis if axis.name is None else Atom(axis.name, sizes.get(axis.name, axis.size))
