"""Trying out the first net before thousands are built."""

import torch
from torch import Tensor, nn

from weightspace.data import load_dataset, load_signals
from weightspace.nets import example_inputs
from weightspace.nets.stacked.run import run_stack
from weightspace.zoo.recipe.recipe import Recipe
from weightspace.zoo.recipe.trial import draw_trial


def try_net(recipe: Recipe) -> None:
    """Runs a recipe's first net on examples; a factory's also as a stack of two, and compares the outputs.

    Raises:
        ValueError: its shapes do not fit the data, ``torch.func`` cannot stack it, or it comes out otherwise.
    """
    net = draw_trial(recipe, 0).build().eval()
    inputs = example_inputs(net)[0]
    if recipe.imports:
        _try_stack(net, inputs, f"net {recipe.net!r}")
    with torch.no_grad():
        given = tuple(net(inputs).shape[1:])
    _check_shapes(recipe, f"net {recipe.net!r}", tuple(inputs.shape[1:]), given)


def _try_stack(net: nn.Module, inputs: Tensor, where: str) -> None:
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


def _enough(given: tuple[int, ...], classes: int) -> bool:
    return len(given) == 1 and given[0] >= classes


def _check_shapes(recipe: Recipe, where: str, taken: tuple[int, ...], given: tuple[int, ...]) -> None:
    if recipe.task == "classify":
        data = load_dataset(**recipe.data)
        if torch.Size(taken).numel() != torch.Size(data.input_shape).numel() or not _enough(given, data.classes):
            raise ValueError(
                f"{where} takes {taken} and returns {given}, but {data.name} has examples {data.input_shape} "
                f"and {data.classes} classes"
            )
        return
    signals = load_signals(grid=recipe.fit.grid, **recipe.data)
    wanted = (signals.coordinates.shape[1],), (signals.values.shape[1],)
    if (taken, given) != wanted:
        raise ValueError(f"{where} takes {taken} and returns {given}, but {signals.name} needs {wanted}")
