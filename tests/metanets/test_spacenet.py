"""The default metanet: scales and signs, nets of other sizes, changes, and its losses."""

import pytest
import torch

from tests.graphs.spaces import SPACES, random_weights
from tests.metanets.cases import small, spaces, traced
from weightspace.metanets import SpaceNet
from weightspace.metanets.inputs.depths import knot_weights, site_places, tensor_places
from weightspace.nets import build_net
from weightspace.space import WeightSpace
from weightspace.testing import equivariance_error, randomized


@pytest.mark.parametrize(("switch", "name"), [("scale", "net mlp"), ("sign", "net siren")])
def test_switched_off_the_symmetry_is_neither_declared_nor_there(switch, name):
    space = spaces()[name]
    weights = random_weights(space, nets=2, dtype=torch.float64)
    on, off = (randomized(small("SpaceNet", space, probes=0, **{switch: value})) for value in (True, False))
    assert switch in on.symmetries
    assert switch not in off.symmetries
    assert equivariance_error(on, space, weights, kinds=[switch]) < 1e-9
    assert equivariance_error(off, space, weights, kinds=[switch]) > 1e-3


def test_a_batch_of_relu_and_tanh_nets_settles_each_by_its_own_symmetries():
    kinds = [WeightSpace.trace(net, *net.example_inputs()) for net in _activated("relu", "tanh")]
    metanet = randomized(small("SpaceNet", *kinds, outputs=2))
    weights = [random_weights(space, dtype=torch.float64, seed=seed) for seed, space in enumerate(kinds)]
    from torch_geometric.data import Batch

    def both(parts):
        return metanet(Batch.from_data_list([metanet.graph(s, w) for s, w in zip(kinds, parts, strict=True)]))

    drawn = torch.Generator().manual_seed(0)
    moved = [
        s.apply(s.random_symmetry(drawn, kinds=["permutation", kind]), w)
        for s, w, kind in zip(kinds, weights, ("scale", "sign"), strict=True)
    ]
    assert torch.allclose(both(weights), both(moved), rtol=1e-9)


def _activated(*names):
    return [build_net("mlp", in_features=3, hidden=[5, 4], out_features=2, activation=name) for name in names]


@pytest.mark.parametrize("head", ["graph", "weights", "neurons"])
@pytest.mark.parametrize("probes", [0, 4])
def test_nets_of_other_widths_and_depths_can_come(head, probes):
    seen, wide = (build_net("mlp", in_features=3, hidden=h, out_features=2) for h in ([6], [40, 40, 40, 40]))
    seen, wide = (WeightSpace.trace(net, *net.example_inputs()) for net in (seen, wide))
    metanet = small("SpaceNet", seen, head=head, probes=probes)
    metanet.fit_statistics({seen: random_weights(seen, nets=20)}).eval()
    weights = random_weights(wide, nets=2)
    found = metanet(metanet.graph(wide, weights))
    if head == "weights":
        assert {key: part.shape for key, part in found.items()} == {key: w.shape for key, w in weights.items()}
    else:
        assert found.shape == ((2, 1) if head == "graph" else (2 * (3 + 4 * 40 + 2), 1))


def test_nets_with_other_inputs_need_other_probes():
    metanet = small("SpaceNet", SPACES["mlp"])
    with pytest.raises(
        ValueError,
        match=r"go through nets of vectors 2 to 3, got a net of vectors 2 to 1\. .* with probes=0",
    ):
        metanet(metanet.graph(traced("siren"), random_weights(traced("siren"), nets=2)))


def test_knots_read_as_many_layers_one_by_one_and_average_more():
    assert torch.allclose(knot_weights((0.0, 0.5, 1.0), 3), torch.eye(3), atol=1e-6)
    few = knot_weights((0.0, 1.0), 4)
    assert torch.allclose(few[[0, 3]], torch.eye(2))
    assert torch.allclose(few.sum(1), torch.ones(4))
    many = knot_weights(tuple(n / 20 for n in range(21)), 3)
    assert ((many > 0).sum(1) >= torch.tensor([9, 18, 9])).all()
    assert torch.allclose(many.sum(1), torch.ones(3))


def test_layers_lie_between_first_and_last():
    space = traced("siren")
    assert site_places(space) == (0.0, 1 / 3, 2 / 3, 1.0)
    assert tensor_places(space, "bias") == (("linears.0.bias", "linears.1.bias", "linears.2.bias"), (0.0, 0.5, 1.0))


@pytest.mark.parametrize("name", ["net mlp", "net siren", "lenet", "residual"])
def test_changes_can_be_nothing_and_the_weights_themselves(name):
    space = spaces()[name]
    weights = random_weights(space, nets=2, dtype=torch.float64)
    metanet = randomized(small("SpaceNet", space, head="weights", probes=0))
    changes = metanet.changes
    with torch.no_grad():
        for key, parameter in changes.named_parameters():
            parameter.fill_(0.0 if key != "size" else 1.0)
        assert all(bool((part == 0).all()) for part in metanet(metanet.graph(space, weights)).values())
        changes.gate_node.bias.fill_(1.0)
        changes.gates.bias.fill_(1.0)
        changes.old.fill_(1 / changes.old.shape[1])
    found = metanet(metanet.graph(space, weights))
    held = [key for key, spec in space.tensors.items() if spec.role != "other"]
    assert all(torch.allclose(found[key], weights[key], rtol=1e-9) for key in held)


def test_changes_begin_small_beside_the_weights():
    space = traced("siren")
    weights = {key: 0.05 * w for key, w in random_weights(space, nets=50).items()}
    metanet = SpaceNet.for_spaces(space, head="weights").fit_statistics({space: weights})
    found = metanet(metanet.graph(space, weights))
    sizes = {key: float(found[key].square().mean().sqrt() / weights[key].square().mean().sqrt()) for key in found}
    assert max(sizes.values()) < 0.3
    assert min(sizes.values()) > 0.005


def test_the_loss_on_classes_is_that_of_every_member():
    space, names = SPACES["mlp"], ("a", "b", "c")
    one = {"labels": ("kind",), "label_mean": (0.0,), "label_std": (1.0,)}
    metanet = SpaceNet.for_spaces(space, probes=2, members=3, dropout=0.0, outputs=3, classes=names, **one)
    graph, target = metanet.graph(space, random_weights(space, nets=4)), torch.tensor([0, 2, 1, 1])
    expected = [torch.nn.functional.cross_entropy(part, target) for part in metanet.members(graph)]
    assert torch.allclose(metanet.loss(graph, target), torch.stack(expected).mean())
