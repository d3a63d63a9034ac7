"""Guessed groups of matrices: what holds is kept, what doesn't is dropped, in few passes whatever the depth."""

from dataclasses import replace

import pytest
import torch
from torch import nn

from weightspace.space import WeightSpace
from weightspace.space.computation.probe import Probe
from weightspace.space.matrices import MatrixGroup, Side
from weightspace.space.trace import prove


def guessed(kinds, monkeypatch):
    """A deep net, and the guess that the neurons of each hidden layer can be mixed, which only linear layers allow."""
    torch.manual_seed(0)
    layers = [part for kind in kinds for part in (nn.Linear(6, 6), kind())]
    module, x = nn.Sequential(*layers, nn.Linear(6, 2)), torch.randn(3, 6)
    space = WeightSpace.trace(module, x, verify=False)
    groups = [
        MatrixGroup(str(space.tensors[f"{i}.bias"].axes[0]), "linear", {
            f"{i}.weight": (Side(0, 0, 1),), f"{i}.bias": (Side(0, 0, 1),), f"{i + 2}.weight": (Side(1, 0, -1),)})
        for i in range(0, 2 * len(kinds), 2)
    ]  # fmt: skip
    monkeypatch.setattr(prove, "guess_groups", lambda *_: [[group] for group in groups])
    probe, passes = Probe(module, (x,), {}), []
    run = probe.run
    monkeypatch.setattr(probe, "run", lambda *args: passes.append(args) or run(*args))
    found = prove.proved_matrices(replace(space, matrices=()), probe, 1e-9)
    return [groups.index(group) for group in found], len(passes)


@pytest.mark.parametrize("linear", [(0, 1, 2, 3), (0, 2), (0, 1, 3), (1, 2, 3), ()])
def test_those_that_hold_are_kept(linear, monkeypatch):
    kinds = [nn.Identity if layer in linear else nn.Tanh for layer in range(4)]
    assert guessed(kinds, monkeypatch)[0] == list(linear)


def test_one_pass_a_case_where_all_hold(monkeypatch):
    found, passes = guessed([nn.Identity] * 6, monkeypatch)
    assert len(found) == 6 and passes <= 4


@pytest.mark.parametrize("depth", [4, 12])
def test_where_none_holds_the_passes_dont_grow_with_the_layers(depth, monkeypatch):
    found, passes = guessed([nn.Tanh] * depth, monkeypatch)
    assert found == [] and passes <= 3
