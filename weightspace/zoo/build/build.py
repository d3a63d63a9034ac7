"""Building a zoo from a recipe."""

import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from tqdm import tqdm

from weightspace.data import using_data_root
from weightspace.zoo.build.finish import finish_zoo, reopen_parts
from weightspace.zoo.build.pool import Pool, default_workers
from weightspace.zoo.build.ray_engine import run_on_ray
from weightspace.zoo.build.shards import build_shard, is_built, shard_count, shard_nets
from weightspace.zoo.build.try_net import try_net
from weightspace.zoo.folder.folder import PARTS, check_folder, claim_folder, read_manifest
from weightspace.zoo.publish import check_target, copy_to_url
from weightspace.zoo.recipe.recipe import Recipe
from weightspace.zoo.remote import is_remote, local_folder
from weightspace.zoo.zoo import Zoo

ENGINES = ("local", "ray")


def build_zoo(
    recipe: Recipe | Mapping[str, Any] | str | Path,
    out: str | Path,
    *,
    workers: int | None = None,
    progress: bool = True,
    nets: int | None = None,
    data_root: str | Path | None = None,
    engine: str = "local",
    say: Callable[[str], None] = lambda message: None,
) -> Zoo:
    """Trains all nets of a recipe and stores them; goes on from what a build that was stopped has finished.

    Args:
        recipe: a recipe, what ``Recipe.from_dict`` takes, a TOML file, or the name of a recipe in the gallery.
        out: the zoo's folder, new or holding a part of this zoo; or a URL that fsspec knows: then the zoo is built in
            the cache and copied there, the manifest last.
        workers: processes; one a GPU, or without any one a core, if None; 1 builds in this process.
        progress: shows nets per second on standard error.
        nets: number of nets, instead of the recipe's.
        data_root: folder with image collections, instead of the Hub or the folder in ``WEIGHTSPACE_DATA``.
        engine: ``local``, or ``ray`` for a Ray cluster (``workers`` is then the cluster's business).
        say: is told once where nets can't be stacked and are trained one by one.

    Raises:
        ValueError: no worker, or fewer than one net; a URL whose driver is missing or that can't be written; the folder
            holds another zoo or something else; nothing is touched.
        RuntimeError: another builder is at work in the folder, or a worker failed.
        PermissionError: the folder cannot be written.

    Examples:
        >>> zoo = build_zoo("digits-cnn", "zoos/digits", nets=100)
    """
    if engine not in ENGINES:
        raise ValueError(f"engine must be one of {', '.join(ENGINES)}, got {engine!r}")
    if workers is not None and workers < 1:
        raise ValueError(f"workers must be at least 1, got {workers}; leave it out for one a core")
    with using_data_root(data_root):
        return _build(recipe, out, workers, progress, nets, engine, say)


def _build(
    recipe: Recipe | Mapping[str, Any] | str | Path,
    out: str | Path,
    workers: int | None,
    progress: bool,
    nets: int | None,
    engine: str,
    say: Callable[[str], None],
) -> Zoo:
    recipe = _read(recipe) if nets is None else _read(recipe).with_nets(nets)
    url = str(out) if is_remote(out) else None
    if url:
        check_target(url)
    out = local_folder(url) if url else Path(out)
    check_folder(out, recipe)
    if read_manifest(out) is None and (engine == "local" or recipe.imports):
        try_net(recipe, say)
    with claim_folder(out, recipe):
        manifest = read_manifest(out)
        if manifest is None or manifest["nets"] != recipe.nets:
            reopen_parts(out, recipe, manifest)
            _build_shards(recipe, out, workers, progress, engine)
            finish_zoo(recipe, out)
        shutil.rmtree(out / PARTS, ignore_errors=True)
    if url:
        copy_to_url(out, url)
    return Zoo(out)


def _read(recipe: Recipe | Mapping[str, Any] | str | Path) -> Recipe:
    if isinstance(recipe, Mapping):
        return Recipe.from_dict(recipe)
    recipe = recipe if isinstance(recipe, Recipe) else Recipe.load(recipe)
    if not recipe.text:
        raise ValueError("a recipe must come from Recipe.load, from_toml or from_dict, which check it")
    return recipe


def _build_shards(recipe: Recipe, out: Path, workers: int | None, progress: bool, engine: str) -> None:
    missing = [shard for shard in range(shard_count(recipe)) if not is_built(recipe, shard, out)]
    left = sum(len(shard_nets(recipe, shard)) for shard in missing)
    if not missing:
        return
    workers = min(workers or default_workers(), len(missing))
    bar = tqdm(total=recipe.nets, initial=recipe.nets - left, unit="net", desc=recipe.name, disable=not progress)
    with bar:
        if engine == "ray":
            run_on_ray(recipe, out, missing, bar.update)
        elif workers == 1:
            for shard in missing:
                build_shard(recipe, shard, out, bar.update)
        else:
            with Pool(out, recipe, workers) as pool:
                pool.run(missing, bar.update)
