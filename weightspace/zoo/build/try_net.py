"""Trying out the first net before thousands are built."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from weightspace.data import DataFactory, examples_code, load_dataset, load_signals
from weightspace.data.load import find_data
from weightspace.nets import example_inputs
from weightspace.nets.stacked.run import run_stack
from weightspace.nets.stacked.vmap import is_stackable
from weightspace.zoo.recipe.recipe import Recipe
from weightspace.zoo.recipe.trial import draw_trial


def try_net(recipe: Recipe, say: Callable[[str], None] = lambda message: None) -> None:
    """Runs a recipe's first net on examples; a factory's also as a stack of two, and compares the outputs.

    Args:
        say: hears that nets can't be stacked, which makes training slow.

    Raises:
        ValueError: its shapes do not fit the data, it fails, it draws random numbers or comes out otherwise in a stack;
            or a data factory gives other examples at every call.
    """
    net, where = draw_trial(recipe, 0).architecture.build().eval(), f"net {recipe.net!r}"
    inputs = example_inputs(net)[0]
    if ":" in recipe.net:
        _try_stack(net, inputs, where, say)
    with torch.no_grad():
        given = tuple(net(inputs).shape[1:])
    _check_shapes(recipe, where, inputs, given)
    _check_data(recipe)


def _try_stack(net: nn.Module, inputs: Tensor, where: str, say: Callable[[str], None]) -> None:
    weights = {name: torch.stack([w, w]) for name, w in net.state_dict().items()}

    def run(training: bool, seed: int) -> Tensor:
        net.train(training)
        with torch.no_grad(), torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            return run_stack(net, {name: w.clone() for name, w in weights.items()}, inputs)[1]

    try:
        alone, stacked, again, other = net(inputs), run(False, 0), run(True, 0), run(True, 1)
    except Exception as error:
        reason = (str(error).strip() or "no message").splitlines()[0]
        raise ValueError(
            f"{where} fails on its inputs {tuple(inputs.shape)}: {type(error).__name__}: {reason}"
        ) from error
    finally:
        net.eval()
    if not torch.equal(again, other):
        raise ValueError(
            f"{where} draws random numbers when it is trained, so its nets could not be made again: use nn.Dropout as "
            "a module, whose rate is dropout in [train], and no other randomness"
        )
    if stacked.shape != alone.shape or not torch.allclose(stacked, alone, rtol=1e-3, atol=1e-4):
        raise ValueError(
            f"{where} gives another output in a stack than alone: it may depend on nothing but input and weights"
        )
    if not is_stackable(net):
        say(f"{where} can't be stacked by torch.func (an operator without a batching rule, or a branch on values), so "
            "its nets are trained one by one, which takes longer.")  # fmt: skip


def _enough(given: tuple[int, ...], classes: int) -> bool:
    return len(given) == 1 and given[0] >= classes


def _check_shapes(recipe: Recipe, where: str, inputs: Tensor, given: tuple[int, ...]) -> None:
    taken = tuple(inputs.shape[1:])
    if recipe.task == "classify":
        data = load_dataset(**recipe.data)
        if torch.Size(taken).numel() != torch.Size(data.input_shape).numel() or not _enough(given, data.classes):
            raise ValueError(
                f"{where} takes {taken} and returns {given}, but {data.name} has examples {data.input_shape} "
                f"and {data.classes} classes"
            )
        if inputs.is_floating_point() != data.x_train.is_floating_point():
            kinds = ("whole numbers", "numbers with a point")
            raise ValueError(
                f"{where} takes {kinds[inputs.is_floating_point()]}, but {data.name} has "
                f"{kinds[data.x_train.is_floating_point()]}: @net_factory(inputs=..., whole=True) is for token ids"
            )
        return
    signals = load_signals(grid=recipe.fit.grid, **recipe.data)
    wanted = (signals.coordinates.shape[1],), (signals.values.shape[1],)
    if (taken, given) != wanted:
        raise ValueError(f"{where} takes {taken} and returns {given}, but {signals.name} needs {wanted}")


def _check_data(recipe: Recipe) -> None:
    """Every worker calls a data factory for itself, so it must give the same each time."""
    source = find_data(recipe.data["name"], recipe.task)
    if not isinstance(source, DataFactory):
        return
    settings = {key: value for key, value in recipe.data.items() if key != "name"}
    if examples_code(source.load(**settings)) != examples_code(source.load(**settings)):
        raise ValueError(
            f"data {source.path!r} must give the same examples at every call, but two calls differ: draw from a "
            "generator with a seed, torch.Generator().manual_seed(0)"
        )
