"""How the nets of a zoo are split."""

from dataclasses import dataclass

from weightspace.nets.bounds import check_between


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
