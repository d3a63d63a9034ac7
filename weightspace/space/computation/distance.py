"""How far outputs are from outputs."""

import torch
from torch import Tensor


def distance(outputs: list[Tensor], others: list[Tensor]) -> float:
    """Largest difference of two lists of tensors, relative to the largest value of the first in each."""
    if not any(bool(before.isfinite().any()) for before in outputs):
        return float("nan")  # nothing to compare is no proof
    worst = 0.0
    for before, after in zip(outputs, others, strict=True):
        seen = before.isfinite()
        if before.shape != after.shape or not torch.equal(seen, after.isfinite()):
            return float("inf")
        gap = (before[seen] - after[seen]).abs().max() if seen.any() else torch.zeros(())
        scale = before[seen].abs().max() if seen.any() else torch.ones(())
        worst = max(worst, float(gap / scale.clamp_min(1e-30)) if gap > 0 else 0.0)
    return worst


def all_finite(outputs: list[Tensor]) -> bool:
    return all(bool(output.isfinite().all()) for output in outputs)


def nowhere_finite(outputs: list[Tensor]) -> dict[int, str]:
    """Those of some outputs of which no entry is finite: by number, what they are called."""
    return {
        number: f"output {number} of sizes {list(output.shape)}"
        for number, output in enumerate(outputs)
        if not bool(output.isfinite().any())
    }
