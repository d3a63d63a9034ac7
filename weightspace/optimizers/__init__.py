"""Weights and gradients to the next weights: update rules that are learned, as optimizers of PyTorch."""

from typing import TYPE_CHECKING

from weightspace.lazy import lazy_names

if TYPE_CHECKING:
    from weightspace.optimizers.extrapolation import Extrapolation
    from weightspace.optimizers.forecaster import Forecaster, ForecasterConfig
    from weightspace.optimizers.functionalrule import FunctionalRule, FunctionalRuleConfig
    from weightspace.optimizers.learnedoptimizer import LearnedOptimizer
    from weightspace.optimizers.newtonschulz import NewtonSchulz
    from weightspace.optimizers.nowcaster import Nowcaster
    from weightspace.optimizers.rule.learnedrule import LearnedRule, RuleConfig, read_celo2
    from weightspace.optimizers.unfoptimizer import UNFOptimizer
    from weightspace.optimizers.widths import width_groups

__all__ = [
    "Extrapolation",
    "Forecaster",
    "ForecasterConfig",
    "FunctionalRule",
    "FunctionalRuleConfig",
    "LearnedOptimizer",
    "LearnedRule",
    "NewtonSchulz",
    "Nowcaster",
    "RuleConfig",
    "UNFOptimizer",
    "read_celo2",
    "width_groups",
]

__getattr__, __dir__ = lazy_names(
    __name__,
    {
        "weightspace.optimizers.extrapolation": ["Extrapolation"],
        "weightspace.optimizers.forecaster": ["Forecaster", "ForecasterConfig"],
        "weightspace.optimizers.functionalrule": ["FunctionalRule", "FunctionalRuleConfig"],
        "weightspace.optimizers.learnedoptimizer": ["LearnedOptimizer"],
        "weightspace.optimizers.rule.learnedrule": ["LearnedRule", "RuleConfig", "read_celo2"],
        "weightspace.optimizers.newtonschulz": ["NewtonSchulz"],
        "weightspace.optimizers.nowcaster": ["Nowcaster"],
        "weightspace.optimizers.unfoptimizer": ["UNFOptimizer"],
        "weightspace.optimizers.widths": ["width_groups"],
    },
)
