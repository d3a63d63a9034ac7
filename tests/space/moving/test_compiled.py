"""Acting by compiled code against the slow way, one axis after the other."""

import pytest
import torch

from weightspace.machine.compiler import load_native
from weightspace.space.moving import compiled as move
from weightspace.space.moving.compiled import Acting, Work, fits

pytestmark = pytest.mark.skipif(load_native(move.SOURCE) is None, reason="no C compiler")

SHAPES = [(7,), (6, 5), (6, 5, 3, 3), (4, 1, 40, 2), (30, 5, 40), (3, 4, 5, 6), (5, 0, 3), (40, 70), (9, 33, 2)]
SHAPES += [(300, 70), (50, 60, 3, 3)]


def slow(tensor, axes, stacked):
    """Nets and axes one by one."""
    nets = list(tensor) if stacked else [tensor]
    for number, net in enumerate(nets):
        for dim, axis in enumerate(axes):
            shape = [-1 if own == dim else 1 for own in range(net.ndim)]
            factor, order = (v if v is None or v.ndim == 1 else v[number] for v in (axis.factor, axis.order))
            net = net if order is None else net.index_select(dim, order)
            net = net if factor is None else net * factor.to(net.dtype).reshape(shape)
        nets[number] = net
    return torch.stack(nets) if stacked else nets[0]


def act(tensor, axes, stacked, out):
    work = Work()
    work.add(tensor, axes, stacked, out)
    work.run()


def drawn(shape, chosen, nets, scaled):
    axes = []
    for dim, size in enumerate(shape):
        lead = () if nets is None else (nets,)
        order = torch.rand(*lead, size).argsort(-1) if dim in chosen else None
        factor = torch.rand(*lead, size, dtype=torch.float64) + 0.5 if scaled and dim % 2 == 0 else None
        axes.append(Acting(size, order, factor))
    return axes


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16, torch.int64, torch.bool])
@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("much", [True, False])
def test_moves_are_those_of_one_axis_after_the_other(shape, dtype, threads, much, monkeypatch):
    monkeypatch.setattr(move, "_SHARE_FROM", 1)
    monkeypatch.setattr(move, "_MUCH", 0 if much else 1 << 40)
    monkeypatch.setattr(torch, "get_num_threads", lambda: threads)
    torch.manual_seed(0)
    for stacked, own in ((False, None), (True, None), (True, 3)):
        tensor = (10 * torch.randn(*(3,) * stacked, *shape)).to(dtype)
        for chosen in ({*range(len(shape))}, {0}, {len(shape) - 1}, set()):
            axes, out = drawn(shape, chosen, own, scaled=False), torch.zeros_like(tensor)
            act(tensor, axes, stacked, out)
            assert torch.equal(out, slow(tensor, axes, stacked))
            act(tensor, axes, stacked, tensor)
            assert torch.equal(tensor, out)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("much", [True, False])
def test_factors_are_multiplied_on_the_way(shape, dtype, much, monkeypatch):
    monkeypatch.setattr(move, "_MUCH", 0 if much else 1 << 40)
    torch.manual_seed(0)
    for stacked, own in ((False, None), (True, None), (True, 3)):
        tensor = torch.randn(*(3,) * stacked, *shape, dtype=dtype)
        for chosen in ({*range(len(shape))}, {0}, set()):
            axes, out = drawn(shape, chosen, own, scaled=True), torch.zeros_like(tensor)
            act(tensor, axes, stacked, out)
            torch.testing.assert_close(out, slow(tensor, axes, stacked))
            act(tensor, axes, stacked, tensor)
            torch.testing.assert_close(tensor, out)


def test_what_compiled_code_can_act_on():
    plain = torch.zeros(2, 3)
    assert fits(plain) and fits(torch.nn.Parameter(plain).detach()) and fits(plain.T)
    with torch.no_grad():
        assert fits(torch.nn.Parameter(plain))
    assert not fits(torch.nn.Parameter(plain))  # gradients have to pass
    for other in (
        plain.to("meta"),
        plain.to_sparse(),
        torch.zeros(2, dtype=torch.complex128),
        plain.to(torch.complex64).conj(),
    ):
        assert not fits(other)
    torch.func.vmap(lambda row: torch.zeros(0) if fits(row) else row)(plain)


def test_a_planted_wrong_order_is_noticed():
    tensor, out = torch.arange(12.0).view(3, 4), torch.zeros(3, 4)
    axes = [Acting(3, torch.tensor([2, 0, 1])), Acting(4)]
    act(tensor, axes, False, out)
    assert not torch.equal(out, slow(tensor, [Acting(3, torch.tensor([1, 2, 0])), Acting(4)], False))
