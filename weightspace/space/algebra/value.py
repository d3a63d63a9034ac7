"""What tracing knows of one tensor of a computation, and the steps it remembers for the scale symmetries."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch

from weightspace.space.algebra.dims import Dim

# How a step carries a factor from its inputs to its output, axis by axis:
#   product   factors multiply (powers add up); over a summed axis they must cancel
#   equal     every input must carry the output's factor (addition, and what lets any factor through)
#   positive  like equal, but only for positive factors (relu)       odd   like equal, but only for signs (tanh)
#   sine      like odd, and half a turn more in is a sign more out   cosine   the same, but drops the sign
#   abs, even drop the sign of the input                             shifted  opaque, but half a turn passes
#   order     no factor comes out, any positive one may go in (> 0)   signum   the same, and a sign comes out
#   power     factors are raised to a power                          opaque   lets no factor through
STEP_KINDS = (
    "product", "equal", "positive", "odd", "sine", "cosine", "abs", "even", "power", "order", "signum", "shifted",
    "opaque",
)  # fmt: skip


@dataclass(eq=False)
class Value:
    """A tensor in the computation.

    Args:
        dims: one `Dim` an axis.
        dtype: its type.
        site: the sites its neurons stand at: one, several after a concatenation, none for what no input reaches.
        origin: for what is made of parameters alone: each parameter, with the axes of it behind each axis of this
            value.
        constant: None, or for what neither inputs nor parameters reach ``"zero"``, ``"uniform"`` or ``"data"``.
        distinct: the axes along which no two entries are equal but by chance, whatever the inputs are.
        places: the axis along which its numbers are places, if they move with it.
        number: of a constant whose entries are equal the entry, where it is known.
        half: where it is the first of two steps that let a sign through only together, that step.
    """

    dims: tuple[Dim, ...]
    dtype: torch.dtype = torch.float32
    site: tuple[int, ...] = ()
    origin: Mapping[str, tuple[frozenset[int], ...]] = field(default_factory=dict)
    constant: str | None = None
    distinct: frozenset[Dim] = frozenset()
    places: Dim | None = None
    number: int | float | None = None
    half: "Half | None" = None

    @property
    def shape(self) -> tuple[int, ...]:
        """Sizes of the axes."""
        return tuple(dim.size for dim in self.dims)


@dataclass(frozen=True, eq=False)
class Half:
    """A step from ``source`` that is odd together with one that follows.

    Args:
        kind: ``"around"``: less the number it is odd, as ``sigmoid(h) - 0.5`` is; ``"above"``, ``"below"``: cut off
            there, so that it is odd once it is cut off at the negative of the number too.
    """

    source: Value
    kind: str
    number: int | float


@dataclass(eq=False)
class Step:
    """One step of the computation as the scale symmetries see it.

    Args:
        kind: one of `STEP_KINDS`, ``"flat"`` (the same entries under other sizes), ``"join"`` (concatenation) or
            ``"slice"``.
        out, ins: the values.
        labels: one label an axis for ``out`` and for each input; equal labels are one axis.
        data: the power; the axis for join; axis and start for slice.
        also: values that only decide which entries are taken, and carry no factor.
        mode: ``"train"`` or ``"eval"`` for what the module only does there; both are traced together.
    """

    kind: str
    out: Value
    ins: tuple[Value, ...]
    labels: tuple[tuple[Any, ...], ...] = ()
    data: Any = None
    mode: str = "both"
    also: tuple[Value, ...] = ()


@dataclass(frozen=True)
class Use:
    """One parameter read by one operator.

    Args:
        param: its name.
        role: ``"weight"``, ``"vector"``, or ``"factor"`` for a vector of factors of weights.
        op, slot, settings: see `TensorSpec`.
        target, source: its axes that lead to the output's neurons and that read the input's.
        target_site, source_site: where those stand.
    """

    param: str
    role: str
    op: str
    slot: str
    target: tuple[int, ...]
    source: tuple[int, ...]
    target_site: int | None
    source_site: tuple[int, ...]
    settings: Mapping[str, Any]
