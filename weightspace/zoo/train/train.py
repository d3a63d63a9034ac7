"""Training one stack of nets from the first step to the last."""

import time
from collections.abc import Callable, Iterator, Sequence

import torch
from torch import Tensor

from weightspace.data import Dataset
from weightspace.nets.stacked.dropout import Noise
from weightspace.nets.stacked.flatlayout import FlatLayout
from weightspace.nets.stacked.losses import cross_entropies
from weightspace.nets.stacked.run import run_stack
from weightspace.zoo.recipe.recipe import SUCCESS
from weightspace.zoo.recipe.save import Save
from weightspace.zoo.recipe.trial import Trial, epoch_steps
from weightspace.zoo.train.initial import draw_buffers, draw_weights
from weightspace.zoo.train.lessons import Lessons, poisoned
from weightspace.zoo.train.optimizer import StackedOptimizer, learning_rates, optimizer_order
from weightspace.zoo.train.order import Order, take_all
from weightspace.zoo.train.saved import Saved

CHUNK, CHECK = 64, 50


class StackTrainer:
    """Trains nets of one architecture and batch size together.

    Nets that are done, and nets whose loss is no longer finite, leave the stack; the others do not notice. Kernels take
    other ways for a stack of one, so the last net has a twin at its side, which is trained and never saved.
    """

    def __init__(self, trials: list[Trial], data: Dataset, save: Save, device: str = "cpu"):
        trials = [trials[i] for i in optimizer_order([trial.train for trial in trials])]
        self.real = len(trials)  # rows behind it are twins
        trials = [trials[i] for i in with_twin(range(len(trials)))]
        examples, self.net = len(data.x_train), trials[0].architecture.build().train()
        self.trials, self.save, self.device, self.nets = trials, save, device, self.real
        self.lessons = Lessons(self.net, trials, data, save.evaluate, device)
        first = self.lessons.inputs[:64].cpu()
        self.layout = layout = FlatLayout.of(self.net)
        self.flat = torch.stack([draw_weights(self.net, layout, trial, first) for trial in trials]).to(device)
        self.buffers = {name: b.to(device) for name, b in draw_buffers(self.net, layout, len(trials)).items()}
        mask = layout.mask(layout.matrices).to(device)
        self.optimizer = StackedOptimizer.start([trial.train for trial in trials], mask, self.flat)
        self.orders = [Order(trial, examples) for trial in trials]
        self.saves = [save.steps(t.train.steps, epoch_steps(t.train, examples)) for t in trials]
        self.keys = torch.tensor([t.seed & 0x7FFFFFFF for t in trials], device=device)
        self.losses = torch.zeros(len(trials), device=device)
        self.step, self.examples, self.started = 0, examples, time.perf_counter()

    def run(self, done: Callable[[int], object] = lambda nets: None) -> Iterator[Saved]:
        """Yields saved states as they come; ``done`` hears how many nets have left the stack."""
        yield from self._save()
        while self.real:
            size = self.trials[0].train.batch_size
            taken = take_all(self.orders[: self.real], CHUNK * size, self.device)
            batches = taken[with_twin(range(self.real))].to(self.device).view(len(self.trials), CHUNK, size)
            for position in range(CHUNK):
                self._train_step(batches[:, position])
                looked_at = [self.step % CHECK == 0 or self.step in saves for saves in self.saves]
                if any(looked_at):
                    wild = (~self.losses.isfinite()).tolist()
                    failed = [a and b for a, b in zip(wild, looked_at, strict=True)]
                    yield from self._save(failed)
                    batches = self._drop_finished(batches, failed, done)
                if not self.real:
                    return

    def _drop_finished(self, batches: Tensor, failed: list[bool], done: Callable[[int], object]) -> Tensor:
        trials = self.trials[: self.real]
        keep = [i for i, t in enumerate(trials) if self.step < t.train.steps and not failed[i]]
        if len(keep) == self.real:
            return batches
        done(self.real - len(keep))
        self.real, rows = len(keep), with_twin(keep)
        self._keep(rows)
        return batches[rows]

    def _train_step(self, batch: Tensor) -> None:
        self.step += 1
        leaf = self.flat.detach().requires_grad_()
        x, target = self.lessons.batch(batch), self.lessons.labels.gather(1, batch)
        logits = run_stack(self.net, {**self.layout.views(leaf), **self.buffers}, x, self._noise())
        losses = cross_entropies(logits, target).mean(1)
        (grad,) = torch.autograd.grad(losses.sum(), leaf)
        steps = torch.full((len(self.trials),), self.step)
        rates = learning_rates([trial.train for trial in self.trials], steps).unsqueeze(1)
        self.optimizer.step(self.flat, grad, rates.to(self.device, torch.float32), self.step)
        self.losses = losses.detach()

    def _noise(self) -> Noise | None:
        rates = [trial.train.dropout for trial in self.trials]
        return Noise(self.keys, torch.tensor(rates, device=self.device), self.step) if any(rates) else None

    def _save(self, failed: list[bool] | None = None) -> Iterator[Saved]:
        failed = failed or [False] * len(self.trials)
        rows = [i for i in range(self.real) if failed[i] or self.step in self.saves[i]]
        if not rows:
            return
        flat = self.flat[rows]
        weights = {**self.layout.views(flat), **{name: b[rows] for name, b in self.buffers.items()}}
        trains = [self.trials[i].train for i in rows]
        metrics = self.lessons.measure(weights, trains, rows, self._used(rows))
        seconds = (time.perf_counter() - self.started) / self.nets
        for k, i in enumerate(rows):
            yield Saved(
                trial=self.trials[i],
                step=self.step,
                epoch=self.step / epoch_steps(self.trials[i].train, self.examples),
                weights={name: w[k].cpu().clone() for name, w in weights.items()},
                metrics={name: float(v[k]) for name, v in metrics.items() if name != SUCCESS or poisoned(trains[k])},
                status="diverged" if failed[i] else "ok",
                reason=f"the loss was not finite at step {self.step}" if failed[i] else "",
                seconds=seconds,
            )

    def _used(self, rows: list[int]) -> Tensor:
        used = torch.zeros(len(rows), self.examples, dtype=torch.bool)
        for k, i in enumerate(rows):
            used[k, torch.from_numpy(self.orders[i].subset)] = True
        return used.to(self.device)

    def _keep(self, rows: list[int]) -> None:
        for name in ("trials", "orders", "saves"):
            setattr(self, name, [getattr(self, name)[i] for i in rows])
        self.flat, self.keys = self.flat[rows], self.keys[rows]
        self.lessons.keep(rows)
        self.buffers = {name: buffer[rows] for name, buffer in self.buffers.items()}
        if rows:
            self.optimizer = self.optimizer.select(rows)


def with_twin(rows: Sequence[int]) -> list[int]:
    """The rows of a stack, a single one twice."""
    return [*rows] * 2 if len(rows) == 1 else [*rows]
