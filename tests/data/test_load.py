import pytest
import torch

from weightspace.data import DATASETS, load_dataset


def test_digits_are_cut_once_and_standardised():
    data = load_dataset("digits")
    assert [len(data.part(part)[0]) for part in ("train", "val", "test")] == [1000, 297, 500]
    assert data.input_shape == (1, 8, 8) and data.classes == 10
    everything = torch.cat([data.part(part)[0] for part in ("train", "val", "test")])
    assert abs(everything.mean()) < 0.01 and abs(everything.std() - 1) < 0.01
    assert len(torch.unique(everything.flatten(1), dim=0)) == len(everything)


def test_another_seed_is_another_cut():
    assert not torch.equal(load_dataset("digits").y_test, load_dataset("digits", seed=1).y_test)


def test_unknown_dataset_is_refused():
    with pytest.raises(ValueError, match=rf"unknown data 'digit'; known are {', '.join(DATASETS)}"):
        load_dataset("digit")
