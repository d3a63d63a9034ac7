"""Every fault of a recipe, told at once."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any


class Faults:
    """Errors that were put aside while the rest is read."""

    def __init__(self):
        self.found: list[Exception] = []

    def add(self, error: Exception) -> None:
        """Puts an error aside."""
        self.found.append(error)

    def without(self, read: Callable[..., Any], *args: Any) -> Any:
        """What `read` makes of the arguments; None and a fault more if it refuses them."""
        try:
            return read(*args)
        except (ValueError, TypeError) as error:
            self.add(error)
            return None

    @contextmanager
    def told(self) -> Iterator[None]:
        """Raises in the end what was put aside: a single error as it is, several in one text, a line each.

        Raises:
            ValueError, TypeError: what was wrong.
        """
        try:
            yield
        except (ValueError, TypeError) as error:
            self.add(error)
        if len(self.found) == 1:
            raise self.found[0] from None
        if self.found:
            raise ValueError("\n".join(dict.fromkeys(map(str, self.found)))) from None
