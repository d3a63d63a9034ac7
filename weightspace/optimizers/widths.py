"""Rates that carry over from narrow nets to wide ones."""

from typing import Any

from torch import Tensor, nn


def width_groups(module: nn.Module, narrow: nn.Module, lr: float) -> list[dict[str, Any]]:
    """Parameter groups in which a rate found on a narrow net is right for the same net made wider.

    In a tensor of two axes or more whose inputs (all axes but the first) grew k-fold, the rate is ``lr / k``; elsewhere
    it is ``lr``. Yang et al. 2022, "Tensor programs V", table 8, for optimizers whose steps don't depend on the
    gradient's size; Therien et al. 2024, "muLO", for learned ones. Draw the last layer of the wide net k times smaller
    as well.

    Args:
        module: the wide net. narrow: the net that the rate was found on, with the same parameter names.
        lr: its rate.

    Raises:
        ValueError: the two don't have the same parameters, up to their sizes.

    Example::

        LearnedOptimizer.from_pretrained("learned-optimizer", width_groups(wide, narrow, lr=1e-3))
    """
    base = dict(narrow.named_parameters())
    own = dict(module.named_parameters())
    odd = sorted(set(base) ^ set(own)) or [name for name, p in own.items() if p.ndim != base[name].ndim]
    if odd:
        raise ValueError(f"The narrow net must have the parameters of the wide one, got a difference in {odd[0]}.")
    return [{"params": [p], "lr": lr / _growth(p, base[name]), "name": name} for name, p in own.items()]


def _growth(wide: Tensor, narrow: Tensor) -> float:
    """How many times more inputs a tensor has."""
    return (wide[0].numel() / narrow[0].numel()) if wide.ndim > 1 else 1.0
