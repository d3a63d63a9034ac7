"""Building shards on a Ray cluster."""

import importlib
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path

import torch

from weightspace.machine.data_root import data_root, using_data_root
from weightspace.machine.memory import keep_memory
from weightspace.machine.whole_file import whole_file
from weightspace.zoo.build.shards import build_shard, shard_nets
from weightspace.zoo.folder.folder import part_path, shard_path
from weightspace.zoo.recipe.recipe import Recipe

RETRIES = 5


def run_on_ray(recipe: Recipe, out: Path, shards: Iterable[int], done: Callable[[int], object]) -> None:
    """Builds every shard as one Ray task, and writes what comes back; the nodes need no common file system.

    A task whose worker dies is run again elsewhere, so a lost worker costs its shard and nothing else. Joins the
    cluster that ``RAY_ADDRESS`` or ``ray.init`` says, else starts one on this machine.

    Raises:
        ModuleNotFoundError: Ray is not installed; says how to.
    """
    try:
        import ray  # pyright: ignore[reportMissingImports]  (an extra)
    except ModuleNotFoundError:
        raise ModuleNotFoundError('the ray engine needs Ray: pip install "weightspace[ray]"') from None
    if not ray.is_initialized():
        ray.init(log_to_driver=False)
    needs = {"num_gpus": 1} if ray.cluster_resources().get("GPU") else {"num_cpus": 1}
    task = ray.remote(max_retries=RETRIES, **needs)(train_shard)
    running = {task.remote(recipe.text, recipe.nets, shard, recipe.imports, data_root()): shard for shard in shards}
    while running:
        ready, _ = ray.wait(list(running))
        for reference in ready:
            shard = running.pop(reference)
            _write(out, shard, *ray.get(reference))
            done(len(shard_nets(recipe, shard)))


def train_shard(
    text: str, nets: int, shard: int, imports: tuple[str, ...] = (), root: str | None = None
) -> tuple[bytes, bytes]:
    """Builds one shard and returns its two files; ``imports`` must be installed on the node.

    Images are taken from the folder ``root`` where the node has it, else from the Hub.
    """
    for module in imports:
        importlib.import_module(module)
    torch.set_num_threads(1)
    keep_memory()
    with using_data_root(root), tempfile.TemporaryDirectory() as folder:
        build_shard(Recipe.from_toml(text).with_nets(nets), shard, Path(folder))
        return shard_path(Path(folder), shard).read_bytes(), part_path(Path(folder), shard).read_bytes()


def _write(out: Path, shard: int, tensors: bytes, rows: bytes) -> None:
    for path, content in ((shard_path(out, shard), tensors), (part_path(out, shard), rows)):
        with whole_file(path) as temporary:
            temporary.write_bytes(content)
