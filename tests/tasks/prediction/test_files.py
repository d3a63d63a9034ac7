import pytest
import torch
from safetensors.torch import save_file

from weightspace import load_metanet
from weightspace.metanets import StatNet
from weightspace.tasks.labelled.labelled import LabelledNets, classes_of
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


def test_a_metanet_that_knows_no_domain_takes_all(nets, tiny_quickstart):
    metanet = load_metanet(tiny_quickstart[0] / "metanet")
    check_domain(metanet, {"data": {"name": "mnist"}}, anyway=False, warn=pytest.fail)
