"""The training loop of every task: steps, a log, a checkpoint to go on from, and a progress bar."""

import math
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from weightspace.tasks.log import Log
from weightspace.tasks.train_state import TrainState, fingerprint, load_state, save_state


@dataclass(frozen=True)
class TrainConfig:
    """How a metanet is trained.

    Args:
        steps: gradient steps.
        batch_size: nets a step.
        learning_rate: of AdamW, after a linear warm-up; falls to zero along a cosine.
        weight_decay: decoupled, on matrices only (vectors, such as biases and norm scales, aren't decayed).
        warmup: steps of the warm-up.
        clip: the largest norm of the gradient.
        average: decay of the running mean of the parameters that is judged and kept; 0 keeps the last ones.
        judge_every: steps between two looks at the validation nets.
        seed: of the initial parameters and the order of the nets.
    """

    steps: int = 400
    batch_size: int = 64
    learning_rate: float = 1e-3
    weight_decay: float = 0.3
    warmup: int = 50
    clip: float = 1.0
    average: float = 0.98
    judge_every: int = 25
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("steps", "batch_size", "judge_every"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be 1 or more, got {getattr(self, name)}.")
        for name in ("learning_rate", "clip"):
            if getattr(self, name) <= 0:
                raise ValueError(f"{name} must be above 0, got {getattr(self, name)}.")
        if not 0 <= self.average < 1:
            raise ValueError(f"average must be in [0, 1), got {self.average}.")

    def learning_rate_at(self, step: int) -> float:
        """The learning rate of a step, counted from 0."""
        warm = min(1.0, (step + 1) / max(1, self.warmup))
        return self.learning_rate * warm * 0.5 * (1 + math.cos(math.pi * step / self.steps))


def train(
    model: nn.Module,
    loss: Callable[[Tensor], Tensor],
    judge: Callable[[], float],
    nets: int,
    config: TrainConfig,
    folder: str | Path,
    *,
    progress: bool = True,
    name: str = "training",
    run: str = "",
) -> float:
    """Trains `model` in place and leaves in it the parameters that did best on validation.

    Killed and called again, it goes on from the last time it looked at the validation nets, with the same result.

    Args:
        model: what is trained; `loss` and `judge` run it.
        loss: indices of training nets `[batch]` to the scalar loss.
        judge: a number on the validation nets, the smaller the better; the only thing that picks parameters.
        nets: how many training nets there are.
        folder: gets `train.jsonl` (a line each time the validation nets are looked at) and the checkpoint.
        progress: whether to show a bar, on standard error.
        name: what the bar says.
        run: what else makes this run this run (its data, say); a checkpoint with another one is refused.

    Returns:
        The best value of `judge`.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    optimizer = make_optimizer(model, config)
    key = fingerprint(model, config, run)
    state = load_state(folder / "checkpoint.safetensors", model, optimizer, key) or TrainState.start(model)
    log = Log(folder / "train.jsonl", keep_below=state.step)
    began, losses = time.perf_counter(), []
    with _bar(config.steps, state.step, name, progress) as bar:
        while state.step < config.steps:
            losses.append(_step(model, optimizer, loss, nets, config, state))
            bar.update()
            if state.step % config.judge_every and state.step < config.steps:
                continue
            value = state.judge(model, judge)
            mean = sum(losses) / len(losses)
            seconds = round(time.perf_counter() - began, 3)
            log.write(step=state.step, train=mean, validation=value, best=state.best, seconds=seconds)
            bar.set_postfix_str(f"train {mean:.3f}, validation {value:.3f}, best {state.best:.3f}", refresh=False)
            losses = []
            save_state(folder / "checkpoint.safetensors", state, model, optimizer, key)
    model.load_state_dict(state.best_parameters)
    model.eval()
    return state.best


def make_optimizer(model: nn.Module, config: TrainConfig) -> torch.optim.AdamW:
    """AdamW with weight decay on matrices only."""
    trained = [p for p in model.parameters() if p.requires_grad]
    groups = [
        {"params": [p for p in trained if p.ndim >= 2], "weight_decay": config.weight_decay},
        {"params": [p for p in trained if p.ndim < 2], "weight_decay": 0.0},
    ]
    fused = all(p.device.type in ("cpu", "cuda") for p in trained)
    return torch.optim.AdamW(groups, lr=config.learning_rate, betas=(0.9, 0.98), fused=fused)


def batch_of_step(step: int, nets: int, batch_size: int, seed: int) -> Tensor:
    """The training nets of a step: a new order each epoch, from the seed alone (a resumed run draws the same)."""
    batch_size = min(batch_size, nets)
    epoch, position = divmod(step, nets // batch_size)
    generator = torch.Generator().manual_seed(seed * 1_000_003 + epoch)
    return torch.randperm(nets, generator=generator)[position * batch_size : (position + 1) * batch_size]


def _step(
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    loss: Callable[[Tensor], Tensor],
    nets: int,
    config: TrainConfig,
    state: TrainState,
) -> float:
    for group in optimizer.param_groups:
        group["lr"] = config.learning_rate_at(state.step)
    model.train()
    with torch.random.fork_rng():
        torch.manual_seed(config.seed * 1_000_003 + state.step)
        value = loss(batch_of_step(state.step, nets, config.batch_size, config.seed))
    if not torch.isfinite(value):
        raise ValueError(f"The loss is {value.item()} at step {state.step}; a smaller learning_rate may help.")
    optimizer.zero_grad(set_to_none=True)
    value.backward()
    nn.utils.clip_grad_norm_(model.parameters(), config.clip)
    optimizer.step()
    state.step += 1
    state.average_in(model, config.average)
    return value.item()


def _bar(steps: int, done: int, name: str, progress: bool):
    from tqdm import tqdm

    often = 0.2 if sys.stderr.isatty() else 10.0  # seconds; a file gets few lines
    return tqdm(total=steps, initial=done, desc=name, unit="step", disable=not progress, mininterval=often, miniters=1)
