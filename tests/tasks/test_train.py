import pytest
import torch
from torch import nn

from weightspace.tasks.log import read_log
from weightspace.tasks.train import TrainConfig, batch_of_step, make_optimizer, train

CONFIG = TrainConfig(steps=60, batch_size=16, learning_rate=0.02, warmup=5, judge_every=10, average=0.9)


class Problem:
    """A line with noise, learnt by a small net with dropout, so that resuming has to keep the random numbers too."""

    def __init__(self):
        generator = torch.Generator().manual_seed(0)
        self.x = torch.randn(96, 3, generator=generator)
        self.y = self.x @ torch.tensor([[1.0], [-2.0], [0.5]]) + 0.01 * torch.randn(96, 1, generator=generator)
        with torch.random.fork_rng():
            torch.manual_seed(0)
            self.model = nn.Sequential(nn.Linear(3, 16), nn.Dropout(0.1), nn.GELU(), nn.Linear(16, 1))
        self.judged = 0
        self.stop_after = None

    def loss(self, nets):
        return (self.model(self.x[nets]) - self.y[nets]).square().mean()

    def judge(self):
        self.judged += 1
        if self.judged == self.stop_after:
            raise KeyboardInterrupt
        return (self.model(self.x[64:]) - self.y[64:]).square().mean().item()

    def run(self, folder):
        return train(self.model, self.loss, self.judge, 64, CONFIG, folder, progress=False)


def test_learns_and_keeps_the_best(tmp_path):
    problem = Problem()
    before = problem.judge()
    best = problem.run(tmp_path)
    assert best < 0.2 * before
    assert problem.judge() == pytest.approx(best)
    assert not problem.model.training
    steps = [line["step"] for line in read_log(tmp_path / "train.jsonl")]
    assert steps == [10, 20, 30, 40, 50, 60]


def test_resumed_run_equals_an_undisturbed_one(tmp_path):
    whole, broken = Problem(), Problem()
    whole.run(tmp_path / "whole")
    broken.stop_after = 4
    with pytest.raises(KeyboardInterrupt):
        broken.run(tmp_path / "broken")
    again = Problem()
    again.run(tmp_path / "broken")
    assert again.judged == 3
    for name, value in whole.model.state_dict().items():
        assert torch.equal(value, again.model.state_dict()[name])
    assert [line["step"] for line in read_log(tmp_path / "broken" / "train.jsonl")] == [10, 20, 30, 40, 50, 60]


def test_a_checkpoint_of_another_run_is_refused(tmp_path):
    problem = Problem()
    problem.run(tmp_path)
    with pytest.raises(ValueError, match="another model or configuration"):
        train(problem.model, problem.loss, problem.judge, 64, TrainConfig(steps=61), tmp_path, progress=False)


def test_a_loss_that_is_not_finite_stops(tmp_path):
    problem = Problem()
    problem.x[:] = float("inf")
    with pytest.raises(ValueError, match="at step 0; a smaller learning_rate"):
        problem.run(tmp_path)


def test_an_epoch_visits_every_net_once_and_epochs_differ():
    first, second = (torch.cat([batch_of_step(4 * epoch + i, 64, 16, seed=1) for i in range(4)]) for epoch in (0, 1))
    assert sorted(first.tolist()) == sorted(second.tolist()) == list(range(64))
    assert first.tolist() != second.tolist()


def test_warm_up_and_cosine():
    rates = [CONFIG.learning_rate_at(step) for step in range(60)]
    assert rates[0] < rates[2] < rates[4]
    assert rates[4] > rates[30] > rates[59]
    assert rates[59] < 1e-3 * max(rates) + 1e-4


def test_only_matrices_decay():
    groups = make_optimizer(Problem().model, CONFIG).param_groups
    assert {p.ndim for p in groups[0]["params"]} == {2}
    assert {p.ndim for p in groups[1]["params"]} == {1}
    assert (groups[0]["weight_decay"], groups[1]["weight_decay"]) == (CONFIG.weight_decay, 0.0)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"steps": 0}, "steps must be 1 or more, got 0"),
        ({"learning_rate": 0.0}, "learning_rate must be above 0"),
        ({"average": 1.0}, r"average must be in \[0, 1\)"),
    ],
)
def test_config_is_checked(change, message):
    with pytest.raises(ValueError, match=message):
        TrainConfig(**change)
