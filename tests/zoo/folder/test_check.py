from pathlib import Path

import pyarrow as pa
import pytest

from weightspace.zoo.folder.check import MOST, NEEDED, TEXT, WHOLE, check_index, read_index

GOOD = {name: ["s"] if name in TEXT else [0] for name in NEEDED}


def check(axes=(), **changes):
    check_index(Path("zoo"), pa.table({**GOOD, **changes}), {"s": None}, axes)


def test_an_index_with_all_columns_passes():
    check()
    check(axes=["lr"], lr=[0.1])


@pytest.mark.parametrize("name", NEEDED)
def test_every_column_is_needed(name):
    with pytest.raises(ValueError, match=f"lacks column {name}"):
        check_index(Path("zoo"), pa.table({key: value for key, value in GOOD.items() if key != name}), {"s": None}, [])


@pytest.mark.parametrize("name", WHOLE)
def test_places_are_whole_numbers(name):
    with pytest.raises(ValueError, match=f"column {name} must hold whole numbers"):
        check(**{name: ["../../etc/passwd"]})


@pytest.mark.parametrize("name", TEXT)
def test_names_are_text(name):
    with pytest.raises(ValueError, match=f"column {name} must hold text"):
        check(**{name: [3]})


@pytest.mark.parametrize("name", MOST)
def test_numbers_have_two_ends(name):
    for beyond in (-1, MOST[name] + 1):
        with pytest.raises(ValueError, match=f"column {name} must not be negative, and at most {MOST[name]}"):
            check(**{name: [beyond]})


def test_hyperparameters_are_columns():
    with pytest.raises(ValueError, match=r"names the hyperparameter 'lr', which index.parquet lacks"):
        check(axes=["lr"])


def test_what_is_no_parquet_file_is_refused(tmp_path):
    (tmp_path / "index.parquet").write_bytes(b"PAR1 and no more")
    with pytest.raises(ValueError, match="must be a whole Parquet file"):
        read_index(tmp_path / "index.parquet")


def test_every_space_is_known():
    with pytest.raises(ValueError, match=r"spaces.json does not know space t, which the index names"):
        check(space=["t"])
