"""What one trace has found so far."""

from collections.abc import Sequence

from weightspace.space.algebra.dims import Dim
from weightspace.space.algebra.sitebook import SiteBook
from weightspace.space.algebra.value import Step, Value


class Record:
    """The steps taken, the sites found, hints for names, the operators that had no rule."""

    def __init__(self) -> None:
        self.steps: list[Step] = []
        self.book = SiteBook()
        self.hints: dict[Dim, str] = {}  # of axes inside attention: heads, dim
        self.lost: dict[str, dict[str, None]] = {}

    def loses(self, op: str, values: Sequence[Value]) -> None:
        """Remember an operator without a rule, and the parameters whose axes it fixed."""
        found = self.lost.setdefault(op, {})
        for value in values:
            found.update(dict.fromkeys(value.origin))
            for index in value.site:
                found.update(dict.fromkeys(p for p, use in self.book.uses.items() if use.target_site == index))
