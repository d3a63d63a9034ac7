"""A step of a learned rule on a CPU by compiled code: averages, inputs and perceptron in two passes."""

import ctypes
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import torch
from jaxtyping import Float, Int
from torch import Tensor

from weightspace.machine.compiler import load_native
from weightspace.optimizers.rule.learnedrule import LearnedRule
from weightspace.optimizers.rule.packing import Packing, factored_axes
from weightspace.optimizers.rule.rulestate import FACTORED_DECAYS, MOMENTUM_DECAYS, SQUARE_DECAY, RuleState

SOURCE = Path(__file__).with_name("rule.c")
MOST_UNITS = 64
"""Of the second layer, that the compiled code has room for."""


@dataclass(frozen=True, eq=False)
class Indices:
    """Where each weight of a packing stands among the rows and columns that have statistics.

    Args:
        ranges: for each tensor where its entries, rows and columns begin, and where the last ones end, ``[n + 1, 3]``.
        row_of, column_of: of each entry.
        group_of: of each row, those that are divided by their common mean, counted from 0 in each tensor; -1 for none.
        row_share, column_share, group_share: one over how many entries a row has, a column, and rows its group.
        groups: the most that a tensor has.
    """

    ranges: Int[Tensor, "tensors 3"]
    row_of: Int[Tensor, " entries"]
    column_of: Int[Tensor, " entries"]
    group_of: Int[Tensor, " rows"]
    row_share: Float[Tensor, " rows"]
    column_share: Float[Tensor, " columns"]
    group_share: Float[Tensor, " rows"]
    groups: int

    @property
    def tables(self) -> tuple[Tensor, ...]:
        """All but the ranges."""
        return self.row_of, self.column_of, self.group_of, self.row_share, self.column_share, self.group_share


@lru_cache(maxsize=64)
def indices_of(packing: Packing) -> Indices:
    """The indices of a packing; kept."""
    alone = [Packing((shape,)) for shape in packing.shapes]
    ends = torch.tensor([[0, 0, 0], *([sum(p.sizes), p.rows, p.columns] for p in alone)]).cumsum(0)
    row_of = packing.along_rows(torch.arange(packing.rows)).int()
    column_of = packing.along_columns(torch.arange(packing.columns)).int()
    groups = [_groups(shape, part.rows) for shape, part in zip(packing.shapes, alone, strict=True)]
    sizes = [torch.bincount(g.clamp_min(0)).float()[g.clamp_min(0)].reciprocal() for g in groups]
    return Indices(
        ends.contiguous(), row_of, column_of, torch.cat(groups).int(),
        torch.bincount(row_of).float().reciprocal(), torch.bincount(column_of).float().reciprocal(),
        torch.cat(sizes), max(int(g.max()) + 1 for g in groups),
    )  # fmt: skip


def _groups(shape: tuple[int, ...], rows: int) -> Tensor:
    """Which rows of a tensor lie beside each other along its second longest axis."""
    axes = factored_axes(shape)
    if axes is None:
        return torch.full((rows,), -1)
    longest, second = axes
    left = shape[:longest] + shape[longest + 1 :]
    beside = second - (second > longest)
    others = left[:beside] + left[beside + 1 :]
    numbers = torch.arange(rows // left[beside]).reshape(others).unsqueeze(beside)
    return numbers.expand(left).reshape(-1)


class CompiledRule:
    """Steps of a `LearnedRule` by compiled code, where it can; the rule may still change between steps."""

    def __init__(self, rule: LearnedRule):
        self.rule = rule
        self._made_of: tuple[tuple[int, int], ...] = ()
        self._layers: tuple[int, int, Tensor] | None = None

    def step(
        self,
        state: RuleState,
        weights: Float[Tensor, " entries"],
        gradient: Float[Tensor, " entries"],
        packing: Packing,
    ) -> Float[Tensor, " entries"] | None:
        """Takes the gradient into the state and gives the directions, or None where it can't, the state as it was."""
        given = (weights, gradient, state.momentum, state.square, state.rows, state.columns)
        plain = all(t.device.type == "cpu" and t.dtype == torch.float32 and t.is_contiguous() for t in given)
        native = load_native(SOURCE) if plain and 0 not in packing.sizes else None
        if native is None or self.rule.config.hidden > MOST_UNITS:
            return None
        first, second, layers = self._flat()
        index, way = indices_of(packing), torch.empty_like(weights)
        sizes = map(ctypes.c_long, (len(index.row_share), len(index.column_share), index.groups))
        scratch = torch.empty(native.rule_scratch(*sizes, ctypes.c_int(first)))
        native.rule_step(
            ctypes.c_long(len(packing.shapes)), _at(index.ranges), ctypes.c_long(index.groups),
            *map(_at, (*given, *index.tables, _DECAYS)), ctypes.c_int(first), ctypes.c_int(second), _at(layers),
            ctypes.c_double(self.rule.config.epsilon), _at(scratch), _at(way),
        )  # fmt: skip
        return way

    def _flat(self) -> tuple[int, int, Tensor]:
        """See `flat_layers`; kept until a parameter of the rule changes."""
        made_of = tuple((id(p), p._version) for p in self.rule.parameters())
        if self._layers is None or made_of != self._made_of:
            self._layers, self._made_of = flat_layers(self.rule), made_of
        return self._layers


_DECAYS = torch.tensor([*MOMENTUM_DECAYS, SQUARE_DECAY, *FACTORED_DECAYS], dtype=torch.float64)


def flat_layers(rule: LearnedRule) -> tuple[int, int, Float[Tensor, " entries"]]:
    """Units of the two hidden layers that anything reads, and matrix and bias of each layer with these units alone."""
    (w1, b1), (w2, b2), (w3, b3) = [tuple(part.detach().float().cpu() for part in layer) for layer in rule.parts]
    read = (w3 != 0).any(0)
    w2, b2, w3 = w2[read], b2[read], w3[:, read]
    used = (w2 != 0).any(0)
    w1, b1, w2 = w1[used], b1[used], w2[:, used]
    return len(w1), len(w2), torch.cat([part.reshape(-1) for part in (w1, b1, w2, b2, w3, b3)])


def _at(tensor: Tensor) -> ctypes.c_void_p:
    return ctypes.c_void_p(tensor.data_ptr())
