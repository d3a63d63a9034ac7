import csv
import json

import numpy as np
import pytest
import torch

from weightspace.nets import build_net
from weightspace.zoo import import_inr_folder, import_ray_zoo, import_small_cnn, render

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


@pytest.fixture
def small_cnn(tmp_path):
    folder = tmp_path / "small"
    folder.mkdir()
    nets = [build_net("cnn", **SMALL) for _ in range(4)]
    rows = [tensorflow_row(net) for net in nets]
    np.save(folder / "weights.npy", np.stack([row for row, _ in rows]))
    with open(folder / "layout.csv", "w", newline="") as file:
        csv.writer(file).writerows([["varname", "start_idx", "end_idx", "size", "shape"], *rows[0][1]])
    with open(folder / "metrics.csv", "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(
            ["", "config.activation", "config.learning_rate", "modeldir", "step", "train_accuracy", "test_accuracy"]
        )
        for i in range(4):
            writer.writerow([i, "relu" if i < 2 else "tanh", 0.1 * (i + 1), f"/m/{i // 2}", 20 * (i % 2), 0.5, 0.25])
    return folder, nets


def test_small_cnn_zoo(small_cnn, tmp_path):
    folder, nets = small_cnn
    zoo = import_small_cnn(folder, tmp_path / "zoo")
    assert len(zoo) == 4 and len(zoo.final()) == 2
    assert zoo.hyperparameters == ["activation", "learning_rate"]
    assert zoo.table["run"].to_pylist() == [0, 0, 1, 1] and zoo.table["gap"].to_pylist() == [0.25] * 4
    assert {row["activation"] for row in zoo.table.to_pylist()} == {"relu", "tanh"}
    x = torch.randn(3, 1, 28, 28)
    for i in (0, 1):
        torch.testing.assert_close(zoo.module(i)(x), nets[i](x))
    with pytest.raises(ValueError, match=r"was merged or imported, so it has no recipe of its own"):
        zoo.evaluate(0)


def test_small_cnn_files_are_checked(small_cnn, tmp_path):
    folder, _ = small_cnn
    weights = np.load(folder / "weights.npy")
    np.save(folder / "weights.npy", weights[:3])
    with pytest.raises(ValueError, match=r"weights.npy has 3 rows, but metrics.csv has 4"):
        import_small_cnn(folder, tmp_path / "zoo")
    np.save(folder / "weights.npy", np.array([{}], dtype=object), allow_pickle=True)
    with pytest.raises(ValueError, match=r"weights.npy is not a plain array of numbers, and pickles are not read"):
        import_small_cnn(folder, tmp_path / "zoo")
    (folder / "metrics.csv").unlink()
    with pytest.raises(FileNotFoundError, match=r"must hold metrics.csv, but it is missing"):
        import_small_cnn(folder, tmp_path / "zoo")
    (folder / "layout.csv").unlink()
    with pytest.raises(FileNotFoundError, match=r"but layout.csv is missing"):
        import_small_cnn(folder, tmp_path / "zoo")


def write_inrs(folder, count=3):
    nets = []
    for i in range(count):
        net = build_net("siren", hidden=[6, 5])
        state = {}
        for k, linear in enumerate(net.linears):  # out of order on purpose, and layer 10 after layer 2 is not needed
            state = {f"seq.{k}.bias": linear.bias.detach(), f"seq.{k}.weight": linear.weight.detach(), **state}
        path = (
            folder / f"mnist_png_{'training' if i else 'testing'}_{i + 4}_{i:05d}" / "checkpoints" / "model_final.pth"
        )
        path.parent.mkdir(parents=True)
        torch.save(state, path)
        nets.append(net)
    return nets


def test_inr_folder(tmp_path):
    nets = write_inrs(tmp_path / "inrs")
    zoo = import_inr_folder(tmp_path / "inrs", tmp_path / "zoo", shape=(9, 9), label=r"_(\d+)_\d+/")
    by_label = {row["label"]: i for i, row in enumerate(zoo.table.to_pylist())}
    assert set(by_label) == {4, 5, 6}
    assert zoo.row(by_label[4])["split"] == "test" and zoo.row(by_label[5])["split"] == "train"
    pictures = render(zoo.weights(), zoo.convention)
    assert pictures.shape == (3, 1, 9, 9)
    axis = torch.linspace(-1, 1, 9)
    points = torch.stack(torch.meshgrid(axis, axis, indexing="ij"), -1).reshape(-1, 2)
    with torch.no_grad():
        expected = nets[1](points).reshape(1, 9, 9)
    torch.testing.assert_close(pictures[by_label[5]], expected, rtol=1e-4, atol=1e-5)


def test_inr_files_are_checked(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no .pth file below"):
        import_inr_folder(tmp_path, tmp_path / "zoo")
    write_inrs(tmp_path / "inrs", 2)
    torch.save({"a": torch.zeros(3, 2), "b": torch.zeros(1)}, tmp_path / "inrs" / "z.pth")
    with pytest.raises(
        ValueError, match=r"z.pth does not fit the first file: siren .* has 6 parameters, but 2 tensors"
    ):
        import_inr_folder(tmp_path / "inrs", tmp_path / "zoo")
    torch.save([1, 2], tmp_path / "inrs" / "a.pth")
    with pytest.raises(ValueError, match=r"a.pth must hold a state dict of tensors, but holds list"):
        import_inr_folder(tmp_path / "inrs", tmp_path / "zoo2")
    torch.save(build_net("siren"), tmp_path / "inrs" / "a.pth")
    with pytest.raises(ValueError, match=r"a.pth is not a plain state dict, and nothing else is read"):
        import_inr_folder(tmp_path / "inrs", tmp_path / "zoo3")
    torch.save({"w": torch.zeros(2, 2)}, tmp_path / "inrs" / "a.pth")
    with pytest.raises(ValueError, match=r"needs at least two weight matrices, but 1 came"):
        import_inr_folder(tmp_path / "inrs", tmp_path / "zoo4")


def test_ray_layout(tmp_path):
    settings = {"image_size": 8, "channels": [2], "stride": 2}
    nets = {}
    for trial in range(2):
        folder = tmp_path / "ray" / f"NN_tune_trainable_{trial}_params"
        folder.mkdir(parents=True)
        params = {"seed": trial, "optim::lr": 0.1 * (trial + 1), "model::nlin": "relu", "cuda": False}
        (folder / "params.json").write_text(json.dumps(params))
        lines = [{"training_iteration": e, "train_acc": 0.1 * e, "test_acc": 0.05 * e} for e in (0, 1)]
        (folder / "result.json").write_text("\n".join(map(json.dumps, lines)))
        for epoch in (0, 1):
            net = nets[trial, epoch] = build_net("cnn", **settings)
            state = {
                f"module_list.{k}.{n}": t
                for k, m in ((0, net.convs[0]), (3, net.linears[0]))
                for n, t in m.state_dict().items()
            }
            (folder / f"checkpoint_{epoch:06d}").mkdir()
            torch.save(state, folder / f"checkpoint_{epoch:06d}" / "checkpoints")
    zoo = import_ray_zoo(tmp_path / "ray", tmp_path / "zoo", net="cnn", settings=settings)
    assert zoo.hyperparameters == ["nlin", "lr"] and len(zoo) == 4 and len(zoo.final()) == 2
    row = zoo.row(3)
    assert row["lr"] == 0.2 and row["gap"] == pytest.approx(0.05) and row["epoch"] == 1
    x = torch.randn(2, 1, 8, 8)
    torch.testing.assert_close(zoo.module(3)(x), nets[1, 1](x))
    with pytest.raises(ValueError, match=r"checkpoints cannot be imported: .* must have shape"):
        import_ray_zoo(tmp_path / "ray", tmp_path / "zoo2", net="cnn", settings={**settings, "channels": [3]})
    with pytest.raises(FileNotFoundError, match=r"no \*/checkpoint_\*/checkpoints below"):
        import_ray_zoo(tmp_path / "zoo", tmp_path / "zoo3", net="cnn", settings=settings)
    with pytest.raises(ValueError, match=r"is not empty; choose another folder"):
        import_ray_zoo(tmp_path / "ray", tmp_path / "zoo", net="cnn", settings=settings)
