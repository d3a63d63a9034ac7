"""A problem for the training loop, small enough to be solved in many ways; as a program it is one process of a run.

python -m tests.tasks.training.problem FOLDER OUT [--kill-at STEP]
"""

import os
import signal
import sys
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import nn

from weightspace.tasks.training.train import TrainConfig, train

CONFIG = TrainConfig(steps=60, batch_size=16, learning_rate=0.02, warmup=5, judge_every=10, average=0.9)


class Problem:
    """A line with noise, learnt by a small net with dropout, so that resuming has to keep the random numbers too."""

    def __init__(self, config=CONFIG, dropout=0.1):
        generator = torch.Generator().manual_seed(0)
        self.x = torch.randn(96, 3, generator=generator)
        self.y = self.x @ torch.tensor([[1.0], [-2.0], [0.5]]) + 0.01 * torch.randn(96, 1, generator=generator)
        with torch.random.fork_rng():
            torch.manual_seed(0)
            self.model = nn.Sequential(nn.Linear(3, 16), nn.Dropout(dropout), nn.GELU(), nn.Linear(16, 1))
        self.config = config
        self.judged = self.seen = 0
        self.stop_after = self.kill_at = None

    def loss(self, nets):
        self.seen += 1
        if self.seen == self.kill_at:
            os.kill(os.getpid(), signal.SIGKILL)
        return (self.model(self.x[nets]) - self.y[nets]).square().mean()

    def judge(self):
        self.judged += 1
        if self.judged == self.stop_after:
            raise KeyboardInterrupt
        return (self.model(self.x[64:]) - self.y[64:]).square().mean().item()

    def run(self, folder):
        return train(self.model, self.loss, self.judge, 64, self.config, folder, progress=False)


class Shared(Problem):
    """The same in float64 without dropout, and with parameters that only some of the nets use, or none."""

    def __init__(self):
        super().__init__(dropout=0.0)
        self.model.extra = nn.Linear(3, 1)
        self.model.unused = nn.Linear(3, 1)
        for parameter in (*self.model.extra.parameters(), *self.model.unused.parameters()):
            nn.init.constant_(parameter, 0.1)
        self.model.to(torch.float64)
        self.x, self.y = self.x.double(), self.y.double()

    def out(self, nets):
        found = self.model[:4](self.x[nets])
        odd = nets % 16 == 1
        return found + self.model.extra(self.x[nets]) * odd[:, None] if odd.any() else found

    def loss(self, nets):
        self.seen += 1
        return (self.out(nets) - self.y[nets]).square().mean()

    def judge(self):
        self.judged += 1
        return (self.out(torch.arange(64, 96)) - self.y[64:]).square().mean().item()


if __name__ == "__main__":
    folder, out, *rest = sys.argv[1:]
    problem = Problem() if rest else Shared()
    problem.kill_at = int(rest[1]) if rest else None
    problem.run(folder)
    counts = torch.tensor([problem.judged, problem.seen])
    Path(out).parent.mkdir(parents=True, exist_ok=True)
    save_file({**problem.model.state_dict(), "counts": counts}, out)
