"""Write generated nets as checkpoints, a file each, where no zoo can store their architecture."""

import json
from collections.abc import Callable, Iterable, Mapping
from math import ceil
from pathlib import Path

from safetensors.torch import save_file
from torch import nn

from weightspace.generators.base import Generator, finite_nets
from weightspace.generators.write import SHARD
from weightspace.machine.whole_file import whole_file
from weightspace.space import WeightSpace


def write_files(
    generator: Generator,
    space: WeightSpace,
    n: int,
    out: str | Path,
    *,
    net: nn.Module | None = None,
    prompt: Mapping[str, float] | None = None,
    seed: int = 0,
    shown: Callable[[Iterable[int]], Iterable[int]] = iter,
) -> list[Path]:
    """Generates nets and stores each as ``net-NUMBER.safetensors``; those that aren't finite are left out.

    A file's metadata say the weight space, the class of the generator, the seed, the prompt and the net's number.

    Args:
        space: of the nets. n: how many.
        out: a new or an empty folder.
        net: a module of the space, for generators that run it. shown: wraps the stacks, to show progress.

    Raises:
        ValueError: n, prompt or space that the generator refuses, a folder that holds something, or no net that is
            finite.
    """
    out, prompt = Path(out), dict(prompt or {})
    condition = net if generator.takes_net else None
    generator.sample(space, 1, prompt=prompt, condition=condition, seed=seed)  # refuses before anything is written
    if n < 1:
        raise ValueError(f"n must be a whole number of 1 or more, got {n}.")
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise ValueError(f"{out} must be a new or an empty folder, got one with something in it; choose another.")
    name = type(generator).__name__
    note = {"space": space.hash, "generator": name, "seed": str(seed), "prompt": json.dumps(prompt)}
    files: list[Path] = []
    for stack in shown(range(ceil(n / SHARD))):
        first = stack * SHARD
        count = min(SHARD, n - first)
        drawn = generator.sample(space, count, prompt=prompt, condition=condition, seed=seed, first=first)
        weights = {key: tensor.cpu() for key, tensor in drawn.items()}
        for row in finite_nets(weights).nonzero().flatten().tolist():
            files.append(out / f"net-{first + row:05d}.safetensors")
            tensors = {key: tensor[row].clone() for key, tensor in weights.items()}
            with whole_file(files[-1]) as unfinished:
                save_file(tensors, unfinished, {**note, "net": str(first + row)})
    if not files:
        raise ValueError(
            f"None of the {n} nets that {name} gave is finite, so nothing was stored. Take another prompt, or train "
            "the generator again."
        )
    return files
