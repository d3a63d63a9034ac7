"""A mapping whose values can wait: PyG's storage over it computes a batch's edge lists only when someone reads them."""

from collections.abc import Callable, ItemsView, ValuesView
from typing import Any


class Deferred:
    """A value that is computed when it is first read from a `LazyMapping`."""

    def __init__(self, make: Callable[[], Any]):
        self.make = make


class LazyMapping(dict):
    """A dict that computes `Deferred` values at their first reading; to everyone else an ordinary dict.

    The edge list of a batch takes more memory than its weights, and a layer that works on dense blocks never reads it.

    Attributes:
        groups: for a mixed batch the batches of one architecture that its values will be made from, with their places.
    """

    groups: list | None = None

    def __getitem__(self, key: str) -> Any:
        value = super().__getitem__(key)
        if isinstance(value, Deferred):
            value = self[key] = value.make()
        return value

    def get(self, key: str, default: Any = None) -> Any:
        """The value of a key, computed if it waited."""
        try:
            return self[key]
        except KeyError:
            return default

    def items(self) -> ItemsView:
        """All pairs, every value computed."""
        self._compute()
        return super().items()

    def values(self) -> ValuesView:
        """All values, computed."""
        self._compute()
        return super().values()

    def waits(self, *keys: str) -> bool:
        """Whether none of these values has been computed or set yet."""
        return all(isinstance(super(LazyMapping, self).get(key), Deferred) for key in keys)

    def __copy__(self) -> "LazyMapping":
        copied = LazyMapping()
        copied.groups = self.groups
        for key in self:
            dict.__setitem__(copied, key, dict.__getitem__(self, key))
        return copied

    def __reduce__(self) -> tuple:
        return dict, (dict(self.items()),)

    def _compute(self) -> None:
        for key in self:
            self[key]
