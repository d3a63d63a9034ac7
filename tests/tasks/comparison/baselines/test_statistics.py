import numpy as np
import pytest
import torch

from weightspace.tasks.comparison.baselines.statistics import HyperparameterTable, boost, tensor_statistics


def test_statistics_of_one_tensor():
    weights = {"w": torch.arange(10.0).reshape(2, 5)}
    expected = torch.tensor([[2.0, 2.0, 0, 1, 2, 3, 4], [7.0, 2.0, 5, 6, 7, 8, 9]])
    torch.testing.assert_close(tensor_statistics(weights), expected)


def test_statistics_do_not_see_the_order_of_neurons_but_see_a_change():
    generator = torch.Generator().manual_seed(0)
    weights = {"w": torch.randn(3, 4, 5, generator=generator), "steps": torch.ones(3, dtype=torch.long)}
    permuted = {"w": weights["w"][:, torch.randperm(4, generator=generator)], "steps": weights["steps"]}
    torch.testing.assert_close(tensor_statistics(weights), tensor_statistics(permuted))
    assert tensor_statistics(weights).shape == (3, 7)
    assert not torch.allclose(tensor_statistics(weights), tensor_statistics({"w": 1.1 * weights["w"]}))


def test_words_become_indices_and_unseen_words_missing():
    rows = [{"lr": 0.1, "activation": "tanh"}, {"lr": 1, "activation": "relu"}]
    table = HyperparameterTable(rows, ["lr", "activation"])
    assert table.categorical == [False, True]
    np.testing.assert_array_equal(table(rows), [[0.1, 1], [1, 0]])
    assert np.isnan(table([{"lr": 0.1, "activation": "gelu"}])[0, 1])


def test_no_hyperparameters():
    with pytest.raises(ValueError, match="one name at least"):
        HyperparameterTable([{"lr": 1}], [])


def test_boosting_learns_a_curve_and_a_word():
    random = np.random.default_rng(0)
    x = np.stack([random.uniform(-2, 2, 600), random.integers(0, 3, 600)], 1)
    y = np.sin(2 * x[:, 0]) + np.array([0.0, 2.0, -1.0])[x[:, 1].astype(int)]
    predict = boost(x[:400], y[:400], x[400:500], y[400:500], categorical=[False, True])
    assert np.abs(predict(x[500:]) - y[500:]).mean() < 0.15
