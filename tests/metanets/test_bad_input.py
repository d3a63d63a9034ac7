"""What metanets refuse, and what they say."""

from dataclasses import replace

import pytest
import torch
from torch import nn
from torch_geometric.data import Batch

from tests.graphs.spaces import SPACES, random_weights
from tests.metanets.cases import CASES, EDGE_LISTS, home, small, traced
from tests.metanets.inputs.test_shown import Outer
from weightspace.graphs import to_graph
from weightspace.metanets import METANETS
from weightspace.space import WeightSpace

GRAPH = [name for name, head in CASES if head == "graph"]


@pytest.mark.parametrize("name", GRAPH)
def test_nets_of_another_floating_type_are_named(name):
    space = home(name)
    metanet = small(name, space)
    with pytest.raises(ValueError, match=r"torch.float32 on cpu, got torch.float64 on cpu. Convert the weights"):
        metanet(metanet.graph(space, random_weights(space, nets=2, dtype=torch.float64)))


def test_nets_on_another_device_are_named():
    space = SPACES["mlp"]
    metanet = small("GraphMetanet", space).to("meta")
    with pytest.raises(ValueError, match=r"torch.float32 on meta, got torch.float32 on cpu"):
        metanet(to_graph(space, random_weights(space, nets=2)))


def test_tensors_of_several_floating_types_are_named():
    space, weights = SPACES["mlp"], random_weights(SPACES["mlp"], nets=2)
    weights["2.bias"] = weights["2.bias"].double()
    with pytest.raises(ValueError, match=r"'0.weight' with torch.float32 .* and '2.bias' with torch.float64"):
        small("GraphMetanet", space).graph(space, weights)


@pytest.mark.parametrize("name", ["StatNet", "FlatMLP", "UNF", "DWSNet"])
def test_an_unknown_architecture_is_refused_with_what_takes_it(name):
    metanet = small(name, SPACES["mlp"])
    with pytest.raises(ValueError, match="take a class that runs on any graph: SpaceNet, GraphMetanet, NeuralGraphGNN"):
        metanet(to_graph(SPACES["cnn"], random_weights(SPACES["cnn"], nets=2)))


@pytest.mark.parametrize("name", [name for name, kind in METANETS.items() if kind.passes_messages])
def test_neurons_that_are_no_nodes_are_refused(name):
    space = WeightSpace.trace(Outer(), torch.randn(2, 3))
    with pytest.raises(ValueError, match="those of 'a', which stand in 'a', are none"):
        METANETS[name].for_spaces(space, outputs=1)
    other = METANETS[name].for_spaces(SPACES["mlp"], outputs=1)
    with pytest.raises(ValueError, match="Take UNF"):
        other.graph(space, random_weights(space, nets=1))


def test_scales_that_are_not_one_for_a_neuron_are_refused_with_what_takes_them():
    space = traced("cnn")
    action = next(action for action in space.actions if action.kind == "scale")
    twice = replace(space, actions=(*space.actions, action))
    metanet = small("ScaleGMN", space)
    with pytest.raises(ValueError, match=r"ScaleGMN needs one scale and one sign a neuron, .* Take GraphMetanet"):
        metanet(metanet.graph(twice, random_weights(space, nets=2)))


def test_signs_that_move_other_weights_than_scales_are_refused():
    """An RMS norm lets a sign of what comes before it through, but no scale."""
    net = nn.Sequential(nn.Linear(3, 8), nn.RMSNorm(8), nn.ReLU(), nn.Linear(8, 2))
    space = WeightSpace.trace(net, torch.randn(4, 3))
    assert {action.kind for action in space.actions} == {"scale", "sign"}
    with pytest.raises(ValueError, match="the scale and the sign of a neuron to move the same weights"):
        small("ScaleGMN", space)


@pytest.mark.parametrize("name", EDGE_LISTS)
def test_mixed_batches_need_the_layout_of_the_metanet(name):
    metanet = small(name, SPACES["cnn"], SPACES["mlp"])
    graphs = [to_graph(SPACES["mlp"], random_weights(SPACES["mlp"], seed=seed)) for seed in range(2)]
    metanet.dense = False
    with pytest.raises(ValueError, match=r"need the layout of the metanet, Layout\(.* metanet.graph\(space, weights\)"):
        metanet(Batch.from_data_list(graphs))


@pytest.mark.parametrize("name", [name for name, head in CASES if head == "weights" and name != "DWSNet"])
def test_changes_of_a_mixed_batch_are_refused(name):
    kinds = [SPACES["mlp"], SPACES["cnn"]]
    metanet = small(name, *kinds, head="weights")
    graphs = [metanet.graph(space, random_weights(space)) for space in kinds]
    with pytest.raises(ValueError, match=r"[Oo]ne architecture"):
        metanet(Batch.from_data_list(graphs))
