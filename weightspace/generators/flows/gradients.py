"""The loss of a stack of nets on labelled examples, and its gradient at every weight."""

from collections.abc import Callable

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from weightspace.nets.stacked.losses import cross_entropies
from weightspace.nets.stacked.run import run_stack

Unpack = Callable[[Tensor], dict[str, Tensor]]
Examples = tuple[Float[Tensor, "examples *input"], Int[Tensor, " examples"]]


def answers(
    net: nn.Module, unpack: Unpack, rows: Float[Tensor, "nets entries"], inputs: Float[Tensor, "examples *input"]
) -> Float[Tensor, "nets examples classes"]:
    """What nets answer, whose weights ``unpack`` takes from rows; ``net`` is one of them, in evaluation mode."""
    return run_stack(net, unpack(rows), inputs)


def loss_gradients(
    net: nn.Module, unpack: Unpack, rows: Float[Tensor, "nets entries"], examples: Examples
) -> tuple[Float[Tensor, " nets"], Float[Tensor, "nets entries"]]:
    """Cross-entropy of every net on labelled examples, and its gradient; nothing flows back through them."""
    with torch.enable_grad():
        rows = rows.detach().requires_grad_()
        logits = answers(net, unpack, rows, examples[0])
        losses = cross_entropies(logits, examples[1]).mean(1)
        (gradient,) = torch.autograd.grad(losses.sum(), rows)
    return losses.detach(), gradient
