"""Functions that stay outside of compiled graphs, with their types."""

from collections.abc import Callable
from typing import Any, TypeVar, cast

import torch

F = TypeVar("F", bound=Callable[..., Any])


def uncompiled(function: F) -> F:
    """The function as `torch.compile` leaves it alone: Python over spaces and architectures, once for each."""
    return cast(F, torch.compiler.disable(function))
