"""The identity on weights, which every head "weights" can say and learn; and that no metanet ignores a tensor."""

import pytest
import torch

from tests.graphs.spaces import SPACES, random_weights
from tests.metanets.cases import CASES, fits, home, shaken, small, spaces

GRAPH_GATES = {"node_gate.bias": 1.0, "edge_gate.bias": 1.0}
SAYING = {
    "SpaceNet": {"changes.gate_node.bias": 1.0, "changes.gates.bias": 1.0, "changes.old": 1 / 8, "changes.size": 1.0},
    "GraphMetanet": GRAPH_GATES,
    "NeuralGraphGNN": GRAPH_GATES,
    "NeuralGraphTransformer": GRAPH_GATES,
    "PyGMetanet": GRAPH_GATES,
    "ScaleGMN": {"node_gate.bias": 1.0, "edge_gate.0.bias": 1.0},
    "UNF": {"gates.*.bias": 1.0},
    "DWSNet": {"gates.*.bias": 1.0},
}
"""What parameters are when a metanet of width 8 is the identity; all others are zero."""
CHANGING = [name for name, head in CASES if head == "weights"]
PLACES = [(name, key) for name in CHANGING for key in ("mlp", "lenet", "concat", "residual", "net siren")]


@pytest.mark.parametrize(("kind", "space"), [(name, key) for name, key in PLACES if fits(name, spaces()[key])])
def test_the_identity_can_be_said(kind, space):
    space = spaces()[space]
    metanet = small(kind, space, head="weights").double().eval()
    with torch.no_grad():
        for name, parameter in metanet.named_parameters():
            place = ".".join("*" if part.isdigit() and "gates" in name else part for part in name.split(".")[-3:])
            values = [value for suffix, value in SAYING[kind].items() if place.endswith(suffix)]
            parameter.fill_(values[0] if values else 0.0)
    weights = random_weights(space, nets=2, dtype=torch.float64)
    found = metanet(metanet.graph(space, weights))
    placed = {name for name, spec in space.tensors.items() if spec.axes or kind == "UNF"}
    for name in space.tensors:
        if weights[name].is_floating_point() and name in placed:
            assert torch.allclose(found[name], weights[name], rtol=1e-12, atol=1e-12), name


@pytest.mark.parametrize("name", CHANGING)
def test_the_identity_can_be_learned(name):
    torch.manual_seed(0)
    space = SPACES["mlp"]
    metanet, weights = small(name, space, head="weights"), random_weights(space, nets=16)
    metanet.fit_statistics({space: weights})
    graph, optimizer = metanet.graph(space, weights), torch.optim.Adam(metanet.parameters(), 0.03)
    for step in range(120):
        for group in optimizer.param_groups:
            group["lr"] = 0.03 * (1 - step / 120)
        found = metanet(graph)
        error = sum((found[key] - weights[key]).square().sum() for key in weights)
        optimizer.zero_grad()
        error.backward()
        optimizer.step()
    size = sum(weight.square().sum() for weight in weights.values())
    assert error / size < 0.01


@pytest.mark.parametrize(("name", "head"), CASES)
def test_no_tensor_of_a_neuron_is_ignored(name, head):
    space = home(name)
    metanet = shaken(name, space, head=head)
    weights = random_weights(space, nets=1, dtype=torch.float64)

    def read(given):
        found = metanet(metanet.graph(space, given))
        return torch.cat([part.flatten() for part in found.values()]) if head == "weights" else found.flatten()

    before = read(weights)
    for key, spec in space.tensors.items():
        if spec.role == "other":
            continue
        moved = {**weights, key: weights[key] * 1.5}
        assert not torch.allclose(read(moved), before, rtol=1e-9, atol=0), key
