"""What tracing and verifying found out."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Report:
    """The evidence behind a weight space.

    Args:
        error: largest difference of the outputs, relative to their largest value, after acting on every free name at
            random in float64; None if nothing was verified.
        change: the same with every tensor acted on by itself, which breaks the symmetry; near zero means that the
            outputs hardly depend on the weights, so that ``error`` says little. None for nets of more than 50 million
            entries.
        moved: fraction of the parameters that move.
        failed: names that verifying found not to be symmetries; `trace` fixes them.
        lost: operators without a rule, each with the tensors whose axes it fixed.
        operators: number of operators traced.
        seconds: of each stage (export, trace, verify).
        unread: tensors of which the example reads a part only, or nothing, each with how much; the rest of it is fixed.
        cases: the inputs and modes that verifying compared the outputs on.
        notes: what it could not try.
        causes: for each tensor a clause for each of its axes that says why it is fixed, empty where all of it is free;
            `WeightSpace.explain` reads them.
        errors: where the error is too large, that of each kind of symmetry by itself.
    """

    error: float | None = None
    change: float | None = None
    moved: float = 0.0
    failed: tuple[str, ...] = ()
    lost: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    operators: int = 0
    seconds: Mapping[str, float] = field(default_factory=dict)
    errors: Mapping[str, float] = field(default_factory=dict)
    unread: Mapping[str, str] = field(default_factory=dict)
    cases: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    causes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def sound(self) -> bool:
        """The error is that of float64 rounding."""
        return self.error is not None and self.error < 1e-9
