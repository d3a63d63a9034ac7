"""What is read of adapters is the same for all members of an orbit, and another for another net."""

import pytest
import torch

from weightspace.data import load_dataset
from weightspace.tasks.adapters.features import canonical, canonical_factors, raw_factors, spectra, update_statistics
from weightspace.tasks.adapters.readers import GLNet
from weightspace.tasks.adapters.search import probe_answers, task_summary

DIGITS = load_dataset("digits")


def gl_net(adapters):
    torch.manual_seed(0)
    sizes = tuple(size for layer in adapters.layers for size in reversed(layer.weight.shape))
    return GLNet(raw_factors(adapters).float(), 3, sizes).double().eval()


LOOKS = {
    "spectra": spectra,
    "statistics": update_statistics,
    "canonical factors": canonical_factors,
    "answers": lambda adapters: probe_answers(adapters, DIGITS),
    "tasks": lambda adapters: task_summary(adapters, DIGITS),
}


@pytest.mark.parametrize("name", LOOKS)
def test_matrices_between_the_factors_change_nothing(name, exact, moved, broken):
    found = LOOKS[name](exact)
    torch.testing.assert_close(LOOKS[name](moved), found, rtol=1e-6, atol=1e-6)
    assert (LOOKS[name](broken) - found).abs().max() > 1e-2


def test_the_gl_net_is_invariant_and_raw_factors_are_not(exact, moved, broken):
    net = gl_net(exact)
    found = net(raw_factors(exact))
    torch.testing.assert_close(net(raw_factors(moved)), found, rtol=1e-8, atol=1e-8)
    assert (net(raw_factors(broken)) - found).abs().max() > 1e-3
    assert (raw_factors(moved) - raw_factors(exact)).abs().max() > 1e-2


def test_canonical_factors_are_balanced_singular_vectors(exact):
    down, up = canonical(exact.layers[0])
    torch.testing.assert_close(up @ down, exact.layers[0].up @ exact.layers[0].down)
    torch.testing.assert_close(up.mT @ up, down @ down.mT, rtol=1e-8, atol=1e-8)
    sizes = torch.linalg.svdvals(exact.layers[0].up @ exact.layers[0].down)[:, : up.shape[2]]
    torch.testing.assert_close((up.mT @ up).diagonal(dim1=1, dim2=2), sizes, rtol=1e-8, atol=1e-8)


def test_statistics_are_those_of_the_product(exact):
    found, product = update_statistics(exact)[3, 5:10], exact.layers[1].up[3] @ exact.layers[1].down[3]
    values = torch.linalg.svdvals(product)
    share = values.square() / values.square().sum()
    assert found[:2].tolist() == pytest.approx([float(values[0]), float(product.norm())])
    assert float(found[2]) == pytest.approx(float(share[0]))
    assert float(found[3]) == pytest.approx(float(-(share * share.clamp(min=1e-30).log()).sum()), abs=1e-6)
    centred = (product - product.mean()).flatten()
    assert float(found[4]) == pytest.approx(float(centred.pow(4).mean() / centred.square().mean() ** 2))
