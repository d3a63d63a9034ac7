"""What others published may be damaged or made up: every file is read through types, and an error names the place."""

import csv
import json

import numpy as np
import pytest
import torch

from weightspace.nets import NETS, Architecture, build_net
from weightspace.zoo import import_inr_folder, import_ray_zoo
from weightspace.zoo.imports.foreign import fit_state
from weightspace.zoo.imports.small_cnn import import_small_cnn
from weightspace.zoo.imports.tables import column

LAYOUT = [
    ["varname", "shape", "start_idx", "end_idx"],
    ["s/conv2d/kernel:0", "(3, 3, 1, 4)", "0", "36"],
    ["s/conv2d/bias:0", "(4,)", "36", "40"],
    ["s/dense/kernel:0", "(4, 10)", "40", "80"],
    ["s/dense/bias:0", "(10,)", "80", "90"],
]
METRICS = [
    ["config.activation", "config.dataset", "config.lr", "modeldir", "step", "train_accuracy", "test_accuracy"],
    ["relu", "mnist", "0.1", "a", "1", "0.5", "0.4"],
    ["tanh", "mnist", "0.2", "b", "2", "0.5", ""],
]


def write_small(folder, layout=LAYOUT, metrics=METRICS, weights=None):
    folder.mkdir()
    for name, rows in (("layout.csv", layout), ("metrics.csv", metrics)):
        with open(folder / name, "w", newline="") as file:
            csv.writer(file).writerows(rows)
    np.save(folder / "weights.npy", np.zeros((2, 90), np.float32) if weights is None else weights)
    return folder


def changed(rows, row, cell, value):
    return [[*own[:cell], value, *own[cell + 1 :]] if k == row else own for k, own in enumerate(rows)]


def test_a_small_cnn_zoo_of_two_layers(tmp_path):
    zoo = import_small_cnn(write_small(tmp_path / "a"), tmp_path / "zoo")
    assert zoo.hyperparameters == ["activation", "lr"] and zoo.table["gap"].to_pylist() == [pytest.approx(0.1), None]


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"layout": changed(LAYOUT, 1, 1, "(" * 90)}, r"layout.csv: row 1, shape, must be a shape such as"),
        ({"layout": changed(LAYOUT, 1, 1, "os.system('x')")}, r"row 1, shape, must be a shape such as"),
        ({"layout": changed(LAYOUT, 1, 1, "(3, 3, 1, 5)")}, r"row 1, end_idx, must be 45, as the shape \(3, 3, 1, 5\)"),
        ({"layout": changed(LAYOUT, 1, 2, "x")}, r"layout.csv must be a table in CSV, but .*'x'"),
        ({"layout": changed(LAYOUT, 2, 2, "-1")}, r"row 2, start_idx, must be a whole number from 0 to 90, got -1"),
        ({"layout": changed(LAYOUT, 2, 0, "s/other:0")}, r"a bias for every layer; missing: \['s/conv2d/bias'\]"),
        (
            {"layout": changed(LAYOUT, 0, 0, "name")},
            r"must have the columns varname, .*; missing: varname, twice: none",
        ),
        ({"layout": changed(LAYOUT, 4, 0, "s/conv2d/bias:0")}, r"row 4, varname, must be a name that no other row has"),
        ({"layout": [*LAYOUT[:1], *LAYOUT[3:], *LAYOUT[1:3]]}, r"kernels of convolutions \[4 axes\], then of linear"),
        ({"metrics": changed(METRICS, 1, 0, "")}, r"the net of row 1: net 'cnn': activation must be one of relu, .*''"),
        (
            {"metrics": changed(METRICS, 1, 1, "imagenet")},
            r"row 1, config.dataset, must be one of mnist, .*--image-size",
        ),
        ({"metrics": changed(METRICS, 2, 4, "-2")}, r"row 2, step, must be a whole number from 0 .*, got -2"),
        ({"metrics": changed(METRICS, 2, 4, "")}, r"row 2, step, must be a whole number from 0 .*, got None"),
        ({"metrics": changed(METRICS, 0, 2, "modeldir")}, r"each column once; missing: none, twice: modeldir"),
        ({"weights": np.zeros((2, 90), np.complex64)}, r"floating-point numbers \[nets, weights\], got complex64"),
        ({"weights": np.zeros(2)}, r"floating-point numbers \[nets, weights\], got float64 of shape \(2,\)"),
        ({"weights": np.array(3.0)}, r"floating-point numbers \[nets, weights\], got float64 of shape \(\)"),
    ],
)
def test_files_of_the_small_cnn_zoo_that_dont_hold_together(files, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        import_small_cnn(write_small(tmp_path / "a", **files), tmp_path / "zoo")
    assert not (tmp_path / "zoo").exists()


def test_an_array_that_is_cut_short(tmp_path):
    folder = write_small(tmp_path / "a")
    for content in (b"", b"\x93NUMPY\x01\x00v\x00{'descr': '<f4', 'fortran_order': False, 'shape': (", b"\x93NUMPY"):
        (folder / "weights.npy").write_bytes(content)
        with pytest.raises(ValueError, match=r"weights.npy is not a plain array of numbers"):
            import_small_cnn(folder, tmp_path / "zoo")


PARAMS = {"model::type": "MLP", "model::h_dim": [3], "model::i_dim": 2, "model::o_dim": 2, "optim::lr": 0.1, "seed": 1}


def write_ray(folder, params=None, result="", state=None):
    trial = folder / "trial0"
    (trial / "checkpoint_000001").mkdir(parents=True)
    net = build_net("mlp", in_features=2, hidden=[3], out_features=2)
    torch.save(net.state_dict() if state is None else state, trial / "checkpoint_000001" / "checkpoints")
    (trial / "params.json").write_text(json.dumps(PARAMS) if params is None else params)
    (trial / "result.json").write_text(result)
    return folder


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"params": "[" * 5000}, r"params.json must be nested less deeply"),
        ({"params": "[]"}, r"params.json must be a table, got \[\]"),
        ({"params": json.dumps({**PARAMS, "model::type": ["MLP"]})}, r"params.json: model::type must be text"),
        ({"params": json.dumps({**PARAMS, "model::nlin": ["a"]})}, r"params.json: model::nlin must be text"),
        ({"params": json.dumps({**PARAMS, "model::h_dim": [0.5]})}, r"params.json: model::h_dim\[0\] must be a whole"),
        (
            {"params": json.dumps({"model::type": "MLP"})},
            r"params.json: model::h_dim must be a whole number of at least",
        ),
        ({"params": json.dumps({**PARAMS, "model::h_dim": [10**9]})}, r"hidden must be at least 1 and at most 8,192"),
        ({"params": json.dumps({**PARAMS, "optim::lr": 10**350})}, r"optim::lr must be a number that a float can hold"),
        ({"result": "1"}, r"result.json, line 1 must be a table, got 1"),
        ({"result": "{}\n" + "[" * 5000}, r"result.json, line 2 must be nested less deeply"),
        ({"result": '{"training_iteration": [1]}'}, r"line 1: training_iteration must be a whole number from 0"),
        ({"result": '{"train_acc": [0.5]}'}, r"result.json, line 1: train_acc must be a number, got \[0.5\]"),
        ({"state": {}}, r"checkpoints cannot be imported: .* must hold a dict of tensors by name"),
        ({"state": {"a": torch.zeros(3, 2, dtype=torch.int8)}}, r"has 4 parameters, got 1 tensors"),
    ],
)
def test_trials_that_dont_hold_together(files, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        import_ray_zoo(write_ray(tmp_path / "ray", **files), tmp_path / "zoo")
    assert not (tmp_path / "zoo").exists()


def test_weights_that_are_whole_numbers_are_not_taken():
    state = {name: tensor.to(torch.int8) for name, tensor in build_net("mlp").state_dict().items()}
    with pytest.raises(ValueError, match=r"linears.0.weight of mlp must be of torch.float32, got torch.int8"):
        fit_state(Architecture("mlp"), state)


@pytest.mark.parametrize("net", NETS)
def test_shapes_of_a_net_are_found_without_its_memory(net):
    state = build_net(net).state_dict()
    assert fit_state(Architecture(net), state).keys() == state.keys()


def test_settings_of_one_short_name_stay_apart(tmp_path):
    params = {**PARAMS, "optim::type": "adam", "training::step": 5}
    zoo = import_ray_zoo(write_ray(tmp_path / "ray", json.dumps(params)), tmp_path / "zoo")
    row = zoo.row(0)
    assert (row["model::type"], row["optim::type"], row["step"], row["training::step"]) == ("MLP", "adam", 1, 5)


def test_columns_of_several_types_become_text():
    assert column([1, None, 2.5]).to_pylist() == [1.0, None, 2.5]
    assert column([1, "a", True, None]).to_pylist() == ["1", "a", "True", None]
    assert column([2**70, 1]).to_pylist() == [float(2**70), 1.0] and column([None]).to_pylist() == [None]
    assert column(["\udcff"]).to_pylist() == ["?"]


def write_inr(folder, state=None, place="mnist_png_training_3_1"):
    (folder / place / "x").mkdir(parents=True)
    net = {f"seq.{key}": value for key, value in build_net("siren", hidden=[4, 4]).state_dict().items()}
    torch.save(net if state is None else state, folder / place / "x" / "model.pth")
    return folder


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"label": "("}, r"label must be a regular expression, got '\('"),
        ({"signal": "png"}, r"signal must have a group, in parentheses, that finds the number"),
        ({"signal": "(png)"}, r"The group of signal must find a whole number, got 'png'"),
    ],
)
def test_regular_expressions_are_checked(options, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        import_inr_folder(write_inr(tmp_path / "inrs"), tmp_path / "zoo", **options)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("[" * 5000, r"splits.json must be nested less deeply"),
        ('{"dev": {"path": [], "label": []}}', r"splits.json must list nets for train, val, test, got 'dev'"),
        ('{"train": {"path": ["a"], "label": []}}', r"train must have a label for each of its 1 paths, got 0"),
        ('{"train": {"path": [1], "label": ["1"]}}', r"train.path\[0\] must be text, got 1"),
        ('{"train": {"path": ["a"], "label": ["x"]}}', r"train.label\[0\] must be a whole number from 0 .*, got 'x'"),
        ('{"train": {"label": ["x"]}}', r"splits.json: train must have the keys path, label; missing: \['path'\]"),
    ],
)
def test_split_files_that_dont_hold_together(content, message, tmp_path):
    (tmp_path / "splits.json").write_text(content)
    with pytest.raises(ValueError, match=message):
        import_inr_folder(write_inr(tmp_path / "inrs"), tmp_path / "zoo", splits=tmp_path / "splits.json")


def test_a_folder_that_was_there_stays_empty_when_an_import_fails(tmp_path):
    (tmp_path / "zoo").mkdir()
    write_inr(tmp_path / "inrs")
    write_inr(tmp_path / "inrs", {"a": torch.zeros(2, 2)}, "mnist_png_training_4_2")
    with pytest.raises(ValueError, match=r"model.pth does not fit the first file: siren .* got 1 tensors"):
        import_inr_folder(tmp_path / "inrs", tmp_path / "zoo")
    assert list((tmp_path / "zoo").iterdir()) == []
