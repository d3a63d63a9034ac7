"""Rules are trained: they learn to point as Adam does, evolution's estimate is that of the gradient, runs go on."""

import pytest
import torch

from weightspace.optimizers import LearnedRule, RuleConfig
from weightspace.tasks.optimization.evolution import EvolutionConfig, Trainings, unpacked
from weightspace.tasks.optimization.imitation import ImitationConfig, imitate
from weightspace.tasks.optimization.innertask import TASKS, digits_task
from weightspace.tasks.optimization.linearsearch import SearchConfig
from weightspace.tasks.optimization.metatrain import MetaConfig, meta_train

SMALL = EvolutionConfig(pairs=4, truncation=3, shortest=4, longest=8)


@pytest.fixture(scope="module")
def task():
    return digits_task("mlp", batch=16, in_features=64, hidden=[6], out_features=10)


def test_a_rule_learns_to_point_as_adam_does(task):
    torch.manual_seed(0)
    seen = []
    imitate(
        LearnedRule(RuleConfig()), [task], ImitationConfig(steps=120, runs=4, length=30), lambda _, c: seen.append(c)
    )
    assert seen[0] < 0.8 < 0.9 < seen[-1]


def test_layers_are_cut_from_rows_of_parameters():
    rule = LearnedRule(RuleConfig(hidden=3))
    row = torch.cat([p.detach().flatten() for p in rule.parameters()])
    for (matrix, bias), layer in zip(unpacked(torch.stack([row, 2 * row]), rule), rule.layers, strict=True):
        assert (matrix[0] == layer.weight).all() and (bias[1] == 2 * layer.bias).all()


def test_pairs_share_all_but_the_move(task):
    torch.manual_seed(0)
    rule = LearnedRule(RuleConfig(hidden=3))
    meta = sum(p.numel() for p in rule.parameters())
    trainings = Trainings(task, EvolutionConfig(pairs=4, truncation=3, spread=0.0 + 1e-9), meta, 0)
    trainings.advance(rule)
    there, back = trainings.rows.chunk(2)
    torch.testing.assert_close(there, back, rtol=1e-3, atol=1e-4)


def test_the_estimate_points_where_the_loss_grows(task):
    """Along the last bias's direction of no effect nothing is expected; along a scaled sign flip it is."""
    torch.manual_seed(0)
    rule = LearnedRule(RuleConfig(hidden=3))
    meta = sum(p.numel() for p in rule.parameters())
    config = EvolutionConfig(pairs=256, truncation=8, shortest=8, longest=9, spread=0.02, lowest=5e-3, highest=6e-3)
    found, _ = Trainings(task, config, meta, 0).advance(rule)
    row = torch.cat([p.detach().flatten() for p in rule.parameters()])
    losses = []
    for sign in (-1, 1):
        moved = LearnedRule(RuleConfig(hidden=3))
        torch.nn.utils.vector_to_parameters(row + sign * 0.3 * found / found.norm(), moved.parameters())
        losses.append(Trainings(task, config, meta, 1).advance(moved)[1])
    assert losses[0] < losses[1]


def test_finished_trainings_begin_anew(task):
    rule = LearnedRule(RuleConfig(hidden=3))
    trainings = Trainings(task, SMALL, sum(p.numel() for p in rule.parameters()), 0)
    for _ in range(6):
        trainings.advance(rule)
        assert (trainings.steps < trainings.lengths).all()
    assert trainings.rows.isfinite().all()


def test_a_run_goes_on_from_its_checkpoint(task, tmp_path, monkeypatch):
    monkeypatch.setattr("weightspace.tasks.optimization.metatrain.KEEP_EVERY", 2)
    first = MetaConfig("imitation", imitation=ImitationConfig(steps=5, runs=2), evolution=SMALL, changes=4)
    meta_train([task], first, tmp_path / "rule")
    seen = []
    more = MetaConfig("imitation", imitation=ImitationConfig(steps=5, runs=2), evolution=SMALL, changes=6)
    rule = meta_train([task], more, tmp_path / "rule", watch=lambda stage, step, _: seen.append((stage, step)))
    assert seen == [("evolution", 4), ("evolution", 5)]
    again = LearnedRule.from_pretrained(tmp_path / "rule")
    assert all((a == b).all() for a, b in zip(again.parameters(), rule.parameters(), strict=True))
    assert again.config.domain == {"trained_on": ["digits-mlp"]}


def test_what_cant_be_gone_on_with_is_refused(task, tmp_path):
    config = MetaConfig("imitation", imitation=ImitationConfig(steps=2, runs=2), evolution=SMALL, changes=0)
    with pytest.raises(ValueError, match="one task at least"):
        meta_train([], config, tmp_path)
    meta_train([task], config, tmp_path)
    with pytest.raises(ValueError, match="first must be search or imitation, got 'guess'"):
        MetaConfig("guess")
    with pytest.raises(ValueError, match="another rule"):
        meta_train([task], config, tmp_path, RuleConfig(hidden=5))
    assert {"digits-mlp", "digits-cnn", "digits-vit", "digits-autoencoder", "siren"} <= set(TASKS)


def test_a_run_can_begin_with_a_search(task, tmp_path):
    search = SearchConfig(rounds=2, tried=4, tasks=1, shortest=5, longest=6)
    seen = []
    rule = meta_train([task], MetaConfig(search=search, evolution=SMALL, changes=0), tmp_path / "rule",
                      watch=lambda stage, step, _: seen.append((stage, step)))  # fmt: skip
    assert seen == [("search", 0), ("search", 1)]
    assert not rule.layers[1].weight[:2, 2:].any()  # linear: the other units aren't read
