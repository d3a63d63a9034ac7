"""`weightspace zoo import`: what it hands on, and flags that belong to another kind."""

import pytest
import torch

from weightspace import Zoo
from weightspace.cli.main import main
from weightspace.nets import build_net


@pytest.fixture
def downloaded(tmp_path):
    """Two SIRENs as DWSNets publishes them."""
    for number in range(2):
        net = build_net("siren", hidden=[6, 5])
        folder = tmp_path / "inrs" / f"mnist_png_training_{number}_{number}" / "checkpoints"
        folder.mkdir(parents=True)
        state = {f"seq.{layer}.{key}": tensor.detach() for layer, linear in enumerate(net.linears)
                 for key, tensor in linear.named_parameters()}  # fmt: skip
        torch.save(state, folder / "model_final.pth")
    return tmp_path / "inrs"


def test_a_folder_of_inrs_becomes_a_zoo(downloaded, tmp_path, capsys):
    words = ["zoo", "import", "inr", str(downloaded), "--out", str(tmp_path / "zoo"), "--name", "mine"]
    assert main([*words, "--shape", "9", "9", "--w0", "20", "--values", "0", "2"]) == 0
    assert "2 saved states in" in "".join(capsys.readouterr())
    convention = Zoo(tmp_path / "zoo").convention
    assert (convention.shape, convention.peak) == ((9, 9), 2.0)
    assert convention.architecture.settings["w0"] == 20.0


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["inr", "--image-size", "28"], "--image-size belongs to 'small-cnn', not to 'inr'"),
        (["ray", "--w0-hidden", "3"], "--w0-hidden belongs to 'inr', not to 'ray'"),
        (["small-cnn", "--net", "cnn"], "--net belongs to 'ray', not to 'small-cnn'"),
    ],
)
def test_flags_of_another_kind_are_refused(words, message, tmp_path, capsys):
    kind, *flags = words
    assert main(["zoo", "import", kind, str(tmp_path), "--out", str(tmp_path / "zoo"), *flags]) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "zoo").exists()
