"""Every metanet on another device in float32, against the CPU in float64; run on the CPU too.

And on the meta device, where tensors have shapes and no values: there a step that mixes devices fails, as on a GPU, and
so does one that asks for a value, for which a GPU would have to wait.
"""

import pytest
import torch

from tests.graphs.spaces import random_weights
from tests.metanets.cases import CASES, home, small
from weightspace.machine.work import count_work

DEVICES = ["cpu", pytest.param("cuda", marks=pytest.mark.gpu)]
TOLERANCE = 2e-3  # of the largest entry: sums of float32 in another order, through several layers


def outcome(name, head, device, dtype):
    """Outputs and gradients of one metanet, the same parameters and nets whatever the device and type."""
    space = home(name)
    torch.manual_seed(0)
    metanet = small(name, space, outputs=2, head=head).eval().to(device, dtype)
    weights = {key: value.to(device) for key, value in random_weights(space, nets=3, dtype=dtype).items()}
    found = metanet(metanet.graph(space, weights))
    parts = list(found.values()) if isinstance(found, dict) else [found]
    sum(part.square().mean() for part in parts if part.is_floating_point()).backward()
    gradients = [p.grad for p in metanet.parameters() if p.grad is not None]
    assert gradients
    return [value.detach().cpu().double() for value in parts + gradients]


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize(("name", "head"), CASES)
def test_a_device_gives_what_the_cpu_gives_in_float64(name, head, device):
    exact, ours = outcome(name, head, "cpu", torch.float64), outcome(name, head, device, torch.float32)
    assert len(exact) == len(ours)
    for wanted, got in zip(exact, ours, strict=True):
        scale = float(wanted.abs().max()) + 1e-6
        assert float((wanted - got).abs().max()) <= TOLERANCE * scale


def floats(found):
    """The floating tensors among what a metanet gives."""
    return [part for part in (found.values() if isinstance(found, dict) else [found]) if part.is_floating_point()]


@pytest.mark.parametrize(("name", "head"), CASES)
def test_a_step_stays_on_its_device_and_asks_for_no_value(name, head):
    space = home(name)
    weights = random_weights(space, nets=3, dtype=torch.float32)
    metanet = small(name, space, outputs=2, head=head)
    metanet(metanet.graph(space, weights))  # what depends on the space alone is looked up once
    metanet = metanet.to("meta")
    found = metanet(metanet.graph(space, {key: value.to("meta") for key, value in weights.items()}))
    parts = floats(found)
    assert all(part.is_meta for part in parts)
    sum(part.square().mean() for part in parts).backward()
    assert all(parameter.grad is None or parameter.grad.is_meta for parameter in metanet.parameters())


@pytest.mark.parametrize("fault", [lambda x: x + torch.zeros(x.shape[-1]), lambda x: x * float(x.sum())])
def test_the_meta_device_finds_faults(fault):
    with pytest.raises(RuntimeError):
        fault(torch.zeros(2, 3, device="meta"))


@pytest.mark.parametrize(("name", "head"), CASES)
def test_a_step_launches_as_many_kernels_whatever_the_batch(name, head):
    space, counts = home(name), []
    metanet = small(name, space, outputs=2, head=head)
    for nets in (4, 12):
        weights = random_weights(space, nets=nets, dtype=torch.float32)

        def step(weights=weights):
            found = metanet(metanet.graph(space, weights))
            parts = [
                part for part in (found.values() if isinstance(found, dict) else [found]) if part.is_floating_point()
            ]
            sum(part.square().mean() for part in parts).backward()

        step()
        counts.append(count_work(step).kernels)
    assert counts[0] == counts[1]
