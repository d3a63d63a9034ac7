"""Hyperparameters learned beside the weights, with weights that are a function of them."""

from weightspace.tasks.tuning.dropouts import RateDropout, rates_of, tunable_dropouts
from weightspace.tasks.tuning.selftuning import Tuned, TuningConfig, self_tune

__all__ = ["RateDropout", "Tuned", "TuningConfig", "rates_of", "self_tune", "tunable_dropouts"]
