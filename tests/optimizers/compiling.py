"""Steps with a compiled rule, and without; prints the largest difference. `python -m tests.optimizers.compiling`.

A process of its own: the checks of shapes that tests turn on can't be compiled.
"""

import copy
import sys

import torch
from torch import nn

from weightspace.optimizers import LearnedOptimizer, LearnedRule, RuleConfig


def difference() -> float:
    """The largest difference of weights after three steps; fails if the rule isn't one graph."""
    torch.manual_seed(0)
    net, rule = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2)), LearnedRule(RuleConfig())
    other = copy.deepcopy(net)
    x = torch.randn(16, 4)
    compiled = torch.compile(rule, fullgraph=True, backend="aot_eager")
    for model, one in ((net, rule), (other, compiled)):
        optimizer = LearnedOptimizer(model.parameters(), one, lr=1e-2)
        for _ in range(3):
            optimizer.zero_grad()
            model(x).square().mean().backward()
            optimizer.step()
    return max(float((a - b).abs().max()) for a, b in zip(net.parameters(), other.parameters(), strict=True))


if __name__ == "__main__":
    sys.stdout.write(str(difference()))
