"""Every generator on another device: the nets of a seed are the CPU's and lie there, and so does its training."""

import pytest
import torch

from tests.generators.cases import accuracy, convention, home, make, space, trained, untrained
from weightspace.data import load_dataset
from weightspace.generators import GENERATORS, Flow, LearnedStart, Refiner, Soup, hypernetize, initialize
from weightspace.generators.draws import Draws
from weightspace.generators.write import write_zoo
from weightspace.nets import Architecture, build_net
from weightspace.tasks.generation.flows import FlowNets, FlowTraining, train_flow
from weightspace.tasks.generation.refining import RefinerTraining, train_refiner, written_loss
from weightspace.zoo.folder.spaces import trace_architecture

TOLERANCE = 1e-3  # of the largest entry: float32 in another order of sums, through several layers


def signals(nets):
    """What a learned start is fitted to."""
    return torch.rand(nets, 1, len(convention().points()), generator=torch.Generator().manual_seed(0))


def asked(name):
    """Four nets, a prompt of its own for each where the class takes some, and a condition."""
    prompt = {"accuracy": torch.linspace(0.2, 0.8, 4)} if make(name).config.prompts else None
    return {"n": 4, "prompt": prompt, "condition": signals(4) if name == "LearnedStart" else None, "seed": 3}


def assert_close(found, wanted):
    for key, tensor in wanted.items():
        scale = float(tensor.double().abs().max()) + 1e-6
        assert float((found[key].detach().cpu().double() - tensor.double()).abs().max()) <= TOLERANCE * scale, key


@pytest.mark.parametrize("name", GENERATORS)
def test_a_seed_gives_the_nets_that_it_gives_on_the_cpu(name, device):
    settings = {"noise": 0.1} if name in ("MeanNet", "KernelDensity", "PrincipalDensity") else {}
    settings |= {"matched": True} if name == "Soup" else {}
    wanted = make(name, **settings).sample(space(home(name)), **asked(name))
    generator = make(name, **settings).to(device)
    found = generator.sample(space(home(name)), **asked(name))
    assert {tensor.device.type for tensor in found.values()} == {generator.device.type} == {device.type}
    assert_close(found, wanted)


def test_numbers_are_those_of_the_cpu(device):
    here, there = Draws(0, 5, 3), Draws(0, 5, 3, device)
    for draw in (lambda d: d.normal(4), lambda d: d.uniform(2, 3), lambda d: d.choose(torch.arange(9), 2)):
        moved = draw(there)
        assert moved.device.type == device.type and torch.equal(moved.cpu(), draw(here))


def test_what_is_fitted_lies_where_the_nets_lie(device):
    nets = {key: tensor.to(device) for key, tensor in trained("cnn").items()}
    soup = Soup.from_nets(space("cnn"), nets, {"accuracy": accuracy().to(device)}, form="canonical")
    wanted = Soup.from_nets(space("cnn"), trained("cnn"), {"accuracy": accuracy()}, form="canonical")
    assert soup.device.type == device.type
    prompt = {"accuracy": accuracy(2).to(device)}
    assert_close(
        soup.sample(space("cnn"), 2, prompt=prompt, seed=0),
        wanted.sample(space("cnn"), 2, prompt={"accuracy": accuracy(2)}, seed=0),
    )


def flow_training(place):
    """Errors that training a flow hears of."""
    own, heard = space("siren"), []
    torch.manual_seed(0)
    nets, prompts = trained("siren"), {"accuracy": accuracy()}
    flow = Flow.for_nets(own, {k: t.to(place) for k, t in nets.items()}, prompts, width=8, layers=2, steps=4)
    settings = FlowTraining(steps=4, batch=12, check=1)
    both = FlowNets(nets, prompts, nets)
    train_flow(flow, both, both, settings, lambda step, error: heard.append(error))
    return heard


def refiner_training(place):
    """Losses of nets that a refiner writes after some steps."""
    nets = [
        Architecture("cnn", {"image_size": 8, "channels": [6], "stride": [2], "norm": n}) for n in ("none", "batch")
    ]
    spaces, settings = [trace_architecture(net) for net in nets], RefinerTraining(steps=4, nets=2, batch=16, warmup=2)
    torch.manual_seed(0)
    refiner, data = Refiner.for_spaces(*spaces, width=8, layers=1, probes=4).to(place), load_dataset("digits")
    train_refiner(refiner, nets, data, settings)
    return [
        float(written_loss(refiner, net, data, settings, torch.Generator().manual_seed(1)).detach().mean())
        for net in nets
    ]


def start_training(place):
    """Second-order gradients of a learned start, through its steps."""
    start = LearnedStart.for_convention(space("siren"), convention()).begin(untrained(), 1e-3).to(place).train()
    loss = start.loss(start.fit(signals(3).to(place)), signals(3).to(place)).log().mean()
    gradients = torch.autograd.grad(loss, [start.start, start.rates])
    return [float(loss.detach()), *torch.cat(gradients).cpu().tolist()]


def hypernetwork_training(place):
    """A step through weights that depend on hyper-inputs."""
    torch.manual_seed(0)
    net = hypernetize(build_net("mlp", in_features=3, hidden=[4]), {"decay": (-6.0, 0.0)}, width=8).to(place)
    loss = net(torch.ones(5, 3, device=place), decay=torch.linspace(-6, 0, 4)).square().mean()
    loss.backward()
    return [float(loss.detach()), *(float(p.grad.norm()) for p in net.parameters() if p.grad is not None)]


@pytest.mark.parametrize("training", [flow_training, refiner_training, start_training, hypernetwork_training])
def test_training_goes_as_on_the_cpu(training, device):
    training("cpu")  # what is traced once draws random numbers
    wanted, found = training("cpu"), training(device)
    assert len(wanted) > 1
    assert found == pytest.approx(wanted, rel=1e-2, abs=1e-4)


def module_and_inputs():
    """A small net with batch norms, and images."""
    net = build_net("cnn", image_size=8, channels=[3, 4], stride=2, norm="batch")
    return net, torch.rand(8, 1, 8, 8, generator=torch.Generator().manual_seed(0))


def test_a_generator_elsewhere_starts_a_module_here(device):
    (net, x), (other, _) = module_and_inputs(), module_and_inputs()
    initialize(net, make("Fresh").to(device), example_inputs=(x,), seed=0, statistics=x)
    initialize(other, make("Fresh"), example_inputs=(x,), seed=0, statistics=x)
    assert all(torch.equal(tensor, other.state_dict()[name]) for name, tensor in net.state_dict().items())


@pytest.mark.gpu
def test_a_module_on_a_gpu_is_started():
    (net, x), (other, _) = module_and_inputs(), module_and_inputs()
    initialize(net.cuda(), make("Fresh"), example_inputs=(x.cuda(),), seed=0, statistics=x.cuda())
    initialize(other, make("Fresh"), example_inputs=(x,), seed=0, statistics=x)
    assert_close(net.state_dict(), other.state_dict())


def test_nets_from_elsewhere_are_written(device, tmp_path):
    architecture = Architecture("siren", {"hidden": [5, 4]})
    own = trace_architecture(architecture)
    zoos = [
        write_zoo(GENERATORS["Fresh"].for_spaces(own).to(place), architecture, 3, tmp_path / str(number))
        for number, place in enumerate(("cpu", device))
    ]
    assert zoos[0].table["checksum"].equals(zoos[1].table["checksum"])
