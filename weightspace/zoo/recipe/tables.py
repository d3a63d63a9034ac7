"""The small tables of a recipe: when to save, how to split, how to store."""

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


@dataclass(frozen=True)
class Split:
    """Shares of the runs that are kept for choosing and for testing; drawn run by run."""

    val: float = 0.1
    test: float = 0.2

    def __post_init__(self):
        check_between(self, 0.0, 1.0, "val", "test")
        if self.val + self.test >= 1:
            raise ValueError(f"val and test must be at least 0 and sum below 1, got {self.val} and {self.test}")

    def part(self, u: float) -> str:
        """The part for ``u`` in [0, 1)."""
        return "test" if u < self.test else "val" if u < self.test + self.val else "train"


@dataclass(frozen=True)
class Store:
    """Nets a shard, and nets trained as one stack (0: by the size of the net)."""

    shard: int = 256
    stack: int = 0

    def __post_init__(self):
        check_between(self, 1, 1_000_000, "shard")
        check_between(self, 0, 1_000_000, "stack")


@dataclass(frozen=True)
class Fit:
    """How implicit representations are fitted.

    Args:
        views: nets a signal, each with draws of its own; all views of a signal are one run.
        target_psnr: a net is done when it reaches this, in dB; 0 for never.
        check: steps between two looks at the PSNR.
        grid: where the points lie in [-1, 1]: ``corners`` or ``centers``.
        meta_steps: steps in which a common start is learned from the training signals; 0 for draws by ``init``.
        meta_lr: learning rate of Adam in those steps.
    """

    views: int = 1
    target_psnr: float = 0.0
    check: int = 25
    grid: str = "corners"
    meta_steps: int = 0
    meta_lr: float = 1e-3

    def __post_init__(self):
        check_between(self, 1, 1_000_000, "views", "check")
        check_between(self, 0.0, 200.0, "target_psnr")
        check_between(self, 0, 1_000_000, "meta_steps")
        check_between(self, 0.0, 1e3, "meta_lr")
        if self.grid not in ("corners", "centers"):
            raise ValueError(f"grid must be one of corners, centers, got {self.grid!r}")
