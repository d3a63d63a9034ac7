"""Weights and gradients to the next weights: update rules that are learned, as optimizers of PyTorch."""

from typing import TYPE_CHECKING

from weightspace.lazy import lazy_names

if TYPE_CHECKING:
    from weightspace.optimizers.learnedoptimizer import LearnedOptimizer
    from weightspace.optimizers.learnedrule import LearnedRule, RuleConfig, read_celo2

__all__ = ["LearnedOptimizer", "LearnedRule", "RuleConfig", "read_celo2"]

__getattr__, __dir__ = lazy_names(
    __name__,
    {
        "weightspace.optimizers.learnedoptimizer": ["LearnedOptimizer"],
        "weightspace.optimizers.learnedrule": ["LearnedRule", "RuleConfig", "read_celo2"],
    },
)
