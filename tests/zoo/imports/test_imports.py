import csv
import gzip
import json

import numpy as np
import pytest
import torch

from weightspace.inr import render
from weightspace.nets import Architecture, build_net
from weightspace.reading import Unread
from weightspace.zoo import import_inr_folder, import_ray_zoo, plot_zoo
from weightspace.zoo.imports.foreign import fit_state
from weightspace.zoo.imports.ray import model_net
from weightspace.zoo.imports.small_cnn import import_small_cnn

SMALL = {"in_channels": 1, "image_size": 28, "channels": [2, 3], "kernel": [3, 3], "stride": 2, "padding": "valid"}


def tensorflow_row(net):
    """A net's weights as the Small CNN Zoo flattens them: bias before kernel, kernels height, width, in, out."""
    parts, layout, start = [], [], 0
    names = ["sequential/conv2d", "sequential/conv2d_1", "sequential/dense"]
    for name, layer in zip(names, [*net.convs, *net.linears], strict=True):
        kernel = layer.weight.permute(2, 3, 1, 0) if layer.weight.dim() == 4 else layer.weight.T
        for part, tensor in (("bias", layer.bias), ("kernel", kernel)):
            size, shape = tensor.numel(), tuple(tensor.shape)
            layout.append([f"{name}/{part}:0", start, start + size, size, str(shape)])
            parts.append(tensor.detach().flatten().numpy())
            start += size
    return np.concatenate(parts), layout


METRICS_ROW = {
    "config.activation": "relu",
    "config.b_init": "zeros",
    "config.dataset": "cifar10",
    "config.dnn_architecture": "cnn",
    "config.dropout": 0.1,
    "config.epochs": 86,
    "config.epochs_between_checkpoints": 20,
    "config.init_std": 0.01,
    "config.l2reg": 1e-6,
    "config.learning_rate": 0.1,
    "config.num_layers": 3,
    "config.num_units": 16,
    "config.optimizer": "adam",
    "config.random_seed": 42,
    "config.train_fraction": 0.25,
    "config.w_init": "he_normal",
    "modeldir": "/m/0",
    "step": 0,
    "test_accuracy": 0.25,
    "test_loss": 2.0,
    "train_accuracy": 0.5,
    "train_loss": "nan",
}


@pytest.fixture
def small_cnn(tmp_path):
    folder = tmp_path / "small"
    folder.mkdir()
    nets = [build_net("cnn", **SMALL) for _ in range(4)]
    rows = [tensorflow_row(net) for net in nets]
    np.save(folder / "weights.npy", np.stack([row for row, _ in rows]))
    with open(folder / "layout.csv", "w", newline="") as file:
        csv.writer(file).writerows([["varname", "start_idx", "end_idx", "size", "shape"], *rows[0][1]])
    with gzip.open(folder / "metrics.csv.gz", "wt", newline="") as file:
        writer = csv.DictWriter(file, list(METRICS_ROW))
        writer.writeheader()
        for i in range(4):
            own = {"config.activation": "relu" if i < 2 else "tanh", "config.learning_rate": 0.1 * (i // 2 + 1)}
            writer.writerow({**METRICS_ROW, **own, "modeldir": f"/m/{i // 2}", "step": 86 * (i % 2)})
    return folder, nets


def test_small_cnn_zoo(small_cnn, tmp_path):
    folder, nets = small_cnn
    zoo = import_small_cnn(folder, tmp_path / "zoo")
    assert len(zoo) == 4 and len(zoo.final()) == 2
    assert zoo.hyperparameters == ["activation", "learning_rate"]
    assert zoo.table["run"].to_pylist() == [0, 0, 1, 1] and zoo.table["gap"].to_pylist() == [0.25] * 4
    assert {row["activation"] for row in zoo.table.to_pylist()} == {"relu", "tanh"}
    assert zoo.table["train_loss"].to_pylist() == [None] * 4 and zoo.table["step"].to_pylist() == [0, 86, 0, 86]
    assert zoo.module(0).config.image_size == 32  # CIFAR-10
    x = torch.randn(3, 1, 32, 32)
    for i in (0, 1):
        torch.testing.assert_close(zoo.module(i)(x), nets[i](x))
    with pytest.raises(ValueError, match=r"was merged or imported, so it has no recipe of its own"):
        zoo.evaluate(0)


def test_small_cnn_files_are_checked(small_cnn, tmp_path):
    folder, _ = small_cnn
    weights = np.load(folder / "weights.npy")
    np.save(folder / "weights.npy", weights[:3])
    with pytest.raises(ValueError, match=r"weights.npy has 3 rows, but metrics.csv.gz has 4"):
        import_small_cnn(folder, tmp_path / "zoo")
    np.save(folder / "weights.npy", np.array([{}], dtype=object), allow_pickle=True)
    with pytest.raises(ValueError, match=r"weights.npy is not a plain array of numbers, and pickles are not read"):
        import_small_cnn(folder, tmp_path / "zoo")
    (folder / "metrics.csv.gz").unlink()
    with pytest.raises(FileNotFoundError, match=r"must hold metrics.csv, but it is missing"):
        import_small_cnn(folder, tmp_path / "zoo")
    (folder / "layout.csv").unlink()
    with pytest.raises(FileNotFoundError, match=r"but layout.csv is missing"):
        import_small_cnn(folder, tmp_path / "zoo")


def write_inrs(folder, count=3):
    """As DWSNets' archive has them: training and testing images count on their own."""
    nets = []
    for i in range(count):
        net = build_net("siren", hidden=[6, 5])
        state = {}
        for k, linear in enumerate(net.linears):  # out of order on purpose
            state = {f"seq.{k}.bias": linear.bias.detach(), f"seq.{k}.weight": linear.weight.detach(), **state}
        image = folder / f"mnist_png_{'training' if i else 'testing'}_{i + 4}_{max(0, i - 1)}"
        (image / "checkpoints").mkdir(parents=True)
        torch.save(state, image / "checkpoints" / "model_final.pth")
        nets.append(net)
    return nets


def test_inr_folder_of_dwsnets(tmp_path):
    nets = write_inrs(tmp_path / "inrs")
    zoo = import_inr_folder(tmp_path / "inrs", tmp_path / "zoo", shape=(9, 9))
    by_label = {row["label"]: i for i, row in enumerate(zoo.table.to_pylist())}
    assert set(by_label) == {4, 5, 6} and len(set(zoo.table["run"].to_pylist())) == 3
    assert zoo.row(by_label[4])["split"] == "test" and zoo.row(by_label[5])["split"] == "train"
    pictures = render(zoo.weights(), zoo.convention)
    assert pictures.shape == (3, 1, 9, 9)
    axis = torch.linspace(-1, 1, 9)
    points = torch.stack(torch.meshgrid(axis, axis, indexing="ij"), -1).reshape(-1, 2)
    with torch.no_grad():
        expected = nets[1](points).reshape(1, 9, 9)
    torch.testing.assert_close(pictures[by_label[5]], expected, rtol=1e-4, atol=1e-5)


def test_split_file_of_dwsnets(tmp_path):
    write_inrs(tmp_path / "inrs", 4)
    places = sorted((tmp_path / "inrs").rglob("*.pth"))
    there = [f"/home/them/data/{place.relative_to(tmp_path).as_posix()}" for place in places]
    splits = {"train": (there[1:2], ["7"]), "val": (there[2:3], ["8"]), "test": (there[:1], ["9"])}
    content = {part: {"path": paths, "label": labels} for part, (paths, labels) in splits.items()}
    (tmp_path / "mnist_splits.json").write_text(json.dumps(content))
    zoo = import_inr_folder(tmp_path / "inrs", tmp_path / "zoo", splits=tmp_path / "mnist_splits.json")
    assert [(row["split"], row["label"]) for row in zoo.table.to_pylist()] == [("test", 9), ("train", 7), ("val", 8)]
    (tmp_path / "mnist_splits.json").write_text("[1]")
    with pytest.raises(ValueError, match=r"mnist_splits.json must be a table, got \[1\]"):
        import_inr_folder(tmp_path / "inrs", tmp_path / "zoo2", splits=tmp_path / "mnist_splits.json")


@pytest.mark.parametrize(("channels", "ends"), [(1, (55_000, 60_000)), (3, (45_000, 50_000))])
def test_inr_folder_of_nfn(tmp_path, channels, ends):
    """``randinit_smaller_LABELs/netIMAGE.pth``, further views under ``aug0``; outputs lie in [-1, 1]."""
    nets = {}
    for prefix in ("randinit_smaller", "randinit_smaller_aug0"):
        for label, image in ((3, ends[0] - 1), (0, ends[0]), (9, ends[1])):
            net = nets[prefix, image] = build_net("siren", hidden=[4, 4], out_features=channels, output_shift=0.0)
            names = ("net.0.linear", "net.1.linear", "net.2")
            state = {
                f"{name}.{key}": tensor
                for name, linear in zip(names, net.linears, strict=True)
                for key, tensor in linear.state_dict().items()
            }
            (tmp_path / "siren" / f"{prefix}_{label}s").mkdir(parents=True, exist_ok=True)
            torch.save(state, tmp_path / "siren" / f"{prefix}_{label}s" / f"net{image}.pth")
    zoo = import_inr_folder(tmp_path / "siren", tmp_path / "zoo", layout="nfn")
    rows = zoo.table.to_pylist()
    assert len(rows) == 6 and len({row["run"] for row in rows}) == 3  # both views of an image are one run
    assert {(row["label"], row["split"]) for row in rows} == {(3, "train"), (0, "val"), (9, "test")}
    convention = zoo.convention
    assert (convention.low, convention.peak, convention.architecture.settings["first_layer"]) == (-1.0, 2.0, "siren")
    side = 32 if channels == 3 else 28
    assert render(zoo.weights([0]), convention).shape == (1, channels, side, side)
    place = zoo.filter(file=f"randinit_smaller_aug0_9s/net{ends[1]}.pth")
    x = torch.rand(5, 2)
    torch.testing.assert_close(place.module(0)(x), nets["randinit_smaller_aug0", ends[1]](x))


def test_conventions_can_be_told(tmp_path):
    write_inrs(tmp_path / "inrs", 1)
    told = {"w0": 10.0, "first_layer": "siren", "output_shift": 0.0, "values": (-1.0, 3.0), "coordinates": (0.0, 1.0)}
    zoo = import_inr_folder(tmp_path / "inrs", tmp_path / "zoo", shape=(3, 3), grid="centers", **told)
    convention, settings = zoo.convention, zoo.convention.architecture.settings
    assert (settings["w0"], settings["w0_hidden"], convention.low, convention.peak) == (
        10,
        10,
        -1,
        4,
    )
    assert convention.points()[:, 0].unique().tolist() == pytest.approx([1 / 6, 3 / 6, 5 / 6])
    with pytest.raises(ValueError, match=r"layout must be one of dws, nfn, got 'dwsnet'"):
        import_inr_folder(tmp_path / "inrs", tmp_path / "zoo2", layout="dwsnet")


def test_inr_files_are_checked(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no .pth file below"):
        import_inr_folder(tmp_path, tmp_path / "zoo")
    write_inrs(tmp_path / "inrs", 2)
    torch.save({"a": torch.zeros(3, 2), "b": torch.zeros(1)}, tmp_path / "inrs" / "z.pth")
    with pytest.raises(
        ValueError, match=r"z.pth does not fit the first file: siren .* has 6 parameters, got 2 tensors"
    ):
        import_inr_folder(tmp_path / "inrs", tmp_path / "zoo")
    torch.save([1, 2], tmp_path / "inrs" / "a.pth")
    with pytest.raises(ValueError, match=r"a.pth must hold a dict of tensors by name .*, got a list"):
        import_inr_folder(tmp_path / "inrs", tmp_path / "zoo2")
    torch.save(build_net("siren"), tmp_path / "inrs" / "a.pth")
    with pytest.raises(ValueError, match=r"a.pth holds objects besides tensors"):
        import_inr_folder(tmp_path / "inrs", tmp_path / "zoo3")
    torch.save({"w": torch.zeros(2, 2)}, tmp_path / "inrs" / "a.pth")
    with pytest.raises(ValueError, match=r"needs at least two weight matrices, got 1"):
        import_inr_folder(tmp_path / "inrs", tmp_path / "zoo4")


def write_trial(folder, trial, nlin, digits):
    """A trial as Ray Tune writes it: JSON with ``::`` in its keys, a line an epoch, and a state dict a checkpoint."""
    folder.mkdir(parents=True)
    params = {"model::type": "CNN", "model::channels_in": 1, "model::o_dim": 10, "model::nlin": nlin, "seed": trial}
    params |= {"model::dropout": 0.0, "model::init_type": "uniform", "optim::optimizer": "adam", "cuda": False}
    params |= {"optim::lr": 0.1 * (trial + 1), "optim::wd": 1e-4, "dataset::dump": "/d.pt", "training::steps": [1, 2]}
    (folder / "params.json").write_text(json.dumps(params))
    metrics = ("train_loss", "train_acc", "test_loss", "test_acc", "val_loss", "val_acc")
    lines = [
        {"training_iteration": e, "config": params} | {m: 0.1 * e + k for k, m in enumerate(metrics)} for e in (0, 1)
    ]
    (folder / "result.json").write_text("\n".join(map(json.dumps, lines)) + "\n")
    nets = []
    for epoch in (0, 1):
        net = published_cnn(nlin)
        nets.append(net)
        checkpoint = folder / f"checkpoint_{epoch:0{digits}d}"
        checkpoint.mkdir()
        torch.save({f"module_list.{key}": value for key, value in net.state_dict().items()}, checkpoint / "checkpoints")
        torch.save({"state": {}}, checkpoint / "optimizer")
    (folder / "checkpoint_tmp").mkdir()
    return nets


def published_cnn(nlin):
    act = {"gelu": torch.nn.GELU, "leakyrelu": torch.nn.LeakyReLU}[nlin]
    conv, pool, linear = torch.nn.Conv2d, torch.nn.MaxPool2d, torch.nn.Linear
    first = [conv(1, 8, 5), pool(2, 2), act(), conv(8, 6, 5), pool(2, 2), act(), conv(6, 4, 2), act()]
    return torch.nn.Sequential(*first, torch.nn.Flatten(), linear(36, 20), act(), linear(20, 10))


def test_ray_layout(tmp_path):
    nets = [
        *write_trial(tmp_path / "ray" / "NN_tune_trainable_a_00000", 0, "gelu", 6),
        *write_trial(tmp_path / "ray" / "NN_tune_trainable_a_00001", 1, "leakyrelu", 1),
    ]
    zoo = import_ray_zoo(tmp_path / "ray", tmp_path / "zoo")
    assert zoo.hyperparameters == ["nlin", "lr"] and len(zoo) == 4 and len(zoo.final()) == 2
    row = zoo.row(3)
    assert (row["lr"], row["seed"], row["epoch"], row["val_accuracy"]) == (0.2, 1, 1.0, 5.1)
    assert row["gap"] == pytest.approx(-2.0) and sum(t.numel() for t in zoo[0][0].values()) == 2464
    x = torch.randn(2, 1, 28, 28)
    for i in range(4):
        torch.testing.assert_close(zoo.module(i)(x), nets[i](x))
    with pytest.raises(ValueError, match=r"is not empty; choose another folder"):
        import_ray_zoo(tmp_path / "ray", tmp_path / "zoo")


def test_other_nets_of_the_ray_layout(tmp_path):
    write_trial(tmp_path / "ray" / "a", 0, "gelu", 6)
    params = tmp_path / "ray" / "a" / "params.json"
    known = json.loads(params.read_text())
    mlp = {"model::type": "MLP", "model::i_dim": 16, "model::h_dim": 5, "model::o_dim": 4}
    assert model_net(Unread(mlp, str(params))) == Architecture(
        "mlp",
        {"in_features": 16, "hidden": [5], "out_features": 4, "activation": "relu"},
    )
    with pytest.raises(ValueError, match=r"checkpoints cannot be imported: .* has 6 parameters, got 10 tensors"):
        import_ray_zoo(tmp_path / "ray", tmp_path / "zoo2", net="mlp", settings={})
    params.write_text(json.dumps(known | {"model::type": "Resnet18"}))
    with pytest.raises(ValueError, match=r"a/params.json has model::type 'Resnet18'; known are CNN, CNN2, CNN3, MLP"):
        import_ray_zoo(tmp_path / "ray", tmp_path / "zoo3")
    for path in (tmp_path / "ray" / "a").glob("checkpoint_0*/checkpoints"):
        torch.save(published_cnn("gelu"), path)
    params.write_text(json.dumps(known))
    with pytest.raises(ValueError, match=r"checkpoints cannot be imported: .* holds objects besides tensors"):
        import_ray_zoo(tmp_path / "ray", tmp_path / "zoo4")
    with pytest.raises(FileNotFoundError, match=r"no \*/checkpoint_\*/checkpoints below"):
        import_ray_zoo(tmp_path / "nowhere", tmp_path / "zoo5")


def test_state_dicts_with_the_nets_own_names_keep_their_buffers():
    net = build_net("resnet", width=4, blocks=[1])
    state = fit_state(Architecture("resnet", {"width": 4, "blocks": [1]}), dict(reversed(net.state_dict().items())))
    assert list(state) == list(net.state_dict()) and state["norm.num_batches_tracked"].dtype == torch.int64


def test_weights_that_are_not_finite_are_flagged(small_cnn, tmp_path):
    folder, _ = small_cnn
    weights = np.load(folder / "weights.npy")
    weights[1, 3] = np.inf
    np.save(folder / "weights.npy", weights)
    zoo = import_small_cnn(folder, tmp_path / "zoo")
    assert zoo.table["status"].to_pylist() == ["ok", "diverged", "ok", "ok"]
    assert zoo.row(1)["reason"] == "its weights are not finite"


def test_imported_representations_are_drawn(tmp_path):
    write_inrs(tmp_path / "inrs")
    zoo = import_inr_folder(tmp_path / "inrs", tmp_path / "zoo", shape=(5, 5))
    assert [path.name for path in plot_zoo(zoo, tmp_path / "figures")] == ["wall.png"]


def test_imported_classifiers_are_drawn(small_cnn, tmp_path):
    zoo = import_small_cnn(small_cnn[0], tmp_path / "zoo")
    assert not zoo.filter(net=0).renders
    written = {path.name for path in plot_zoo(zoo, tmp_path / "figures")}
    assert written == {"metrics.png", "hyperparameters.png", "curves.png"}
