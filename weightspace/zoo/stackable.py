"""Trying out a net of one's own before thousands are built."""

import torch

from weightspace.data import load_dataset, load_signals
from weightspace.nets import example_inputs

from .recipe import Recipe
from .stacked import run_stack
from .trial import draw_trial


def check_stackable(recipe: Recipe) -> None:
    """Runs two copies of a factory's first net as a stack, and compares them with the net itself.

    Raises:
        ValueError: ``torch.func`` cannot stack it, it comes out otherwise, or its shapes do not fit the data.
    """
    net = draw_trial(recipe, 0).build().eval()
    where = f"net {recipe.net!r}"
    inputs = example_inputs(net)[0]
    try:
        alone = net(inputs)
        stacked = run_stack(net, {name: torch.stack([w, w]) for name, w in net.state_dict().items()}, inputs)
    except Exception as error:
        reason = str(error).strip().splitlines()[0]
        raise ValueError(
            f"{where} cannot be trained in a stack by torch.func: {type(error).__name__}: {reason}. Its forward may "
            "not branch on values, write into them, or draw random numbers other than by nn.Dropout"
        ) from error
    if stacked.shape[1:] != alone.shape or not torch.allclose(stacked[1], alone, rtol=1e-3, atol=1e-4):
        raise ValueError(
            f"{where} gives another output in a stack than alone: it may depend on nothing but input and weights"
        )
    _check_shapes(recipe, where, tuple(inputs.shape[1:]), tuple(alone.shape[1:]))


def _check_shapes(recipe: Recipe, where: str, taken: tuple[int, ...], given: tuple[int, ...]) -> None:
    if recipe.task == "classify":
        data = load_dataset(**recipe.data)
        if torch.Size(taken).numel() != torch.Size(data.input_shape).numel() or given != (data.classes,):
            raise ValueError(
                f"{where} takes {taken} and returns {given}, but {data.name} has examples {data.input_shape} "
                f"and {data.classes} classes"
            )
        return
    signals = load_signals(grid=recipe.fit.grid, **recipe.data)
    wanted = (signals.coordinates.shape[1],), (signals.values.shape[1],)
    if (taken, given) != wanted:
        raise ValueError(f"{where} takes {taken} and returns {given}, but {signals.name} needs {wanted}")
