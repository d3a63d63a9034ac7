"""How a zoo is stored."""

from dataclasses import dataclass

from weightspace.nets.bounds import check_between


@dataclass(frozen=True)
class Store:
    """Nets a shard, and nets trained as one stack (0: by the size of the net)."""

    shard: int = 256
    stack: int = 0

    def __post_init__(self):
        check_between(self, 1, 1_000_000, "shard")
        check_between(self, 0, 1_000_000, "stack")
