"""Numbers of a configuration that must lie between two ends."""

from typing import Any

WIDEST, LONGEST, LARGEST_IMAGE = 8192, 256, 1024  # entries of a layer; layers; pixels along a side
LARGEST_SEED = 2**31 - 1


def check_between(config: Any, least: float | int, most: float | int, *names: str) -> None:
    """Refuses fields of a configuration beyond two ends, among them what isn't finite; of a list every entry.

    Raises:
        ValueError: names the field, both ends and what was got.
    """
    for name in names:
        value = getattr(config, name)
        for number in value if isinstance(value, tuple) else (value,):
            if not least <= number <= most:
                raise ValueError(f"{name} must be at least {_plain(least)} and at most {_plain(most)}, got {number}")


def _plain(number: float | int) -> str:
    return f"{number:,}" if isinstance(number, int) else f"{number:g}"


def check_length(config: Any, least: int, *names: str) -> None:
    """Refuses lists of layers that are too short or too long.

    Raises:
        ValueError: names the field and its length.
    """
    for name in names:
        if not least <= len(getattr(config, name)) <= LONGEST:
            raise ValueError(
                f"{name} must have at least {least} and at most {LONGEST} entries, got {len(getattr(config, name))}"
            )
