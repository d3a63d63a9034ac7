"""Data of one's own: what functions give, and what is refused."""

import pytest
import torch

from tests.zoo import own_data
from weightspace.data import data_code, data_factory, data_settings, load_dataset, load_signals

HERE = "tests.zoo.own_data"


def parts(data):
    return [len(data.part(part)[0]) for part in ("train", "val", "test")]


def test_a_table_is_cut_by_one_shuffle():
    data = load_dataset(f"{HERE}:table")
    assert parts(data) == [42, 6, 12]
    assert (data.input_shape, data.classes, data.x_train.dtype) == ((5,), 2, torch.float32)
    assert torch.equal(data.y_test, (data.x_test[:, 0] > 0).long())
    everything = torch.cat([data.part(part)[0] for part in ("train", "val", "test")])
    assert len(torch.unique(everything, dim=0)) == 60
    assert parts(load_dataset(f"{HERE}:table", rows=3, columns=2)) == [1, 1, 1]


def test_token_ids_stay_whole():
    data = load_dataset(f"{HERE}:sentences", count=40)
    assert (data.x_train.dtype, data.input_shape, data.classes) == (torch.int64, (6,), 2)


def test_a_torch_dataset_and_parts_of_ones_own():
    assert parts(load_dataset(f"{HERE}:pairs")) == [21, 3, 6]
    own = load_dataset(f"{HERE}:parted")
    assert (parts(own), own.name) == ([5, 2, 2], f"{HERE}:parted")


def test_signals_of_ones_own_and_images_as_signals():
    assert load_signals(f"{HERE}:curves").values.shape == (6, 1, 8)
    assert load_signals(f"{HERE}:parted").values.shape == (9, 1, 16)
    with pytest.raises(ValueError, match=r"curves gives signals, which nets of coordinates are fitted to"):
        load_dataset(f"{HERE}:curves")
    with pytest.raises(ValueError, match=r"table must give images .* in \[0, 1\] .* got shape \(42, 5\)"):
        load_signals(f"{HERE}:table")


def test_settings_are_the_parameters():
    assert data_settings(f"{HERE}:table", "classify") == {"rows": int, "columns": int}
    assert data_code(f"{HERE}:table") != data_code(f"{HERE}:sentences")
    assert data_code("digits") == ""


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("none", "must give a pair .* it gives nothing: does it return"),
        ("dict", "it gives a dict"),
        ("floats", r"labels must be one whole number an example, got float32 of shape \(9,\)"),
        ("lengths", "got 9 inputs and 8 labels"),
        ("bytes", "must be scaled first"),
        ("text", "inputs and labels must be tensors or arrays of numbers"),
        ("nan", "must have finite inputs"),
        ("negative", "must have labels from 0 to 0, got -1 to"),
        ("entries", "its entries are no pairs of an input and a label"),
    ],
)
def test_what_is_no_data_is_refused(kind, message):
    with pytest.raises((ValueError, TypeError), match=message):
        load_dataset(f"{HERE}:wrong", kind=kind)


def test_functions_are_named_marked_and_imported():
    with pytest.raises(ValueError, match=r"has no data factory 'unmarked': mark the function with @data_factory"):
        load_dataset(f"{HERE}:unmarked")
    with pytest.raises(ValueError, match=r"command line: --import my_data"):
        load_dataset("my_data:moons")
    with pytest.raises(ValueError, match="cannot be found again by its name"):
        data_factory(lambda: None)
    assert own_data.table(rows=4)[0].shape == (4, 5)  # still a function
