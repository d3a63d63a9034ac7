"""The training loop of every task: steps, a log, a checkpoint to go on from, and a progress bar."""

import sys
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import torch
from torch import Tensor, nn

from weightspace.machine.memory import keep_memory
from weightspace.tasks.training.compiledcalls import CompiledCalls
from weightspace.tasks.training.log import Log
from weightspace.tasks.training.losses import Losses
from weightspace.tasks.training.order import batch_of_step, seeded
from weightspace.tasks.training.processes import Processes
from weightspace.tasks.training.trackers import open_trackers
from weightspace.tasks.training.trainconfig import TrainConfig
from weightspace.tasks.training.trainstate import TrainState, fingerprint, load_state, save_state

__all__ = ["TrainConfig", "make_optimizer", "train"]


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

    Killed and called again, it goes on from the last time it looked at the validation nets, with the same result, bit
    for bit on one process. Started by ``accelerate launch``, every process calls `loss` with its share of each batch;
    the first one alone calls `judge` and writes, and at the end all have the same parameters.

    Args:
        model: what is trained; `loss` and `judge` run it. It lies on one device, with several GPUs on `local_device`.
        loss: indices of training nets `[batch]`, on the CPU, to the scalar loss, a mean over these nets. Torch's
            default random numbers inside depend on the seed and the step alone.
        judge: a number on the validation nets, the smaller the better; the only thing that picks parameters.
        nets: how many training nets there are.
        folder: gets `train.jsonl` (a line each time the validation nets are looked at) and the checkpoint.
        progress: whether to show a bar, on standard error.
        name: what the bar says.
        run: what else makes this run this run (its data, say); a checkpoint with another one is refused.

    Returns:
        The best value of `judge`.

    Raises:
        ValueError: the loss isn't finite, or `judge` never is; the checkpoint in `folder` is of another run; a tracker
            isn't installed; the model isn't where its process is, or the launcher asks for another precision.
    """
    folder, processes = Path(folder), Processes.of(model)
    keep_memory()
    if processes.main:
        folder.mkdir(parents=True, exist_ok=True)
    processes.check_precision(config.precision)
    processes.agree(model.state_dict())
    optimizer = make_optimizer(model, config)
    key = fingerprint(model, config, run)
    state = load_state(folder / "checkpoint.safetensors", model, optimizer, key) or TrainState.start(model)
    processes.check_same_step(state.step)
    losses, began = Losses(), time.perf_counter() - state.seconds
    log = Log(folder / "train.jsonl", keep_below=state.step) if processes.main else None
    compiled = CompiledCalls(model, config.compile)
    with (
        _bar(config.steps, state.step, name, progress and processes.main) as bar,
        open_trackers(config.trackers, folder, name, asdict(config)) as track,
    ):
        while state.step < config.steps:
            losses.add(_step(model, optimizer, loss, nets, config, state, processes, compiled), state.step)
            bar.update()
            if state.step % config.judge_every and state.step < config.steps:
                continue
            mean = losses.mean()
            with seeded(config.seed, processes.device):
                value = state.judge(model, lambda: processes.of_main(judge))
            state.seconds = time.perf_counter() - began
            bar.set_postfix_str(f"train {mean:.3f}, validation {value:.3f}, best {state.best:.3f}", refresh=False)
            if log is not None:
                values = {"train": mean, "validation": value, "best": state.best, "seconds": round(state.seconds, 3)}
                log.write(step=state.step, **values)
                track(values, state.step)
                save_state(folder / "checkpoint.safetensors", state, model, optimizer, key)
    if state.best == float("inf"):
        raise ValueError("The judge never gave a finite number, so no parameters can be picked. Look at its nets.")
    model.load_state_dict(state.best_parameters)
    processes.agree(model.state_dict())
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


def _step(
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    loss: Callable[[Tensor], Tensor],
    nets: int,
    config: TrainConfig,
    state: TrainState,
    processes: Processes,
    compiled: CompiledCalls,
) -> Tensor:
    for group in optimizer.param_groups:
        group["lr"] = config.learning_rate_at(state.step)
    parameters = [p for p in model.parameters() if p.requires_grad]
    model.train()
    batch = batch_of_step(state.step, nets, config.batch_size, config.seed)
    share = processes.share(batch)
    with (
        compiled,
        seeded(config.seed * 1_000_003 + state.step + 999_983 * processes.index, processes.device),
        torch.autocast(processes.device.type, torch.bfloat16, enabled=config.precision == "bf16"),
    ):
        value = loss(share) * (len(share) / len(batch))
    optimizer.zero_grad(set_to_none=True)
    value.backward()
    value = processes.add_up(parameters, value)
    nn.utils.clip_grad_norm_(parameters, config.clip)
    optimizer.step()
    state.step += 1
    state.average_in(model, config.average)
    return value


def _bar(steps: int, done: int, name: str, progress: bool):
    from tqdm import tqdm

    often = 0.2 if sys.stderr.isatty() else 10.0  # seconds; a file gets few lines
    return tqdm(total=steps, initial=done, desc=name, unit="step", disable=not progress, mininterval=often, miniters=1)
