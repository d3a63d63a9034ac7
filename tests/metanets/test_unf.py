"""Equivariant linear layers, against a plain version: a matrix for each pair of tensors and each set of shared axes."""

import importlib
from pathlib import Path

import pytest
import torch

from weightspace.metanets.unf import EquivariantLinear
from weightspace.testing import randomized

BENCH = Path(__file__).parents[2] / "scripts" / "bench"
AXES = {
    "perceptron": {"0.weight": "b", "0.bias": "b", "1.weight": "cb", "1.bias": "c", "2.weight": "c", "2.bias": ""},
    "with free ends": {"0.weight": "ba", "0.bias": "b", "1.weight": "cb", "1.bias": "c"},
}
SIZES = {"a": 2, "b": 3, "c": 4}


@pytest.mark.parametrize("axes", AXES.values(), ids=AXES)
def test_layers_are_those_of_the_plain_version(axes, monkeypatch):
    monkeypatch.syspath_prepend(str(BENCH))
    plain = importlib.import_module("plain.functionals").PlainLayer(axes, 5).double()
    ours = randomized(EquivariantLinear({name: tuple(own) for name, own in axes.items()}, (5, 5)))
    copied, place = set(), {pair: number for number, pair in enumerate(plain.pairs)}
    with torch.no_grad():
        for target, maps, found in zip(axes, ours.maps, ours.reads, strict=True):
            for linear, (_, reads) in zip(maps, found, strict=True):
                for part, (source, pooling) in enumerate(reads):
                    kept = {axes[source][pooling.labels.index(label)] for label in pooling.kept}
                    number = place[target, source, tuple(axis for axis in axes[source] if axis in kept)]
                    plain.maps[number].weight.copy_(linear.weight[:, 5 * part : 5 * part + 5])
                    plain.maps[number].bias.copy_(linear.bias if part == 0 else torch.zeros(5))
                    copied.add(number)
        assert len(copied) == len(plain.pairs)
        tensors = {name: torch.randn(2, *(SIZES[a] for a in own), 5, dtype=torch.float64) for name, own in axes.items()}
        expected, result = plain(tensors), ours(tensors)
    for name, found in zip(axes, ours.reads, strict=True):
        torch.testing.assert_close(result[name] * len(found) ** 0.5, expected[name], rtol=1e-10, atol=1e-10)
