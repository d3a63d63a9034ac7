"""Building one shard."""

import math
from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow.parquet as pq

from weightspace.data import Dataset, load_dataset

from .folder import part_path, shard_path
from .index import index_rows
from .layout import Layout
from .recipe import Recipe
from .shard import atomic, stack_states, state_checksum, write_tensors
from .spaces import architecture_id, build_architecture
from .train import Saved, StackTrainer
from .trial import Trial, draw_trial, with_steps

STACK_PARAMETERS = 160_000
MOST_NETS = 64


def shard_nets(recipe: Recipe, shard: int) -> range:
    """The nets of a shard."""
    return range(shard * recipe.store.shard, min((shard + 1) * recipe.store.shard, recipe.nets))


def shard_count(recipe: Recipe) -> int:
    """Shards of the whole zoo."""
    return math.ceil(recipe.nets / recipe.store.shard)


def build_shard(recipe: Recipe, shard: int, out: Path, done: Callable[[int], None] = lambda nets: None) -> None:
    """Trains the nets of a shard and writes its tensors, then its part of the index; ``done`` hears of finished nets.

    The part of the index is what says that a shard is finished, so it comes last.
    """
    data = load_dataset(**recipe.data)
    saved: list[Saved] = []
    for trials in stacks(recipe, shard, data):
        saved += StackTrainer(trials, data, recipe.save).run(done)
    saved.sort(key=lambda state: (state.trial.net, state.step))
    spaces = [architecture_id(state.trial.architecture) for state in saved]
    tensors, rows = stack_states((space, state.weights) for space, state in zip(spaces, saved, strict=True))
    sums = [state_checksum(state.weights) for state in saved]
    table = index_rows(recipe, saved, rows, space=spaces, shard=[shard] * len(saved), checksum=sums)
    write_tensors(shard_path(out, shard), tensors)
    with atomic(part_path(out, shard)) as path:
        pq.write_table(table, path)


def stacks(recipe: Recipe, shard: int, data: Dataset) -> Iterator[list[Trial]]:
    """The nets of a shard as stacks: of one architecture and batch size, alike in length, small enough for the cache.

    Stacks depend on the recipe and the shard alone, so that a shard comes out the same however it is built.
    """
    groups: dict[tuple, list[Trial]] = {}
    for net in shard_nets(recipe, shard):
        trial = with_steps(draw_trial(recipe, net), len(data.x_train))
        groups.setdefault((trial.architecture, trial.train.batch_size), []).append(trial)
    for (architecture, _), trials in groups.items():
        trials.sort(key=lambda trial: (trial.train.steps, trial.net))
        size = recipe.store.stack or stack_size(architecture)
        pieces = math.ceil(len(trials) / size)
        for piece in range(pieces):
            yield trials[piece * len(trials) // pieces : (piece + 1) * len(trials) // pieces]


def stack_size(architecture: str) -> int:
    """Nets in one stack, by the number of parameters of one."""
    return max(1, min(MOST_NETS, STACK_PARAMETERS // Layout.of(build_architecture(architecture)).numel))
