"""The losses since the last look at the validation nets, kept on their device so that a GPU needn't wait."""

import torch
from torch import Tensor


class Losses:
    """Collects the losses of steps and stops at the first that isn't finite.

    On a CPU it looks at once; on a GPU every `every` losses, because each look waits for all the work that is queued.
    """

    def __init__(self, every: int = 50):
        self.every, self._values, self._last, self._checked = every, [], 0, 0

    def add(self, value: Tensor, step: int) -> None:
        """Adds the loss that the first `step` steps end with.

        Raises:
            ValueError: it isn't finite, or one since the last look wasn't.
        """
        self._values.append(value)
        self._last = step
        if value.device.type == "cpu" or len(self._values) - self._checked >= self.every:
            self._check()

    def mean(self) -> float:
        """The mean since the last call, which forgets them.

        Raises:
            ValueError: one of them isn't finite.
        """
        self._check()
        values = torch.stack(self._values).double()
        self._values, self._checked = [], 0
        return values.mean().item()

    def _check(self) -> None:
        new = torch.stack(self._values[self._checked :]).tolist() if self._checked < len(self._values) else []
        first = self._last - len(new)
        for offset, value in enumerate(new):
            if value - value != 0:
                raise ValueError(f"The loss is {value} at step {first + offset}; a smaller learning_rate may help.")
        self._checked = len(self._values)
