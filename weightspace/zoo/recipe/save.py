"""When a net is saved."""

from dataclasses import dataclass

from weightspace.nets.bounds import check_between


@dataclass(frozen=True)
class Save:
    """When a net is saved; the end always is.

    Args:
        count: number of saved states after the start.
        spacing: ``even`` or ``log``.
        points: saves at exactly these, in ``unit``, instead.
        unit: ``steps`` or ``epochs`` of ``points``.
        initial: saves the state before training too.
        evaluate: most examples of a part that metrics are measured on; 0 for all.
    """

    count: int = 1
    spacing: str = "even"
    points: tuple[float, ...] = ()
    unit: str = "steps"
    initial: bool = False
    evaluate: int = 0

    def __post_init__(self):
        check_between(self, 1, 100_000, "count")
        check_between(self, 0.0, 1e9, "points")
        check_between(self, 0, 1_000_000_000, "evaluate")
        if self.spacing not in ("even", "log"):
            raise ValueError(f"spacing must be one of even, log, got {self.spacing!r}")
        if self.unit not in ("steps", "epochs"):
            raise ValueError(f"unit must be one of steps, epochs, got {self.unit!r}")

    def steps(self, total: int, epoch: float) -> tuple[int, ...]:
        """The steps to save at, of ``total``, when an epoch takes ``epoch`` steps."""
        if self.points:
            scale = epoch if self.unit == "epochs" else 1.0
            steps = {round(point * scale) for point in self.points}
        elif self.spacing == "log":
            steps = {round(total ** (k / self.count)) for k in range(1, self.count + 1)}
        else:
            steps = {round(total * k / self.count) for k in range(1, self.count + 1)}
        steps |= {total} | ({0} if self.initial else set())
        return tuple(sorted(step for step in steps if 0 < step <= total or (step == 0 and self.initial)))
