"""Randomness of stacks of nets: that of one net is its own."""

import torch

from weightspace.generators.draws import Draws


def test_the_numbers_of_a_net_depend_on_the_seed_and_its_place_alone():
    many, few, later = Draws(3, 0, 6).normal(4, 2), Draws(3, 0, 2).normal(4, 2), Draws(3, 4, 2).normal(4, 2)
    assert torch.equal(many[:2], few)
    assert torch.equal(many[4:], later)
    assert not torch.equal(many, Draws(4, 0, 6).normal(4, 2))
    assert len(many.flatten().unique()) == many.numel()


def test_a_part_draws_on_from_where_its_nets_are():
    one, other = Draws(0, 0, 3), Draws(0, 0, 3)
    assert torch.equal(one.uniform(5)[[2, 0]], other.part([2, 0]).uniform(5))
    assert len(other.part([1])) == 1


def test_chosen_rows_are_different_ones():
    rows = torch.tensor([3, 5, 8, 13])
    chosen = Draws(0, 0, 20).choose(rows, 3)
    assert chosen.shape == (20, 3)
    assert all(len(set(each)) == 3 and set(each) <= set(rows.tolist()) for each in chosen.tolist())
    assert len(chosen.unique(dim=0)) > 1
