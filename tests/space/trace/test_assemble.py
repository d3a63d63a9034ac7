"""From a finished trace to sites, links and places of tensors."""

import pytest
import torch
from torch import nn

from tests.space.nets.architectures import BY_NAME, traced
from tests.space.nets.layered import Code
from weightspace.space import WeightSpace

NAMES = list(BY_NAME)


def names_of(axes):
    return {atom.name for axis in axes for atom in axis.atoms() if atom.name is not None}


@pytest.mark.parametrize("name", NAMES)
def test_a_weight_leads_from_the_neurons_of_its_sources_to_those_of_its_target(name):
    space = traced(name)
    for spec in (spec for spec in space.tensors.values() if spec.role == "weight"):
        sources = [space.sites[index].axis for index in spec.source_sites]
        assert names_of(spec.axes[axis] for axis in spec.target) == names_of([space.sites[spec.target_site].axis])
        assert names_of(spec.axes[axis] for axis in spec.source) <= names_of(sources)


@pytest.mark.parametrize("name", NAMES)
def test_a_vector_spells_the_neurons_of_its_site(name):
    space = traced(name)
    for spec in (spec for spec in space.tensors.values() if spec.role == "vector"):
        assert names_of(spec.axes) == names_of([space.sites[spec.target_site].axis])


@pytest.mark.parametrize("name", NAMES)
def test_sites_and_links(name):
    space = traced(name)
    assert len({site.name for site in space.sites}) == len(space.sites)
    assert {"input", "output"} <= {site.kind for site in space.sites}
    assert all(site.depth == 0 for site in space.sites if site.kind == "input")
    assert max(site.depth for site in space.sites) > 0
    for link in space.links:
        assert link.source != link.target and max(link.source, link.target) < len(space.sites)


@pytest.mark.parametrize("name", NAMES)
def test_two_vectors_never_share_a_slot(name):
    space = traced(name)
    vectors = [spec for spec in space.tensors.values() if spec.role == "vector" and spec.slot != "other"]
    taken = [(spec.target_site, spec.slot) for spec in vectors]
    assert len(set(taken)) == len(taken)


def test_a_flattened_concatenation_is_read_from_all_its_sites():
    space = traced("dense")
    head, three = space.tensors["o.weight"], [space.tensors[f"{name}.weight"].target_site for name in "abc"]
    (source,) = head.source_sites
    assert str(space.sites[source].axis) == "(a + b + c)"
    assert {link.source for link in space.links if link.target == source} >= set(three)
    assert space.sites[head.target_site].depth == 4


def test_a_concatenation_is_read_term_by_term():
    net = Code(
        lambda m, x: m.o(torch.cat([m.a(x), m.b(x)], 1)), a=nn.Linear(3, 4), b=nn.Linear(3, 5), o=nn.Linear(9, 2)
    )
    space = WeightSpace.trace(net, torch.randn(2, 3))
    assert [space.sites[index].name for index in space.tensors["o.weight"].source_sites] == ["a", "b"]


def test_a_state_that_is_used_again_is_one_site():
    short, long = (
        WeightSpace.trace(BY_NAME["unrolled"].make()[0], torch.randn(steps, 2, 5), verify=False) for steps in (3, 7)
    )
    assert len(short.sites) == len(long.sites)


def test_the_output_of_a_module_that_ends_in_neurons():
    space = WeightSpace.trace(nn.Sequential(nn.Linear(3, 4), nn.ReLU()), torch.randn(2, 3))
    assert [site.kind for site in space.sites] == ["input", "output"]
    assert space.free == () and space.names["out"].size == 4


def test_two_inputs_are_two_sites():
    net = Code(lambda m, x, y: m.a(x) + m.b(y), a=nn.Linear(3, 4), b=nn.Linear(5, 4))
    space = WeightSpace.trace(net, torch.randn(2, 3), torch.randn(2, 5))
    assert [site.kind for site in space.sites].count("input") == 2
    assert {name: group.size for name, group in space.names.items()} == {"in": 3, "in2": 5, "out": 4}
