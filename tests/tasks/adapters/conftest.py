"""A small zoo of adapters, and the same adapters moved by invertible matrices."""

from dataclasses import replace

import pytest
import torch

from tests.tasks.tiny import ADAPTERS
from weightspace.zoo import Recipe, build_zoo


@pytest.fixture(scope="session")
def adapter_zoo(tmp_path_factory):
    return build_zoo(Recipe.from_toml(ADAPTERS), tmp_path_factory.mktemp("zoos") / "few", workers=1, progress=False)


@pytest.fixture(scope="session")
def adapters(adapter_zoo):
    from weightspace.tasks.adapters.adapters import read_adapters

    return read_adapters(adapter_zoo)


@pytest.fixture(scope="session")
def exact(adapters):
    """The adapters in float64, their changes made anew from the factors."""
    return replace(adapters, layers=tuple(_doubled(layer) for layer in adapters.layers))


@pytest.fixture(scope="session")
def moved(exact):
    """The same nets: ``A`` multiplied by an invertible matrix, ``B`` by its inverse."""
    return replace(exact, layers=tuple(_moved(layer, seed) for seed, layer in enumerate(exact.layers)))


@pytest.fixture(scope="session")
def broken(exact):
    """A planted fault: ``A`` alone is multiplied."""
    return replace(exact, layers=tuple(_moved(layer, seed, both=False) for seed, layer in enumerate(exact.layers)))


def _doubled(layer):
    layer = replace(layer, **{name: value.double() for name, value in vars(layer).items()})
    return _with_change(layer)


def _with_change(layer):
    whole = layer.weight + layer.up @ layer.down
    lengths = layer.lengths.abs().amax(1, keepdim=True) > 0  # of DoRA
    rows = (1 + layer.lengths) * layer.weight.norm(dim=1) / whole.norm(dim=2)
    return replace(layer, change=torch.where(lengths, rows, 1.0).unsqueeze(2) * whole - layer.weight)


def _moved(layer, seed, both=True):
    size, generator = layer.down.shape[1], torch.Generator().manual_seed(seed)
    matrix = torch.randn(len(layer.down), size, size, generator=generator, dtype=torch.float64)
    matrix += 3 * torch.eye(size, dtype=torch.float64)
    up = layer.up @ torch.linalg.inv(matrix) if both else layer.up
    return _with_change(replace(layer, down=matrix @ layer.down, up=up))
