"""A flow is equivariant, follows its prompt, and learns."""

import pytest
import torch

from tests.generators.cases import accuracy, make, space, trained
from weightspace.generators import Flow
from weightspace.tasks.generation.flows import FlowTraining, flow_error, train_flow


def shaken(flow):
    """The flow with random parameters, so that layers that begin at zero count."""
    source = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in flow.metanet.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=source, dtype=parameter.dtype) * 0.2)
    return flow


def test_the_flow_moves_as_the_neurons_move():
    flow, own = shaken(make("Flow")).double(), space("siren")
    v, t = flow.vectors, torch.rand(12, dtype=torch.float64)
    weights = {key: tensor.double() for key, tensor in trained("siren").items()}
    symmetry = own.random_symmetry(torch.Generator().manual_seed(1), batch=12)
    wanted = accuracy()[:, None].double()
    with torch.no_grad():
        before = v.weights(flow.clean(v.rows(weights), t, wanted))
        after = v.weights(flow.clean(v.rows(own.apply(symmetry, weights)), t, wanted))
    moved = own.apply(symmetry, before)
    for key in moved:
        torch.testing.assert_close(after[key], moved[key], rtol=1e-9, atol=1e-9)
    assert not torch.allclose(after["linears.1.weight"], before["linears.1.weight"])


def test_time_and_prompt_matter():
    flow = shaken(make("Flow"))
    rows, t = flow.vectors.rows(trained("siren")), torch.full((12,), 0.5)
    wanted = torch.full((12, 1), 0.5)
    with torch.no_grad():
        plain = flow.clean(rows, t, wanted)
        for other in (flow.clean(rows, t * 0.2, wanted), flow.clean(rows, t, wanted * 1.5),
                      flow.clean(rows, t, wanted * float("nan"))):  # fmt: skip
            assert (other - plain).abs().max() > 1e-4


def test_neurons_of_a_layer_differ():
    drawn = make("Flow").sample(space("siren"), 3, seed=0)["linears.1.weight"]
    assert torch.cdist(drawn, drawn).flatten(1).sort(1).values[:, 4:].min() > 1e-2


def test_training_brings_the_error_down_and_keeps_the_best():
    flow, prompts, heard = make("Flow"), {"accuracy": accuracy()}, []
    nets = trained("siren")
    before = flow_error(flow, flow.vectors.rows(nets), accuracy()[:, None], torch.Generator().manual_seed(3))
    settings = FlowTraining(steps=60, batch=12, check=20, learning_rate=1e-2)
    train_flow(flow, nets, prompts, nets, prompts, settings, lambda step, error: heard.append(error))
    after = flow_error(flow, flow.vectors.rows(nets), accuracy()[:, None], torch.Generator().manual_seed(0)).detach()
    assert after < 0.9 * before and float(after) == pytest.approx(min(heard), rel=1e-3)


def test_a_space_with_running_statistics_is_refused():
    with pytest.raises(ValueError, match=r"this space has buffers: norms\.0\.running_mean"):
        Flow.for_nets(space("cnn"), trained("cnn"), {})


def test_steps_below_one_are_refused():
    with pytest.raises(ValueError, match="width, layers and steps must be 1 or more, got 8, 2 and 0"):
        make("Flow", steps=0)
