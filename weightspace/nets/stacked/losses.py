"""Losses of every net of a stack."""

from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional


def cross_entropies(
    logits: Float[Tensor, "nets examples classes"], labels: Int[Tensor, "*nets examples"]
) -> Float[Tensor, "nets examples"]:
    """The cross-entropy of every net on every example; labels are the nets' own, or the same for all."""
    target = labels.expand(len(logits), -1)
    return functional.cross_entropy(logits.transpose(1, 2), target, reduction="none")
