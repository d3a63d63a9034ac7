"""TensorBoard, W&B and trackio, for those who want them: off unless the configuration names them."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from accelerate import Accelerator

_PACKAGES = {"tensorboard": ("tensorboard", "tensorboardX"), "wandb": ("wandb",), "trackio": ("trackio",)}


@contextmanager
def open_trackers(
    names: Sequence[str], folder: Path, name: str, config: dict[str, Any]
) -> Iterator[Callable[[dict[str, float], int], None]]:
    """A function that sends numbers and their step to every tracker, while the context is open.

    Args:
        names: of `TRACKERS`; with none nothing is imported and the function does nothing.
        folder: where TensorBoard writes.
        name: of the run; the project is called weightspace.
        config: shown beside the curves.

    Raises:
        ValueError: a tracker isn't installed.
    """
    if not names:
        yield lambda values, step: None
        return
    missing = [one for one in names if not any(find_spec(package) for package in _PACKAGES[one])]
    if missing:
        raise ValueError(
            f"{' and '.join(missing)} must be installed to be trackers: pip install 'weightspace[track]', or leave "
            "trackers empty; the log train.jsonl is written in any case."
        )
    accelerator = Accelerator(log_with=list(names), project_dir=folder)
    named = {"wandb": {"name": name, "dir": str(folder)}, "trackio": {"name": name}}
    plain = {key: value if isinstance(value, int | float | str) else str(value) for key, value in config.items()}
    accelerator.init_trackers("weightspace", plain, {one: named[one] for one in names if one in named})
    try:
        yield lambda values, step: accelerator.log(values, step=step)
    finally:
        for tracker in accelerator.trackers:
            tracker.finish()
