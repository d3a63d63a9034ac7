"""What a zoo says of its architectures on disk."""

import json

import pytest

from weightspace.inr import Convention
from weightspace.nets import Architecture
from weightspace.zoo.folder.spaces import read_spaces, space_entry, trace_architecture

SIREN = Architecture("siren", {"hidden": [4]})


def write(folder, entries):
    (folder / "spaces.json").write_text(json.dumps(entries))


def test_an_entry_is_read_back(tmp_path):
    space, convention = trace_architecture(SIREN), Convention(SIREN, (3, 3), "corners", peak=2.0, low=-1.0)
    write(tmp_path, {"a": space_entry(SIREN, space, convention), "b": space_entry(SIREN, space)})
    found = read_spaces(tmp_path)
    assert found["a"].architecture == SIREN and found["a"].space == space and found["a"].convention == convention
    assert found["b"].convention is None


def test_an_entry_of_an_older_zoo_is_read(tmp_path):
    """Without the range of values and coordinates, settings in any order."""
    convention = {"net": "siren", "settings": {"hidden": [4]}, "shape": [3, 3], "grid": "centers"}
    entry = space_entry(SIREN, trace_architecture(SIREN)) | {"architecture": ["siren", {"w0": 3.0, "hidden": [4]}]}
    write(tmp_path, {"a": entry | {"convention": convention}})
    found = read_spaces(tmp_path)["a"]
    assert found.architecture == Architecture("siren", {"hidden": [4], "w0": 3.0})
    assert found.convention == Convention(SIREN, (3, 3), "centers")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"architecture": "siren"}, r"spaces.json: a.architecture must be a list, got 'siren'"),
        ({"architecture": ["siren"]}, r"a.architecture must be a list of 2"),
        ({"architecture": [3, {}]}, r"a.architecture\[0\] must be text, got 3"),
        ({"other": 1}, r"spaces.json: a must have the keys architecture, space, convention; .*unknown: 'other'"),
    ],
)
def test_a_damaged_entry_says_where(tmp_path, change, message):
    write(tmp_path, {"a": space_entry(SIREN, trace_architecture(SIREN)) | change})
    with pytest.raises(ValueError, match=message):
        read_spaces(tmp_path)["a"].architecture  # noqa: B018


def test_a_convention_of_other_types_is_refused():
    good = Convention(SIREN, (3, 3), "corners").to_dict()
    with pytest.raises(ValueError, match="convention: shape must be a list, got 3"):
        Convention.from_dict(good | {"shape": 3})
    with pytest.raises(ValueError, match=r"convention must have the keys .* missing: \['grid'\]"):
        Convention.from_dict({key: value for key, value in good.items() if key != "grid"})
