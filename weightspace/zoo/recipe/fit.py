"""How implicit representations are fitted."""

from dataclasses import dataclass

from weightspace.nets.bounds import check_between


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
