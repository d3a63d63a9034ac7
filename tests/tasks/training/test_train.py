import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from tests.tasks.training.problem import CONFIG, Problem
from weightspace.tasks.training.log import read_log
from weightspace.tasks.training.order import batch_of_step
from weightspace.tasks.training.train import TrainConfig, make_optimizer, train


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


def test_a_killed_run_goes_on_to_the_same_end(tmp_path):
    """Killed in the middle of a step, between two looks at the validation nets."""
    command = [
        sys.executable,
        "-m",
        "tests.tasks.training.problem",
        tmp_path / "broken",
        tmp_path / "out",
        "--kill-at",
        "37",
    ]
    killed = subprocess.run(command, cwd=Path(__file__).parents[3])
    assert killed.returncode == -signal.SIGKILL
    assert not (tmp_path / "out").exists()
    again, whole = Problem(), Problem()
    assert again.run(tmp_path / "broken") == whole.run(tmp_path / "whole")
    assert (again.seen, whole.seen) == (30, 60)
    for name, value in whole.model.state_dict().items():
        assert torch.equal(value, again.model.state_dict()[name])


def test_seconds_add_up_over_calls(tmp_path):
    broken = Problem()
    broken.stop_after = 4
    with pytest.raises(KeyboardInterrupt):
        broken.run(tmp_path)
    Problem().run(tmp_path)
    seconds = [line["seconds"] for line in read_log(tmp_path / "train.jsonl")]
    assert seconds == sorted(seconds)
    assert 0 < seconds[2] < seconds[3]


def test_the_callers_random_numbers_stay_as_they_were(tmp_path):
    torch.manual_seed(7)
    expected = torch.rand(3)
    torch.manual_seed(7)
    Problem().run(tmp_path)
    assert torch.equal(torch.rand(3), expected)


def test_bfloat16_is_for_the_loss_alone(tmp_path):
    problem, types = Problem(replace(CONFIG, precision="bf16", steps=10)), []
    problem.model.register_forward_hook(lambda module, args, out: types.append((module.training, out.dtype)))
    problem.run(tmp_path)
    assert set(types) == {(True, torch.bfloat16), (False, torch.float32)}
    assert {value.dtype for value in problem.model.state_dict().values()} == {torch.float32}


def test_compiled_steps_find_the_same_and_leave_the_model_as_it_was(tmp_path, monkeypatch):
    compiled, modes = [], []

    def compile_plainly(call):
        compiled.append(call.__name__)
        plain = real(call, backend="eager")
        return lambda *args: modes.append(problem.model.training) or plain(*args)

    real = torch.compile
    monkeypatch.setattr(torch, "compile", compile_plainly)
    problem, whole = Problem(replace(CONFIG, compile=True)), Problem()
    assert problem.run(tmp_path / "compiled") == pytest.approx(whole.run(tmp_path / "whole"), rel=1e-4)
    assert compiled == ["forward"]
    assert modes == [True] * 60  # validation isn't compiled
    assert "forward" not in vars(problem.model)


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


def test_a_judge_that_never_says_a_number_stops(tmp_path):
    problem = Problem()
    problem.y[64:] = float("nan")
    with pytest.raises(ValueError, match="judge never gave a finite number"):
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
        ({"precision": "fp16"}, "precision must be 'no' or 'bf16', got 'fp16'"),
        ({"trackers": ("clearml",)}, r"among tensorboard, wandb, trackio; got \['clearml'\]"),
    ],
)
def test_config_is_checked(change, message):
    with pytest.raises(ValueError, match=message):
        TrainConfig(**change)


@pytest.mark.gpu
@pytest.mark.parametrize("settings", [{}, {"precision": "bf16", "compile": True}])
def test_a_gpu_learns_and_goes_on(tmp_path, settings):
    def on_gpu():
        problem = Problem(replace(CONFIG, **settings), dropout=0.0)
        problem.model.cuda()
        problem.x, problem.y = problem.x.cuda(), problem.y.cuda()
        return problem

    whole, broken, again = on_gpu(), on_gpu(), on_gpu()
    cpu = Problem(dropout=0.0)
    assert whole.run(tmp_path / "whole") == pytest.approx(cpu.run(tmp_path / "cpu"), rel=0.2 if settings else 1e-2)
    broken.stop_after = 4
    with pytest.raises(KeyboardInterrupt):
        broken.run(tmp_path / "broken")
    again.run(tmp_path / "broken")
    assert again.judged == 3
    for name, value in whole.model.state_dict().items():
        assert value.is_cuda
        assert torch.allclose(value, again.model.state_dict()[name], atol=1e-5)
