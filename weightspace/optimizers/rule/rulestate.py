"""What an update rule remembers of past gradients, and the 30 numbers that it reads of every weight."""

from dataclasses import dataclass, fields

import torch
from jaxtyping import Float
from torch import Tensor

from weightspace.optimizers.rule.packing import Packing

MOMENTUM_DECAYS = (0.9, 0.99, 0.999)
SQUARE_DECAY = 0.999
FACTORED_DECAYS = (0.9, 0.99, 0.999)
FEATURES = 30


@dataclass
class RuleState:
    """Averages of gradients and of their squares, over three time scales; leading axes are those of the rows.

    Args:
        momentum: of the gradient.
        square: of its square.
        rows: and columns: of the square's means, as in Adafactor.
    """

    momentum: Float[Tensor, "*lead 3 entries"]
    square: Float[Tensor, "*lead 1 entries"]
    rows: Float[Tensor, "*lead 3 rows"]
    columns: Float[Tensor, "*lead 3 columns"]

    @classmethod
    def zeros(cls, packing: Packing, like: Float[Tensor, "*lead entries"]) -> "RuleState":
        """Nothing seen yet."""
        lead, entries = like.shape[:-1], like.shape[-1]
        return cls(
            like.new_zeros(*lead, 3, entries),
            like.new_zeros(*lead, 1, entries),
            like.new_zeros(*lead, 3, packing.rows),
            like.new_zeros(*lead, 3, packing.columns),
        )

    def update(self, gradient: Float[Tensor, "*lead entries"], packing: Packing) -> None:
        """Takes in the gradient of a step."""
        squares = gradient.square() + 1e-30
        _average(self.momentum, gradient, MOMENTUM_DECAYS)
        _average(self.square, gradient.square(), (SQUARE_DECAY,))
        _average(self.rows, packing.row_means(squares), FACTORED_DECAYS)
        _average(self.columns, packing.column_means(squares), FACTORED_DECAYS)

    def clone(self) -> "RuleState":
        """A copy."""
        return RuleState(*(getattr(self, each.name).clone() for each in fields(self)))


def _average(kept: Tensor, new: Tensor, decays: tuple[float, ...]) -> None:
    weight = kept.new_tensor([1 - decay for decay in decays]).unsqueeze(-1)
    kept.add_(weight * (new.unsqueeze(-2) - kept))


def features(
    state: RuleState,
    weights: Float[Tensor, "*lead entries"],
    gradient: Float[Tensor, "*lead entries"],
    packing: Packing,
    epsilon: float = 1.0,
) -> Float[Tensor, "*lead 30 entries"]:
    """What the rule reads of every weight, before it is brought to one size per tensor.

    In order: the gradient, clipped at .1, the weight, three momenta, the mean square, momenta over its root, one over
    its root, three Adafactor gradients, the gradient over the root, row means, column means, one over the roots of
    both, three momenta with Adafactor's factors. These are the inputs of VeLO (Metz et al. 2022, appendix B) and Celo2.

    Args:
        epsilon: times the small constants under roots of the published rules. Those stop gradients below some 1e-4
            from being brought to unit size; with 1e-24 the size of the gradient hardly matters.
    """
    g, m = gradient.unsqueeze(-2), state.momentum
    root = (state.square + 1e-6 * epsilon).rsqrt()
    least = 1e-9 * epsilon
    row = packing.along_rows(state.rows)
    column = packing.along_columns(state.columns)
    factor = packing.along_rows(packing.over_mean(state.rows, least).clamp_min(least).rsqrt())
    factor = factor * column.clamp_min(least).rsqrt()
    return torch.cat(
        [
            g,
            g.clamp(-0.1, 0.1),
            weights.unsqueeze(-2),
            m,
            state.square,
            m * root,
            root,
            g * factor,
            g * root,
            row,
            column,
            (row + 1e-8 * epsilon).rsqrt(),
            (column + 1e-8 * epsilon).rsqrt(),
            m * factor,
        ],
        -2,
    )
