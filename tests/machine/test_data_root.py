import pytest

from weightspace.machine.data_root import ROOT, data_root, using_data_root


def test_what_is_told_comes_before_the_variable(monkeypatch, tmp_path):
    monkeypatch.setenv(ROOT, "elsewhere")
    assert data_root() == "elsewhere"
    with using_data_root(tmp_path):
        assert data_root() == str(tmp_path)
        with using_data_root(None):
            assert data_root() == str(tmp_path)
    assert data_root() == "elsewhere"


def test_it_ends_with_the_block_even_after_an_error(monkeypatch, tmp_path):
    monkeypatch.delenv(ROOT, raising=False)
    with pytest.raises(KeyError), using_data_root(tmp_path):
        raise KeyError
    assert data_root() is None
