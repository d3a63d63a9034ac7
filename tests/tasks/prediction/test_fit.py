from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch_geometric.data import Batch

from tests.graphs.spaces import SPACES, random_weights
from weightspace import load_metanet
from weightspace.metanets import ProbeNet, SpaceNet
from weightspace.nets import build_net
from weightspace.space import WeightSpace
from weightspace.tasks.labelled.labellednets import LabelledNets
from weightspace.tasks.prediction.files import predict_files
from weightspace.tasks.prediction.fit import batch_of, fit, labelled_config, predict, predict_nets
from weightspace.tasks.training.train import TrainConfig


@pytest.fixture(scope="module")
def nets(tiny_zoo):
    return LabelledNets.from_zoo(tiny_zoo, ["test_accuracy", "gap"])


@pytest.fixture(scope="module")
def metanet(tiny_quickstart):
    return load_metanet(tiny_quickstart[0] / "metanet")


def test_labels_are_the_columns_of_the_index(nets):
    assert nets.labels[:, 0].tolist() == pytest.approx([row["test_accuracy"] for row in nets.rows])
    assert nets.labels.shape == (24, 2)
    assert len(nets.spaces) == 2
    assert set(nets.hyperparameters) == {"activation", "optimizer", "lr", "fraction"}


def test_groups_cover_the_chosen_nets_with_their_own_weights(nets, tiny_zoo):
    chosen = torch.tensor([23, 0, 5, 17])
    seen = []
    for space, weights, places in nets.groups(chosen):
        assert space.check(weights) == len(places)
        for i, place in enumerate(places.tolist()):
            row = nets.rows[int(chosen[place])]
            number = tiny_zoo.table["net"].to_pylist().index(row["net"])
            own, _ = tiny_zoo[number]
            assert all(torch.equal(own[name], weights[name][i]) for name in own)
            seen.append(place)
    assert sorted(seen) == [0, 1, 2, 3]


def test_a_batch_of_several_architectures_is_what_pyg_collates():
    kinds = [SPACES["mlp"], SPACES["cnn"], SPACES["lenet"]]
    stacks = tuple(random_weights(space, nets=4) for space in kinds)
    nets = LabelledNets(tuple(kinds), stacks, torch.randn(12, 1), ("loss",), tuple({"net": n} for n in range(12)))
    metanet, chosen = SpaceNet.for_spaces(*kinds), torch.tensor([11, 0, 5, 2, 10, 4, 3])
    batch, places = batch_of(metanet, nets, chosen)
    graphs = []
    for net in chosen[places].tolist():
        space, weights = kinds[net // 4], stacks[net // 4]
        graphs.append(metanet.graph(space, {name: tensor[net % 4] for name, tensor in weights.items()}))
    collated = Batch.from_data_list(graphs).to_dict()
    assert sorted(batch.keys()) == sorted(collated)
    for key, value in collated.items():
        assert torch.equal(batch[key], value) if torch.is_tensor(value) else batch[key] == value, key


def test_an_unknown_label(tiny_zoo):
    with pytest.raises(ValueError, match=r"'acuracy' isn't.*test_accuracy"):
        LabelledNets.from_zoo(tiny_zoo, ["acuracy"])


def test_a_label_that_is_no_number(tiny_zoo):
    with pytest.raises(ValueError, match="'optimizer' must be a number for every net"):
        LabelledNets.from_zoo(tiny_zoo, ["optimizer"])


def test_no_nets(tiny_zoo):
    with pytest.raises(ValueError, match="no net to label"):
        LabelledNets.from_zoo(tiny_zoo.filter(net=-1), ["gap"])


def test_fit_learns_its_training_nets(nets, tmp_path):
    config = TrainConfig(steps=60, batch_size=24, warmup=5, learning_rate=5e-3, judge_every=20, average=0.0)
    metanet = fit(
        SpaceNet, nets, nets, config, tmp_path, progress=False, dropout=0.0, width=8, layers=1, hidden=32, members=2
    )
    error = (predict_nets(metanet, nets) - nets.labels).square().mean(0)
    assert (error < 0.6 * nets.labels.var(0)).all()


def test_one_net_and_a_stack_agree(metanet, nets):
    space, stack = nets.spaces[0], nets.stacks[0]
    one = predict(metanet, space, {name: tensor[1] for name, tensor in stack.items()})
    torch.testing.assert_close(one, predict(metanet, space, stack, batch_size=5)[1], rtol=1e-4, atol=1e-5)
    assert one.shape == (2,)


def test_a_folder_of_files(metanet, nets, tmp_path):
    for i in range(2):
        weights = {name: tensor[i].contiguous() for name, tensor in nets.stacks[0].items()}
        save_file(weights, tmp_path / f"net{i}.safetensors", metadata={"space": nets.spaces[0].hash})
    found = predict_files(metanet, [tmp_path])
    assert [Path(path).name for path in found] == ["net0.safetensors", "net1.safetensors"]
    assert all(set(values) == {"test_accuracy", "gap"} for values in found.values())


def test_a_tensor_of_another_shape_is_named_with_both_shapes(metanet, nets, tmp_path):
    weights = {name: tensor[0].contiguous() for name, tensor in nets.stacks[0].items()}
    weights["convs.0.weight"] = weights["convs.0.weight"][:3].contiguous()
    save_file(weights, tmp_path / "net.safetensors")
    message = r"net\.safetensors: .*'convs\.0\.weight' must have the shape \(4, 1, 3, 3\), got \(3, 1, 3, 3\)"
    with pytest.raises(ValueError, match=message):
        predict_files(metanet, [tmp_path / "net.safetensors"])


def test_a_metanet_without_labels(nets):
    with pytest.raises(ValueError, match="wasn't trained to predict labels"):
        labelled_config(SpaceNet.for_spaces(*nets.spaces))


def test_a_loaded_probe_net_finds_its_module_in_its_domain(tmp_path):
    settings = {"in_features": 3, "hidden": [5], "out_features": 2}
    net = build_net("mlp", **settings)
    space = WeightSpace.trace(net, *net.example_inputs())
    labels = {"labels": ("loss",), "label_mean": (0.0,), "label_std": (1.0,)}
    domain = {"architectures": [{"net": "mlp", "settings": settings}]}
    metanet = ProbeNet.for_module(net, space, net.example_inputs()[0], probes=4, width=8, domain=domain, **labels)
    weights = {name: torch.randn(3, *spec.shape) for name, spec in space.tensors.items()}
    wanted = predict(metanet.eval(), space, weights)
    metanet.save_pretrained(tmp_path)
    assert torch.equal(predict(load_metanet(tmp_path), space, weights), wanted)
