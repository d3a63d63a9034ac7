"""A model whose training steps run compiled, and whose everything else doesn't."""

import torch
from torch import nn


class CompiledCalls:
    """Inside this context the model's ``forward`` and, where it has one, its ``loss`` are compiled.

    Weights are turned into graphs outside of them, in Python that depends on the architectures alone. Validation and
    everything after training run as always, so that odd batch sizes cost no compilation.

    Args:
        model: whose calls they are.
        on: whether to compile; without it the context does nothing.
    """

    def __init__(self, model: nn.Module, on: bool):
        self.model = model
        names = ("forward", "loss") if on else ()
        self._calls = {name: torch.compile(getattr(model, name)) for name in names if hasattr(model, name)}

    def __enter__(self) -> None:
        for name, call in self._calls.items():
            setattr(self.model, name, call)

    def __exit__(self, *error: object) -> None:
        for name in self._calls:
            delattr(self.model, name)
