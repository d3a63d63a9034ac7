import pytest
import torch
from safetensors.torch import load_file, save_file

from tests.tasks.tiny import TINY
from weightspace import Recipe, build_zoo, load_metanet
from weightspace.metanets import GraphMetanet, StatNet
from weightspace.nets import build_net
from weightspace.space import WeightSpace
from weightspace.tasks.labelled.labellednets import LabelledNets, classes_of
from weightspace.tasks.prediction.files import check_domain, predict_files
from weightspace.tasks.prediction.fit import fit, predict, predict_nets
from weightspace.tasks.training.train import TrainConfig

DOMAIN = {"data": {"name": "digits"}, "convention": {"settings": {"w0": 30.0}}}


@pytest.fixture(scope="module")
def nets(tiny_zoo):
    return LabelledNets.from_zoo(tiny_zoo, ["optimizer"], classes_of(tiny_zoo, "optimizer"))


@pytest.fixture(scope="module")
def classifier(nets, tmp_path_factory):
    """A metanet that says which optimizer a net was trained with."""
    folder = tmp_path_factory.mktemp("classifier")
    config = TrainConfig(steps=120, batch_size=24, warmup=5, learning_rate=3e-3, weight_decay=0.0, average=0.0)
    metanet = fit(StatNet, nets, nets, config, folder, progress=False, width=32, dropout=0.0, domain=DOMAIN)
    metanet.save_pretrained(folder / "metanet")
    return load_metanet(folder / "metanet")


def write(path, nets, number=0, **metadata):
    space, stack, _ = next(nets.groups(torch.tensor([number])))
    save_file({k: v[0].contiguous() for k, v in stack.items()}, path, metadata={"space": space.hash, **metadata})
    return path


def test_a_classifier_learns_its_training_nets(classifier, nets):
    assert classifier.config.classes == ("adam", "sgd")
    logs = predict_nets(classifier, nets)
    torch.testing.assert_close(logs.exp().sum(1), torch.ones(len(nets)))
    assert (logs.argmax(1) == nets.labels[:, 0]).float().mean() > 0.8


def test_a_file_gives_a_class_and_how_sure(classifier, nets, tmp_path):
    path = write(tmp_path / "net.safetensors", nets, convention='{"settings": {"w0": 30.0}}')
    (said,) = predict_files(classifier, [path]).values()
    logs = predict_nets(classifier, nets)[0]
    assert said["optimizer"] == classifier.config.classes[int(logs.argmax())]
    assert said["probability"] == pytest.approx(float(logs.max().exp()), abs=1e-5)


def test_a_zoo_gives_a_line_for_every_state(tiny_quickstart, tiny_zoo):
    metanet = load_metanet(tiny_quickstart[0] / "metanet")
    found = predict_files(metanet, [tiny_zoo.path])
    assert len(found) == 24
    weights, row = tiny_zoo[3]
    own = predict(metanet, tiny_zoo.spaces[row["space"]], weights)
    said = found[f"{tiny_zoo.path}: net {row['net']}, step {row['step']}"]
    assert said["gap"] == pytest.approx(float(own[1]), abs=1e-5)


def test_another_convention_is_refused_with_what_differs(classifier, nets, tmp_path):
    path = write(tmp_path / "net.safetensors", nets, convention='{"settings": {"w0": 10.0}}')
    message = r"net\.safetensors: .*convention\.settings\.w0 is 10\.0 here and was 30\.0 in training"
    with pytest.raises(ValueError, match=message):
        predict_files(classifier, [path])
    warnings = []
    assert predict_files(classifier, [path], anyway=True, warn=warnings.append)
    assert "not what the metanet was trained on" in warnings[0]


def test_other_data_are_a_warning_and_so_is_no_convention(classifier, nets, tmp_path):
    path = write(tmp_path / "net.safetensors", nets, data='{"name": "mnist"}')
    warnings = []
    assert predict_files(classifier, [path], warn=warnings.append)
    assert "data.name is mnist here and was digits in training" in warnings[0]
    assert "doesn't say how it is rendered" in warnings[1]
    assert all("net.safetensors" in warning for warning in warnings)


def test_a_row_of_a_zoo_is_one_state(tiny_quickstart, tiny_zoo):
    metanet = load_metanet(tiny_quickstart[0] / "metanet")
    whole = predict_files(metanet, [tiny_zoo.path])
    ((name, said),) = predict_files(metanet, [f"{tiny_zoo.path}@3"]).items()
    assert said == pytest.approx(whole[name], abs=1e-5)
    with pytest.raises(ValueError, match="the row must be a whole number below 24, got '24'"):
        predict_files(metanet, [f"{tiny_zoo.path}@24"])


@pytest.fixture(scope="module")
def on_relu(tiny_zoo):
    """A metanet for nets with ReLU alone, untrained."""
    (space,) = (space for space in tiny_zoo.spaces.values() if any(site.activation == "relu" for site in space.sites))
    labels = {"labels": ("gap",), "label_mean": (0.0,), "label_std": (1.0,)}
    return GraphMetanet.for_spaces(space, width=4, layers=1, **labels).eval()


def test_a_zoo_of_equal_shapes_with_another_activation_is_refused(on_relu, tmp_path):
    gelu = Recipe.from_toml(TINY.replace('["relu", "tanh"]', '"gelu"').replace("nets = 24", "nets = 6"))
    zoo = build_zoo(gelu, tmp_path / "gelu", workers=1, progress=False)
    with pytest.raises(ValueError, match=r"the activation is gelu here and was relu in training.*--anyway"):
        predict_files(on_relu, [zoo.path])
    warnings = []
    assert len(predict_files(on_relu, [zoo.path], anyway=True, warn=warnings.append)) == 6
    assert "the activation is gelu here and was relu in training" in warnings[0]


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_what_is_not_finite_is_said_and_left_out(on_relu, nets, tmp_path, value):
    path = write(tmp_path / "good.safetensors", relu_nets(nets, on_relu))
    weights = load_file(path)
    save_file(weights | {"convs.0.weight": weights["convs.0.weight"] * value}, tmp_path / "bad.safetensors")
    warnings = []
    found = predict_files(on_relu, [tmp_path], warn=warnings.append)
    assert list(found) == [str(path)]
    assert len(warnings) == 1
    assert "bad.safetensors: left out, because" in warnings[0]
    with pytest.raises(ValueError, match="No net could be predicted"):
        predict_files(on_relu, [tmp_path / "bad.safetensors"])


def relu_nets(nets, metanet):
    return nets.of(metanet.spaces[0])[0]


def test_files_of_torch_save_and_half_precision(on_relu, nets, tmp_path):
    path = write(tmp_path / "net.safetensors", relu_nets(nets, on_relu))
    saved = {f"module.{name}": tensor.half() for name, tensor in load_file(path).items()}
    torch.save({"state_dict": saved}, tmp_path / "net.pth")
    own, other = predict_files(on_relu, [path, tmp_path / "net.pth"]).values()
    assert other["gap"] == pytest.approx(own["gap"], abs=1e-2)


def test_other_widths_where_the_metanet_takes_them(on_relu, nets, tmp_path):
    settings = {"image_size": 8, "channels": [6, 3], "stride": [2, 2], "activation": "relu"}
    net = build_net("cnn", **settings).eval()
    torch.save(net.state_dict(), tmp_path / "wide.pt")
    warnings = []
    (found,) = predict_files(on_relu, [tmp_path / "wide.pt"], warn=warnings.append).values()
    space = WeightSpace.trace(net, *net.example_inputs())
    assert found["gap"] == pytest.approx(float(predict(on_relu, space, net.state_dict())[0]))
    assert "other widths than those of the nets in training" in warnings[0]
    fixed = StatNet.for_spaces(*on_relu.spaces, labels=("gap",), label_mean=(0.0,), label_std=(1.0,))
    with pytest.raises(ValueError, match=r"wide\.pt: This StatNet was made for the weight spaces"):
        predict_files(fixed, [tmp_path / "wide.pt"])


def test_an_activation_that_nothing_tells_is_said_once(on_relu, nets, tmp_path):
    known = write(tmp_path / "known.safetensors", relu_nets(nets, on_relu))
    for name in ("a", "b"):
        torch.save(load_file(known), tmp_path / f"{name}.pth")
    warnings = []
    predict_files(on_relu, [tmp_path], warn=warnings.append)
    (text,) = warnings
    assert text.startswith(f"{tmp_path / 'a.pth'}, {tmp_path / 'b.pth'}: nothing says which activation it has")
    assert "taken to be relu as in training; --module MODULE:NAME" in text


def test_the_module_tells_the_activation(on_relu, tmp_path):
    settings = {"image_size": 8, "channels": [6, 3], "stride": [2, 2]}
    found = {}
    for activation in ("relu", "tanh"):
        net = build_net("cnn", **settings, activation=activation).eval()
        found[activation] = WeightSpace.trace(net, *net.example_inputs())
        torch.save(net.state_dict(), tmp_path / f"{activation}.pth")
    warnings = []
    predict_files(on_relu, [tmp_path / "relu.pth"], found["relu"], warn=warnings.append)
    assert not any("activation" in text for text in warnings)
    with pytest.raises(ValueError, match="the activation is tanh here and was relu in training"):
        predict_files(on_relu, [tmp_path / "tanh.pth"], found["tanh"])
    predict_files(on_relu, [tmp_path / "tanh.pth"], found["tanh"], anyway=True, warn=warnings.append)
    assert any("the activation is tanh here" in text for text in warnings)


def test_a_metanet_that_knows_no_domain_takes_all(on_relu):
    check_domain(on_relu, {"data": {"name": "mnist"}}, anyway=False, warn=pytest.fail)
