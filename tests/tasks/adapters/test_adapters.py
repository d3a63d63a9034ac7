import pytest
import torch

from weightspace.tasks.adapters.adapters import read_adapters


def test_all_ranks_and_kinds_stand_side_by_side_and_answer_as_their_modules(adapter_zoo, adapters):
    assert len(adapters) == len(adapter_zoo) == 64
    x = torch.randn(5, 64, generator=torch.Generator().manual_seed(0))
    answers = adapters.answers(x)
    for place in (0, 9, 30, 63):
        assert adapter_zoo.row(place)["net"] == adapters.rows[place]["net"]
        torch.testing.assert_close(answers[place], adapter_zoo.module(place)(x), rtol=1e-4, atol=1e-4)


def test_what_is_taken_are_those_nets(adapters):
    some = adapters.take(torch.tensor([7, 3]))
    assert [row["net"] for row in some.rows] == [7, 3]
    assert torch.equal(some.layers[1].change[1], adapters.layers[1].change[3])


def test_the_mean_of_a_net_and_itself_is_the_net(adapters):
    x = torch.randn(4, 64)
    merged = adapters.merged(torch.tensor([[5, 5], [5, 6]])).answers(x)
    torch.testing.assert_close(merged[0], adapters.answers(x)[5])
    assert (merged[1] - merged[0]).abs().max() > 1e-3


def test_moved_factors_are_the_same_net_and_broken_ones_another(exact, moved, broken):
    x = torch.randn(4, 64, dtype=torch.float64)
    torch.testing.assert_close(moved.answers(x), exact.answers(x))
    assert (broken.answers(x) - exact.answers(x)).abs().max() > 1e-2


def test_other_nets_are_refused(tiny_zoo):
    with pytest.raises(ValueError, match=r"must hold low-rank adapters, got cnn; weightspace zoo build"):
        read_adapters(tiny_zoo)
