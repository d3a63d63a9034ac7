"""Nets leave a zoo as files of their own, with a table of what is known about them."""

import csv

import pytest
from safetensors import safe_open
from safetensors.torch import load_file

from weightspace.zoo import export_nets


def test_files_and_table(tiny_zoo, tmp_path):
    view = tiny_zoo.split("val")
    files = export_nets(view, tmp_path / "out")
    with (tmp_path / "out" / "labels.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["file"] for row in rows] == [path.name for path in files]
    assert {row["net"] for row in rows} == {str(net) for net in view.table["net"].to_pylist()}
    for path, row in zip(files, rows, strict=True):
        weights, known = view.filter(net=int(row["net"]))[0]
        found = load_file(path)
        assert all((found[name] == tensor).all() for name, tensor in weights.items())
        assert float(row["test_accuracy"]) == pytest.approx(known["test_accuracy"])
        assert "shard" not in row
        with safe_open(path, "pt") as opened:
            assert opened.metadata() == {
                "space": view.filter(net=known["net"]).space.hash,
                "data": '{"name": "digits"}',
            }


def test_a_folder_with_something_in_it_is_left_alone(tiny_zoo, tmp_path):
    (tmp_path / "mine.txt").write_text("kept")
    with pytest.raises(ValueError, match="must be a new or an empty folder"):
        export_nets(tiny_zoo, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_an_empty_view(tiny_zoo, tmp_path):
    with pytest.raises(ValueError, match="nothing to export"):
        export_nets(tiny_zoo.filter(status="nowhere"), tmp_path / "out")
