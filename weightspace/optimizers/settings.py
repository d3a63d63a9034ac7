"""What the settings of every optimizer must be."""


def check_settings(**settings: float) -> None:
    """See that rates and factors are usable.

    Raises:
        ValueError: one is negative or not finite; names it.
    """
    for name, value in settings.items():
        if not 0 <= value < float("inf"):
            raise ValueError(f"{name} must be a finite number of 0 or more, got {value}.")
