"""The identity on weights, which every head "weights" can say and learn; and that no metanet ignores a tensor."""

import pytest
import torch

from tests.graphs.spaces import SPACES, random_weights
from tests.metanets.cases import CASES, fits, home, small, spaces
from weightspace.metanets import UNF, GraphMetanet, NeuralGraphGNN, NeuralGraphTransformer, PyGMetanet, ScaleGMN

GATES = {
    GraphMetanet: ("node_gate.bias", "edge_gate.bias"),
    NeuralGraphGNN: ("node_gate.bias", "edge_gate.bias"),
    NeuralGraphTransformer: ("node_gate.bias", "edge_gate.bias"),
    PyGMetanet: ("node_gate.bias", "edge_gate.bias"),
    ScaleGMN: ("node_gate.bias", "edge_gate.0.bias"),
    UNF: ("gates.*.bias",),
}
"""The parameters that are one, all others zero, when a metanet is the identity."""
CHANGING = [name for name, head in CASES if head == "weights"]


@pytest.mark.parametrize("kind", GATES)
@pytest.mark.parametrize("space", ["mlp", "lenet", "concat", "residual", "net siren"])
def test_the_identity_can_be_said(kind, space):
    space = spaces()[space]
    metanet = small(kind.__name__, space, head="weights").double().eval()
    wanted = GATES[kind]
    with torch.no_grad():
        for name, parameter in metanet.named_parameters():
            place = ".".join("*" if part.isdigit() and "gates" in name else part for part in name.split(".")[-3:])
            one = any(place.endswith(suffix) for suffix in wanted)
            parameter.fill_(1.0 if one else 0.0)
    weights = random_weights(space, nets=2, dtype=torch.float64)
    found = metanet(metanet.graph(space, weights))
    placed = {name for name, spec in space.tensors.items() if spec.axes or kind is UNF}
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
    assert fits(name, space)
    metanet = small(name, space, head=head).double().eval()
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
