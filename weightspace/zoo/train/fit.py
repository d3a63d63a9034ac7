"""Fitting implicit representations, a stack at a time."""

import math
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

import torch
from torch import Tensor

from weightspace.data import Signals
from weightspace.nets.siren import SIREN
from weightspace.nets.stacked.flatlayout import FlatLayout
from weightspace.zoo.recipe.fit import Fit
from weightspace.zoo.recipe.save import Save
from weightspace.zoo.recipe.trial import Trial
from weightspace.zoo.train.gradient import fit_gradient
from weightspace.zoo.train.initial import draw_weights
from weightspace.zoo.train.optimizer import StackedOptimizer, learning_rates
from weightspace.zoo.train.reptile import learn_start
from weightspace.zoo.train.saved import Saved
from weightspace.zoo.train.sine_range import WIDEST_ANGLE, widest_angles

NEVER = 10**12


class StackFitter:
    """Fits nets of one architecture and one kind of optimizer, each to a signal of its own.

    A net leaves when it has done its steps, reached the target PSNR or diverged, and the next one takes its place in
    the stack, so that the stack stays full. Each net counts its own steps. A net has diverged when its loss isn't
    finite, and a SIREN also when the angles of its sines are too large to be told apart.
    """

    def __init__(self, trials: Iterable[Trial], size: int, signals: Signals, fit: Fit, save: Save, device: str = "cpu"):
        self.waiting = list(trials)[::-1]
        self.signals, self.fit, self.save, self.device = signals, fit, save, device
        self.net = self.waiting[-1].architecture.build().to(device)
        self.layout = FlatLayout.of(self.net)
        self.buffers = {name: b for name, b in self.net.named_buffers() if name in self.layout.buffers}
        self.coordinates = signals.coordinates.to(device)
        self.gradient = fit_gradient(self.net, self.coordinates, self.buffers)
        self.start = learn_start(self.waiting[-1], self.gradient, signals, fit) if fit.meta_steps else None
        first = [self.waiting.pop() for _ in range(min(size, len(self.waiting)))]
        self.trials, self.saves = first, [save.steps(t.train.steps, 1.0) for t in first]
        self.flat, self.targets = self._starts(first), self._targets(first)
        weights = self.layout.mask(self.layout.matrices).to(device)
        self.optimizer = StackedOptimizer.start([t.train for t in first], weights, self.flat)
        self.steps, self.clocks = [0] * len(first), [time.perf_counter()] * len(first)

    def run(self, done: Callable[[int], object] = lambda nets: None) -> Iterator[Saved]:
        """Yields saved states as they come; ``done`` hears how many nets have left the stack."""
        if self.save.initial:
            yield from self._save_starts(range(len(self.trials)))
        while self.trials:
            self._walk(self._until_event())
            yield from self._event(done)

    def _walk(self, steps: int) -> None:
        """Steps of all nets; rates and counts are made once, as tiny tensors cost more than their arithmetic."""
        ahead = torch.tensor(self.steps) + torch.arange(1, steps + 1).unsqueeze(1)
        rates = learning_rates([trial.train for trial in self.trials], ahead)
        rates, counts = (rows.to(self.device, torch.float32).unsqueeze(2) for rows in (rates, ahead))
        for rate, count in zip(rates, counts, strict=True):
            grad, _ = self.gradient(self.flat, self.targets)
            self.optimizer.step(self.flat, grad, rate, count)
        self.steps = ahead[-1].tolist()

    def _until_event(self) -> int:
        """Steps until some net is to be looked at."""
        nearest = NEVER
        for saves, step in zip(self.saves, self.steps, strict=True):
            nearest = min(nearest, min(save for save in saves if save > step) - step)
            nearest = min(nearest, self.fit.check - step % self.fit.check)
        return nearest

    def _event(self, done: Callable[[int], object]) -> Iterator[Saved]:
        losses, leaving, saving = self._losses(), [], {}
        reasons = self._failures(losses)
        for i, (trial, step) in enumerate(zip(self.trials, self.steps, strict=True)):
            failed = bool(reasons[i])
            good = self.fit.target_psnr > 0 and psnr(losses[i], self.signals.peak) >= self.fit.target_psnr
            if failed or good or step == trial.train.steps:
                leaving.append(i)
            if failed or good or step in self.saves[i]:
                saving[i] = reasons[i]
        yield from self._save(saving, losses)
        if leaving:
            yield from self._replace(leaving)
            done(len(leaving))

    def _losses(self) -> list[float]:
        return self.gradient.loss(self.flat, self.targets).tolist()

    def _failures(self, losses: list[float]) -> list[str]:
        """Why each net of the stack counts as diverged; nothing where it doesn't."""
        angles = [0.0] * len(losses)
        if isinstance(self.net, SIREN):
            angles = widest_angles(self.net, self.layout.views(self.flat), self.coordinates).tolist()
        reasons = []
        for loss, angle, step in zip(losses, angles, self.steps, strict=True):
            wild = f"the loss was not finite at step {step}" if not math.isfinite(loss) else ""
            far = f"a sine was taken of {angle:.3g} at step {step}; float32 is too coarse beyond {WIDEST_ANGLE:g}"
            reasons.append(wild or (far if angle > WIDEST_ANGLE else ""))
        return reasons

    def _save_starts(self, rows: Iterable[int]) -> Iterator[Saved]:
        losses = self._losses()
        reasons = self._failures(losses)
        yield from self._save({i: reasons[i] for i in rows}, losses)

    def _save(self, reasons: dict[int, str], losses: list[float]) -> Iterator[Saved]:
        """Rows of the stack as saved states; a row's reason says why it failed, or nothing."""
        stack = self.layout.views(self.flat[list(reasons)].cpu())
        for k, (i, reason) in enumerate(reasons.items()):
            weights = {name: tensor[k].clone() for name, tensor in stack.items()}
            weights |= {name: b.cpu().clone() for name, b in self.buffers.items()}
            yield Saved(
                trial=replace(self.trials[i], split=self.signals.part(self.trials[i].signal(self.signals))),
                step=self.steps[i],
                epoch=float(self.steps[i]),
                weights=weights,
                metrics={"mse": losses[i], "psnr": psnr(losses[i], self.signals.peak)},
                status="diverged" if reason else "ok",
                reason=reason,
                seconds=(time.perf_counter() - self.clocks[i]) / len(self.trials),
                label=int(self.signals.labels[self.trials[i].signal(self.signals)]),
            )

    def _replace(self, rows: list[int]) -> Iterator[Saved]:
        fresh, gone = rows[: len(self.waiting)], set(rows[len(self.waiting) :])
        for i in fresh:
            trial = self.trials[i] = self.waiting.pop()
            self.saves[i] = self.save.steps(trial.train.steps, 1.0)
            self.steps[i], self.clocks[i] = 0, time.perf_counter()
        if fresh:
            trials = [self.trials[i] for i in fresh]
            self.flat[fresh], self.targets[fresh] = self._starts(trials), self._targets(trials)
            self.optimizer.restart(fresh, [trial.train for trial in trials])
        if self.save.initial and fresh:
            yield from self._save_starts(fresh)
        keep = [i for i in range(len(self.trials)) if i not in gone]
        if gone:
            for name in ("trials", "saves", "steps", "clocks"):
                setattr(self, name, [getattr(self, name)[i] for i in keep])
            self.flat, self.targets = self.flat[keep], self.targets[keep]
            self.optimizer = self.optimizer.select(keep) if keep else self.optimizer

    def _starts(self, trials: list[Trial]) -> Tensor:
        """Weights that fits begin with, ``[nets, parameters]``; drawn on the CPU and moved at once."""
        if self.start is not None:
            return self.start.expand(len(trials), -1).clone()
        points = self.signals.coordinates[:256]
        return torch.stack([draw_weights(self.net, self.layout, trial, points) for trial in trials]).to(self.device)

    def _targets(self, trials: list[Trial]) -> Tensor:
        return self.signals.values[[trial.signal(self.signals) for trial in trials]].to(self.device)


def psnr(mse: float, peak: float) -> float:
    """Peak signal-to-noise ratio in dB."""
    return 10 * math.log10(peak**2 / max(mse, 1e-12)) if math.isfinite(mse) else -math.inf
