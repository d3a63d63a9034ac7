import json

import pytest
import torch
from torch import nn

from weightspace.nets.stacked import convolve
from weightspace.nets.stacked.convolve import WAYS, chosen_way, convolve_stack

CASES = {
    "plain": {"kernel_size": 3},
    "padded": {"kernel_size": 3, "padding": 1},
    "strided": {"kernel_size": (3, 5), "stride": (2, 1), "padding": (0, 2)},
    "dilated": {"kernel_size": 3, "dilation": 2, "padding": 1},
    "one": {"kernel_size": 1},
}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("shared", [False, True])
@pytest.mark.parametrize("biased", [False, True])
@pytest.mark.parametrize("way", WAYS)
def test_every_way_is_each_nets_own_convolution(case, shared, biased, way):
    conv = nn.Conv2d(2, 4, **CASES[case])
    weight, bias = torch.randn(3, *conv.weight.shape), torch.randn(3, 4) if biased else None
    images = torch.randn(1 if shared else 3, 5, 2, 9, 8)
    x = images[0] if shared else images.transpose(0, 1).flatten(1, 2)
    out = WAYS[way](conv, weight, bias, x.to(memory_format=torch.channels_last), shared)
    for i in range(3):
        own = images[0 if shared else i]
        wanted = nn.functional.conv2d(
            own, weight[i], bias[i] if biased else None, conv.stride, conv.padding, conv.dilation
        )
        torch.testing.assert_close(out[:, 4 * i : 4 * i + 4], wanted, rtol=1e-4, atol=1e-5)


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    chosen_way.cache_clear()
    yield tmp_path / "weightspace" / "convolutions.json"
    chosen_way.cache_clear()


SHAPES = ("cpu", 4, (3, 2, 3, 3), (5, 8, 7, 7), ((1, 1), (0, 0), (1, 1), False))


def test_the_faster_way_is_chosen_once_and_kept(cache, monkeypatch):
    asked = []

    def spent(way, conv, nets, shape, shared, device):
        asked.append((way, nets, shape))
        return {"grouped": 2.0, "unfolded": 1.0}[way]

    monkeypatch.setattr(convolve, "measure_way", spent)
    assert chosen_way(*SHAPES) == "unfolded"
    assert asked == [("grouped", 4, (5, 8, 7, 7)), ("unfolded", 4, (5, 8, 7, 7))]
    chosen_way.cache_clear()  # another process
    assert chosen_way(*SHAPES) == "unfolded" and len(asked) == 2
    assert list(json.loads(cache.read_text()).values()) == ["unfolded"]
    cache.write_text("damaged")
    chosen_way.cache_clear()
    assert chosen_way(*SHAPES) == "unfolded" and len(asked) == 4


def test_measuring_runs_both_ways(cache):
    assert chosen_way(*SHAPES) in WAYS
    assert chosen_way("cpu", 4, (3, 2, 3, 3), (5, 2, 7, 7), ((1, 1), (0, 0), (1, 1), True)) in WAYS
    assert len(json.loads(cache.read_text())) == 2


def test_a_cpu_measures_nothing(cache):
    convolve_stack(nn.Conv2d(2, 3, 3), torch.randn(4, 3, 2, 3, 3), None, torch.randn(5, 8, 7, 7), shared=False)
    assert not cache.exists()


@pytest.mark.gpu
def test_a_gpu_chooses_and_agrees_with_the_cpu(cache):
    conv, weight, x = nn.Conv2d(2, 3, 3), torch.randn(3, 3, 2, 3, 3), torch.randn(5, 6, 7, 7)
    drawn = convolve_stack(conv, weight.cuda(), None, x.cuda(), shared=False).cpu()
    torch.testing.assert_close(drawn, convolve_stack(conv, weight, None, x, shared=False), rtol=1e-4, atol=1e-4)
    assert cache.exists()
