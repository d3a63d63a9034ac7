"""Sizes of data sets that can be asked for."""

LARGEST_SEED = 2**31 - 1


def check_size(name: str, value: int, least: int, most: int) -> None:
    """Refuses a size beyond two ends.

    Raises:
        ValueError: names the setting, both ends and what was got.
    """
    if not least <= value <= most:
        raise ValueError(f"{name} must be at least {least:,} and at most {most:,}, got {value}")


def check_parts(examples: int, val: int, test: int = 0) -> None:
    """Refuses parts that leave nothing to train on.

    Raises:
        ValueError: names the parts and how many examples there are.
    """
    check_size("val", val, 1, examples - 1)
    if test:
        check_size("test", test, 1, examples - 1)
    if val + test >= examples:
        raise ValueError(f"val and test must leave some of the {examples:,} examples to train on, got {val} and {test}")
