"""Text from outside is read through types; an error names the place."""

from dataclasses import dataclass, field
from typing import Any, Literal

import pytest

from weightspace.reading import Unread, read_json, shorten


@dataclass(frozen=True)
class Inner:
    depth: int


@dataclass(frozen=True)
class Settings:
    name: str
    widths: tuple[int, ...]
    rate: float = 0.1
    kind: Literal["a", "b"] = "a"
    seed: int | None = None
    pair: tuple[int, str] = (1, "x")
    inner: Inner | None = None
    more: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.rate < 0:
            raise ValueError(f"rate must be 0 or more, got {self.rate}.")


def read(text: str | bytes) -> Unread:
    return read_json(text, "a.json")


def test_values_come_back_as_they_are():
    found = read('{"a": [1, 2.5, "ü", true, null]}').fields("a")["a"].items(5)
    assert found[0].whole() == 1 and found[1].number() == 2.5 and found[2].text() == "ü" and found[3].flag() is True
    assert found[4].maybe(Unread.whole) is None
    assert read('{"a": [1, {"b": null}]}').plain() == {"a": [1, {"b": None}]}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"\xff", r"a.json must be UTF-8 text"),
        ("", r"a.json must be JSON text: Expecting value at line 1, column 1"),
        ("[" * 10**5, r"a.json must be nested less deeply"),
        ('{"a": 1, "a": 2}', r"a.json must name each key once, got 'a' twice"),
        ("1" * 401, r"a.json must hold numbers of 400 digits at most, got one of 401"),
    ],
)
def test_what_is_no_json_is_refused(text, message):
    with pytest.raises(ValueError, match=message):
        read(text)


@pytest.mark.parametrize(
    ("text", "look", "message"),
    [
        ("1", lambda u: u.text(), r"a.json must be text, got 1"),
        ('"c"', lambda u: u.text(choices=("a", "b")), r"a.json must be one of a, b, got 'c'"),
        ('"abc"', lambda u: u.text(longest=2), r"text of at most 2 characters, got 'abc'"),
        (r'"\ud800"', lambda u: u.text(), r"text without half characters"),
        ("1", lambda u: u.flag(), r"must be true or false, got 1"),
        ("true", lambda u: u.whole(), r"a whole number, got True"),
        ("1.0", lambda u: u.whole(), r"a whole number, got 1.0"),
        ("0", lambda u: u.whole(least=1), r"a whole number of at least 1, got 0"),
        ("9", lambda u: u.whole(1, 8), r"a whole number from 1 to 8, got 9"),
        ("9", lambda u: u.whole(most=8), r"a whole number of at most 8, got 9"),
        ('"1"', lambda u: u.number(), r"a number, got '1'"),
        ("NaN", lambda u: u.number(), r"a finite number, got nan"),
        ("1e999", lambda u: u.number(least=0), r"a finite number of at least 0, got inf"),
        ("1" * 400, lambda u: u.number(), r"a number that a float can hold"),
        ("{}", lambda u: u.items(), r"must be a list, got \{\}"),
        ("[1]", lambda u: u.items(2), r"must be a list of 2, got \[1\]"),
        ("[]", lambda u: u.entries(), r"must be a table, got \[\]"),
        ('{"x": 1}', lambda u: u.fields("y"), r"must have the keys y; missing: \['y'\], unknown: 'x'\."),
        ('{"x": {"y": [0, "z"]}}', lambda u: _deep(u), r"^a.json: x.y\[1\] must be a whole number, got 'z'\.$"),
        ('{"x": [NaN]}', lambda u: u.plain(), r"^a.json: x\[0\] must be a finite number, got nan"),
    ],
)
def test_the_error_says_what_must_be_there_and_where(text, look, message):
    with pytest.raises(ValueError, match=message):
        look(read(text))


def _deep(unread: Unread) -> list[int]:
    return [item.whole() for item in unread.fields("x")["x"].fields("y")["y"].items()]


def test_nan_where_it_is_allowed():
    assert read("NaN").number(finite=False) != read("1").number()


def test_a_record_is_read_by_its_annotations():
    text = '{"name": "n", "widths": [1, 2], "rate": 1, "pair": [3, "y"], "inner": {"depth": 2}, "more": {"k": [1]}}'
    assert read(text).record(Settings) == Settings("n", (1, 2), 1.0, "a", None, (3, "y"), Inner(2), {"k": [1]})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"name": "n"}', r"a.json must have the keys name, widths, rate, .*missing: \['widths'\]"),
        ('{"name": 1, "widths": []}', r"a.json: name must be text"),
        ('{"name": "n", "widths": [1, "2"]}', r"a.json: widths\[1\] must be a whole number, got '2'"),
        ('{"name": "n", "widths": [], "kind": "c"}', r"a.json: kind must be one of a, b, got 'c'"),
        ('{"name": "n", "widths": [], "pair": [1]}', r"a.json: pair must be a list of 2"),
        ('{"name": "n", "widths": [], "seed": "s"}', r"a.json: seed must be a whole number"),
        ('{"name": "n", "widths": [], "inner": {"depth": 0.5}}', r"a.json: inner.depth must be a whole number"),
        ('{"name": "n", "widths": [], "rate": -1}', r"a.json: rate must be 0 or more, got -1.0"),
    ],
)
def test_a_record_names_the_field(text, message):
    with pytest.raises(ValueError, match=message):
        read(text).record(Settings)


def test_a_complete_record_leaves_nothing_out():
    with pytest.raises(ValueError, match=r"missing: \['rate', 'kind', 'seed', 'pair', 'inner', 'more'\]"):
        read('{"name": "n", "widths": []}').record(Settings, complete=True)


def test_long_values_are_cut():
    assert len(shorten("x" * 1000)) == 60
