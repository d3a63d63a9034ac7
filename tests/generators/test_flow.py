"""A flow is equivariant, follows its prompt, sees gradients, and learns."""

from functools import lru_cache

import pytest
import torch

from tests.generators.cases import accuracy, make, space, trained
from weightspace.generators import Flow, load_generator
from weightspace.generators.flows.gradients import answers, loss_gradients
from weightspace.nets import build_net
from weightspace.nets.stacked.vectors import vectors
from weightspace.space import WeightSpace
from weightspace.tasks.generation.flows import FlowNets, FlowTraining, Sight, flow_error, own_error, train_flow

PARSED = {
    "cnn": ("cnn", {"image_size": 8, "channels": [3, 4], "stride": 2}),
    "flattened": ("cnn", {"image_size": 8, "channels": [3, 4], "stride": 2, "head": "flatten"}),
    "mlp": ("mlp", {"in_features": 5, "hidden": [4, 3], "out_features": 2, "norm": "layer"}),
    "siren": ("siren", {"hidden": [5, 4]}),
    "vit": ("vit", {"image_size": 8, "patch": 4, "dim": 8, "depth": 1, "heads": 2, "ratio": 1}),
}


@lru_cache
def net_and_space(name):
    kind, settings = PARSED[name]
    net = build_net(kind, **settings).eval()
    return net, WeightSpace.trace(net, *net.example_inputs())


def stack(own, nets=6, seed=0):
    """Random weights in float64."""
    source = torch.Generator().manual_seed(seed)
    return {n: torch.randn(nets, *spec.sizes, generator=source, dtype=torch.float64) for n, spec in own.tensors.items()}


def shaken(flow):
    """The flow with random parameters, so that layers that begin at zero count."""
    source = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in flow.metanet.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=source, dtype=parameter.dtype) * 0.2)
    return flow


def flow_on(name, seen=True, **settings):
    """A shaken flow on nets of a class, in float64, that sees gradients where the class answers one vector."""
    net, own = net_and_space(name)
    examples = (net.example_inputs()[0].repeat(3, *[1] * (net.example_inputs()[0].dim() - 1)), torch.tensor([0, 1] * 3))
    kept = examples if seen and name != "siren" else None
    with torch.random.fork_rng():
        torch.manual_seed(0)
        weights = {key: tensor.float() for key, tensor in stack(own).items()}
        flow = Flow.for_nets(own, weights, {"accuracy": accuracy(6)}, None, kept, width=8, layers=2, **settings)
    flow = shaken(flow).double().eval()
    flow.examples = flow.examples.double()
    return net.double() if kept else None, own, flow


def moved_and_before(name, **settings):
    """What the flow sees behind nets that were moved, and behind the nets, moved."""
    net, own, flow = flow_on(name, **settings)
    v, weights, t = flow.vectors, stack(own, seed=1), torch.linspace(0, 0.9, 6, dtype=torch.float64)
    symmetry = own.random_symmetry(torch.Generator().manual_seed(1), batch=6)
    wanted = accuracy(6)[:, None].double()
    with torch.no_grad():
        before = v.weights(flow.clean(v.rows(weights), t, wanted, net))
        after = v.weights(flow.clean(v.rows(own.apply(symmetry, weights)), t, wanted, net))
    return after, own.apply(symmetry, before), before


@pytest.mark.parametrize("name", PARSED)
def test_the_flow_moves_as_the_neurons_move(name):
    after, moved, before = moved_and_before(name)
    for key in moved:
        torch.testing.assert_close(after[key], moved[key], rtol=1e-9, atol=1e-9)
    assert any(not torch.allclose(after[key], before[key]) for key in moved)


@pytest.mark.parametrize("kind", ["marked", "components"])
def test_kinds_that_know_places_don_t_move_with_neurons(kind):
    after, moved, _ = moved_and_before("mlp", kind=kind)
    assert any((after[key] - moved[key]).abs().max() > 1e-3 for key in moved)


def test_time_prompt_and_gradient_matter():
    net, own, flow = flow_on("mlp")
    rows, t = flow.vectors.rows(stack(own)), torch.full((6,), 0.5, dtype=torch.float64)
    wanted = torch.full((6, 1), 0.5, dtype=torch.float64)
    with torch.no_grad():
        plain = flow.clean(rows, t, wanted, net)
        other = (flow.examples, 1 - flow.labels)
        for changed in (
            (t * 0.2, wanted, net), (t, wanted * 1.5, net), (t, wanted * float("nan"), net), (t, wanted, net, other),
        ):  # fmt: skip
            seen = flow.clean(rows, *changed)
            assert (seen - plain).abs().max() > 1e-4


def test_gradients_are_those_of_each_net():
    net, own, flow = flow_on("mlp")
    weights = stack(own)
    losses, slopes = loss_gradients(net, flow.vectors.weights, flow.vectors.rows(weights), (flow.examples, flow.labels))
    net.load_state_dict({key: tensor[2] for key, tensor in weights.items()})
    loss = torch.nn.functional.cross_entropy(net(flow.examples), flow.labels)
    loss.backward()
    assert float(losses[2]) == pytest.approx(float(loss))
    for key, parameter in net.named_parameters():
        torch.testing.assert_close(flow.vectors.weights(slopes)[key][2], parameter.grad)


def test_in_own_units_a_net_s_scale_is_a_number_of_its_own():
    net, own, flow = flow_on("mlp", own_units=True)
    seen = []
    flow.metanet.register_forward_hook(lambda _, given, __: seen.append(given))
    rows, t = flow.vectors.rows(stack(own)), torch.zeros(6, dtype=torch.float64)
    with torch.no_grad():
        for scale in (1, 3):
            flow.clean(scale * rows, t, accuracy(6)[:, None].double(), net)
    (columns, numbers), (others, more) = seen
    torch.testing.assert_close(columns[..., 0], others[..., 0])
    tensors = len(flow.vectors.floats)
    torch.testing.assert_close((more - numbers)[:, -1 - tensors : -1], numbers.new_full((6, tensors), 3.0).log())


def test_neurons_of_a_layer_differ():
    drawn = shaken(make("Flow")).sample(space("siren"), 3, seed=0)["linears.1.weight"]
    assert torch.cdist(drawn, drawn).flatten(1).sort(1).values[:, 4:].min() > 1e-2


def test_starts_have_the_sizes_of_those_near_the_prompt():
    sizes = torch.linspace(0.1, 2, 12)
    starts = {key: tensor * sizes.reshape(-1, *[1] * (tensor.ndim - 1)) for key, tensor in trained("siren").items()}
    flow = make("Flow", starts=starts, near=0.1)
    for prompt, size in ((0.1, sizes[0]), (0.9, sizes[-1])):
        drawn = flow.sample(space("siren"), 200, prompt={"accuracy": prompt}, seed=0)
        assert float(drawn["linears.1.weight"].std()) == pytest.approx(float(size), rel=0.25)


def siren_training(**settings):
    """A flow, trained a little from the way to half the negated starts; its error before, and the errors it told."""
    flow, heard = make("Flow"), []
    starts = {key: torch.randn_like(tensor) for key, tensor in trained("siren").items()}
    both = FlowNets({key: 2 - tensor for key, tensor in starts.items()}, {"accuracy": accuracy()}, starts)
    config = FlowTraining(steps=80, batch=12, check=20, learning_rate=1e-2, **settings)
    before = float(flow_error(flow, both.rows(flow), torch.Generator().manual_seed(0), config, None).detach())
    train_flow(flow, both, both, config, lambda step, error: heard.append(error))
    after = float(flow_error(flow, both.rows(flow), torch.Generator().manual_seed(0), config, None).detach())
    return before, after, heard


def test_training_brings_the_error_down_and_keeps_the_best():
    torch.manual_seed(0)
    before, after, heard = siren_training(average=0.8)
    assert after < 0.7 * before and after == pytest.approx(min(heard), rel=1e-3)


def test_answers_count_in_training():
    net, own, flow = flow_on("mlp")
    nets = FlowNets(stack(own), {"accuracy": accuracy(6).double()}, stack(own, seed=3)).rows(flow)
    nets = (nets[0], nets[1].double(), nets[2])
    sight = Sight(net, (flow.examples, flow.labels))
    errors = [
        float(flow_error(flow, nets, torch.Generator().manual_seed(0), FlowTraining(answers=share), sight))
        for share in (0.0, 1.0, 2.0)
    ]
    assert errors[2] - errors[1] == pytest.approx(errors[1] - errors[0]) and errors[1] > errors[0] + 1e-3
    right = answers(net, flow.vectors.weights, nets[0], flow.examples)
    assert right.shape == (6, 6, 2)


def test_nets_that_the_flow_leads_learn_to_answer_as_was_asked_for():
    net, own, _ = flow_on("mlp")
    net, source = net.float(), torch.Generator().manual_seed(0)
    inputs, weights = torch.randn(40, 5, generator=source), {k: t.float() for k, t in stack(own, 24).items()}
    labels = (inputs[:, 0] > 0).long()
    starts = {key: torch.randn(tensor.shape, generator=source) for key, tensor in weights.items()}
    right = answers(net, vectors(own).weights, vectors(own).rows(weights), inputs).argmax(2) == labels
    nets = FlowNets(weights, {"accuracy": right.float().mean(1)}, starts)
    torch.manual_seed(0)
    flow = Flow.for_nets(own, weights, nets.prompts, starts, (inputs, labels), width=16, layers=1)
    sight, config = Sight(net, (inputs, labels)), FlowTraining(
        steps=150, batch=16, learning_rate=1e-2, own=5.0, own_steps=3, images=40, check=50, average=0.9
    )  # fmt: skip

    def error():
        with torch.no_grad():
            return float(own_error(flow, nets.rows(flow), torch.Generator().manual_seed(1), config, sight, last=True))

    before = error()
    train_flow(flow, nets, nets, config, sight=sight)
    assert error() < 0.7 * before


def test_a_given_start_is_improved(tmp_path):
    net, own, flow = flow_on("mlp")
    flow = flow.float()
    starts = {key: tensor.float() for key, tensor in stack(own).items()}
    one = flow.improve(starts, prompt={"accuracy": 0.5}, condition=net.float())
    flow.save_pretrained(tmp_path)
    again = load_generator(tmp_path).improve(starts, prompt={"accuracy": 0.5}, condition=net)
    assert own.check(one) == 6 and all(torch.equal(one[key], again[key]) for key in one)
    assert not torch.allclose(one["linears.0.weight"], starts["linears.0.weight"])
    with pytest.raises(ValueError, match="improve takes a stack of nets and 1 step or more, got 6 and 0"):
        flow.improve(starts, condition=net, steps=0)
    with pytest.raises(ValueError, match="improve takes a stack of nets and 1 step or more, got one net and 1"):
        flow.improve({key: tensor[0] for key, tensor in starts.items()}, condition=net)
    with pytest.raises(ValueError, match="examples and runs the net, which must be its condition, got NoneType"):
        flow.sample(own, 2, seed=0)
    with pytest.raises(ValueError, match="Flow keeps no examples and takes no condition, got a MLP"):
        make("Flow").sample(space("siren"), 1, condition=net, seed=0)


def test_a_space_with_running_statistics_is_refused():
    with pytest.raises(ValueError, match=r"this space has buffers: norms\.0\.running_mean"):
        Flow.for_nets(space("cnn"), trained("cnn"), {})


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"steps": 0}, "must be 1 or more, the width a multiple of 4, got 8, 2, 0, 256"),
        ({"width": 6}, "the width a multiple of 4, got 6, 2, 4, 256"),
        ({"kind": "odd"}, "kind must be one of neurons, marked, components, got 'odd'"),
        ({"near": 0.0}, "near must be above 0 and at most 1, examples 0 or more, got 0.0 and 0"),
    ],
)
def test_settings_out_of_range_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        make("Flow", **settings)


def test_rows_lie_where_the_tensors_lie():
    own = net_and_space("flattened")[1]
    assert len(vectors(own).owners) == sum(spec.numel for spec in own.tensors.values())
