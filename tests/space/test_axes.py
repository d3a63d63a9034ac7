"""The notation: what parses, what it means, what comes back, and where it goes wrong."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weightspace.space import Atom, Product, Sum, format_axes, parse_axes
from weightspace.space.axes import product_of, sum_of, with_sizes

# beartype, which checks types in tests, draws at random which items of a list it looks at
pytestmark = pytest.mark.filterwarnings("ignore:Do not use the `random` module inside strategies")

NAMES = st.sampled_from(["in", "c1", "conv1.2", "_h", "layer1.0.conv1", "x:2", "w[0]", "h0.n", "A-b"])
ATOMS = st.builds(Atom, st.none(), st.integers(1, 99)) | NAMES.map(lambda name: Atom(name, len(name)))


def composed(parts):
    several = st.lists(parts, min_size=2, max_size=3).map(tuple)
    return several.map(product_of) | several.map(sum_of)


AXES = st.recursive(ATOMS, composed, max_leaves=6)


def test_names_and_numbers():
    axes = parse_axes("conv1 in 3 3", {"conv1": 8, "in": 1})
    assert axes == (Atom("conv1", 8), Atom("in", 1), Atom(None, 3), Atom(None, 3))
    assert [axis.size for axis in axes] == [8, 1, 3, 3]


def test_products_and_sums():
    flat, heads, dense = parse_axes("(c1 7 7) (3 heads dim) (c1 + c5 2 + c8)", {"c1": 2, "c5": 3, "c8": 4, "heads": 5})
    assert flat == Product((Atom("c1", 2), Atom(None, 7), Atom(None, 7)))
    assert dense == Sum((Atom("c1", 2), Product((Atom("c5", 3), Atom(None, 2))), Atom("c8", 4)))
    assert (flat.size, heads.size, dense.size) == (98, None, 12)
    assert [atom.name for atom in dense.atoms()] == ["c1", "c5", None, "c8"]


def test_nested_groups():
    (axis,) = parse_axes("((a + b) 7)", {"a": 2, "b": 3})
    assert axis == Product((Sum((Atom("a", 2), Atom("b", 3))), Atom(None, 7)))
    assert axis.size == 35
    assert parse_axes("((a b) 7)") == parse_axes("(a b 7)")
    assert parse_axes("((a + b) + c)") == parse_axes("(a + b + c)")
    assert parse_axes("(a)") == parse_axes("a")


def test_no_axes_and_many_blanks():
    assert parse_axes("") == parse_axes("   ") == ()
    assert parse_axes("  a   ( b  2 )") == parse_axes("a (b 2)")


@given(st.lists(AXES, max_size=4).map(tuple))
def test_round_trip(axes):
    sizes = {atom.name: atom.size for axis in axes for atom in axis.atoms() if atom.name is not None}
    assert parse_axes(format_axes(axes), sizes) == axes


@given(AXES)
def test_sizes_are_filled_in(axis):
    sizes = {atom.name: atom.size for atom in axis.atoms() if atom.name is not None}
    (bare,) = parse_axes(str(axis))
    assert with_sizes(bare, sizes) == axis


@pytest.mark.parametrize(
    ("text", "place", "expected"),
    [
        ("out (c1 7", 9, "expected ')'"),
        ("out c1)", 6, "expected the end"),
        ("a + b", 2, "expected the end"),
        ("out ()", 5, "expected a name or a number"),
        ("(a + )", 5, "expected a name or a number"),
        ("(a + + b)", 5, "expected a name or a number"),
        ("out c1*7", 6, "expected a name, a number"),
        ("out  -c1", 5, "expected a name, a number"),
    ],
)
def test_the_error_marks_the_place(text, place, expected):
    with pytest.raises(ValueError, match="The notation doesn't parse") as caught:
        parse_axes(text)
    first, shown, mark = str(caught.value).splitlines()
    assert expected in first
    assert shown == f"  {text}"
    assert mark.index("^") - 2 == place
