"""Where nets are trained, and what is done when its memory is too small."""

from collections.abc import Callable, Iterator

import torch

from weightspace.zoo.recipe.trial import Trial
from weightspace.zoo.train.saved import Saved

Run = Callable[[list[Trial], int, Callable[[int], object]], Iterator[Saved]]


def training_device() -> str:
    """``cuda`` if there is a GPU that this process may use, else ``cpu``.

    Everything is float32, on a GPU too (no TF32, no bfloat16): a net must come out the same on every device, up to the
    order of sums. cuDNN is told to take kernels that repeat themselves.
    """
    if not torch.cuda.is_available():
        return "cpu"
    torch.backends.cudnn.deterministic = True
    torch.backends.cudnn.benchmark = False
    torch.backends.cudnn.allow_tf32 = False
    torch.backends.cuda.matmul.allow_tf32 = False
    return "cuda"


def run_within_memory(trials: list[Trial], size: int, run: Run, done: Callable[[int], object]) -> Iterator[Saved]:
    """Trains nets in stacks of ``size``, and where a GPU's memory is too small for that, of half the size, and so on.

    A net does not depend on the size of its stack, so what comes out is the same.

    Args:
        trials: of one stack.
        size: nets at a time.
        run: trains trials in stacks of at most so many.
        done: hears how many nets have left; what it heard of an attempt that failed is taken back.

    Raises:
        torch.OutOfMemoryError: there is no room for one net.
    """
    heard = 0

    def hear(nets: int) -> None:
        nonlocal heard
        heard += nets
        done(nets)

    try:
        yield from list(run(trials, size, hear))
        return
    except torch.OutOfMemoryError:
        if size <= 1:
            raise
    done(-heard)  # outside of the handler, whose traceback holds on to the tensors
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    yield from run_within_memory(trials, max(1, min(size, len(trials)) // 2), run, done)
