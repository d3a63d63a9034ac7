"""Building one shard."""

import math
from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow.parquet as pq

from weightspace.data import Dataset, load_dataset, load_signals
from weightspace.machine.whole_file import whole_file
from weightspace.nets import Architecture
from weightspace.nets.stacked.flatlayout import FlatLayout
from weightspace.zoo.folder.folder import part_path, shard_path
from weightspace.zoo.folder.index import index_rows
from weightspace.zoo.folder.shard import stack_states, state_checksum, write_tensors
from weightspace.zoo.recipe.recipe import Recipe
from weightspace.zoo.recipe.trial import Trial, draw_trial, with_fit_steps, with_steps
from weightspace.zoo.train.device import Run, run_within_memory, training_device
from weightspace.zoo.train.fit import StackFitter
from weightspace.zoo.train.saved import Saved
from weightspace.zoo.train.train import StackTrainer

STACK_PARAMETERS = {"cpu": 160_000, "cuda": 64_000_000}
MOST_NETS = {"cpu": 64, "cuda": 1024}
FIT_NETS = {"cpu": 16, "cuda": 4096}


def shard_nets(recipe: Recipe, shard: int) -> range:
    """The nets of a shard."""
    return range(shard * recipe.store.shard, min((shard + 1) * recipe.store.shard, recipe.nets))


def whole_shard(recipe: Recipe, shard: int) -> range:
    """The nets that a shard has in a zoo that is long enough."""
    return range(shard * recipe.store.shard, (shard + 1) * recipe.store.shard)


def is_built(recipe: Recipe, shard: int, out: Path) -> bool:
    """Whether a shard lies there finished, with the nets that are asked for and no others."""
    try:
        nets = pq.read_table(part_path(out, shard), columns=["net"])["net"].unique().to_pylist()
    except (OSError, ValueError):  # not there, or damaged; pyarrow's own errors are of these kinds
        return False
    return sorted(nets) == list(shard_nets(recipe, shard)) and shard_path(out, shard).is_file()


def shard_count(recipe: Recipe) -> int:
    """Shards of the whole zoo."""
    return math.ceil(recipe.nets / recipe.store.shard)


def build_shard(recipe: Recipe, shard: int, out: Path, done: Callable[[int], object] = lambda nets: None) -> None:
    """Trains the nets of a shard and writes its tensors, then its part of the index; ``done`` hears of finished nets.

    The part of the index is what says that a shard is finished, so it comes last.
    """
    saved = list(run_shard(recipe, shard, done))
    saved.sort(key=lambda state: (state.trial.net, state.step))
    spaces = [state.trial.architecture.id for state in saved]
    tensors, rows = stack_states((space, state.weights) for space, state in zip(spaces, saved, strict=True))
    sums = [state_checksum(state.weights) for state in saved]
    table = index_rows(recipe, saved, rows, space=spaces, shard=[shard] * len(saved), checksum=sums)
    write_tensors(shard_path(out, shard), tensors)
    with whole_file(part_path(out, shard)) as path:
        pq.write_table(table, path)


def run_shard(recipe: Recipe, shard: int, done: Callable[[int], object]) -> Iterator[Saved]:
    """Trains the nets of a shard, in stacks: small enough for the cache on a CPU, large on a GPU if its memory allows.

    On a CPU a net comes out the same in any stack, bit for bit. A GPU takes other kernels for other sizes, so there a
    stack is always that of the whole shard, and nets that were not asked for are left out afterwards.
    """
    device = training_device()
    nets = shard_nets(recipe, shard) if device == "cpu" else whole_shard(recipe, shard)
    for trials, size, train in (_fits if recipe.task == "fit" else _trainings)(recipe, nets, device):
        wanted = sum(trial.net < recipe.nets for trial in trials)
        if wanted == len(trials):
            yield from run_within_memory(trials, size, train, done)
        elif wanted:
            states = run_within_memory(trials, size, train, lambda nets: None)
            yield from (state for state in states if state.trial.net < recipe.nets)
            done(wanted)


def _fits(recipe: Recipe, nets: range, device: str) -> Iterator[tuple[list[Trial], int, Run]]:
    signals = load_signals(grid=recipe.fit.grid, **recipe.data)
    trials = [with_fit_steps(draw_trial(recipe, net)) for net in nets]

    def fit(trials: list[Trial], size: int, hear: Callable[[int], object]) -> Iterator[Saved]:
        return StackFitter(trials, size, signals, recipe.fit, recipe.save, device).run(hear)

    for group in grouped(trials, lambda trial: (trial.architecture, trial.train.optimizer, trial.train.nesterov)):
        yield group, recipe.store.stack or FIT_NETS[device], fit


def _trainings(recipe: Recipe, nets: range, device: str) -> Iterator[tuple[list[Trial], int, Run]]:
    data = load_dataset(**recipe.data)

    def train(trials: list[Trial], size: int, hear: Callable[[int], object]) -> Iterator[Saved]:
        for first in range(0, len(trials), size):
            yield from StackTrainer(trials[first : first + size], data, recipe.save, device).run(hear)

    for trials in stacks(recipe, nets, data, device):
        yield trials, len(trials), train


def grouped(trials: list[Trial], key: Callable[[Trial], tuple]) -> list[list[Trial]]:
    """Trials that agree in ``key``, in the order in which keys first occur."""
    groups: dict[tuple, list[Trial]] = {}
    for trial in trials:
        groups.setdefault(key(trial), []).append(trial)
    return list(groups.values())


def stacks(recipe: Recipe, nets: range, data: Dataset, device: str = "cpu") -> Iterator[list[Trial]]:
    """Nets as stacks: of one architecture and batch size, alike in length, fit for the cache."""
    everyone = [with_steps(draw_trial(recipe, net), len(data.x_train)) for net in nets]
    for trials in grouped(everyone, lambda trial: (trial.architecture, trial.train.batch_size)):
        architecture = trials[0].architecture
        trials.sort(key=lambda trial: (trial.train.steps, trial.net))
        size = recipe.store.stack or stack_size(architecture, device)
        pieces = math.ceil(len(trials) / size)
        for piece in range(pieces):
            yield trials[piece * len(trials) // pieces : (piece + 1) * len(trials) // pieces]


def stack_size(architecture: Architecture, device: str = "cpu") -> int:
    """Nets in one stack, by the number of parameters of one."""
    return max(1, min(MOST_NETS[device], STACK_PARAMETERS[device] // FlatLayout.of(architecture.build()).numel))
