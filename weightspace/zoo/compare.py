"""Comparing a zoo with its own manifest and its own recipe."""

from pathlib import Path
from typing import Any

from weightspace.reading import read_text_file
from weightspace.zoo.folder.folder import RECIPE
from weightspace.zoo.folder.index import index_schema, plain
from weightspace.zoo.folder.manifest import CARD, lost_lines, manifest_checksum, zoo_files
from weightspace.zoo.recipe.recipe import Recipe
from weightspace.zoo.recipe.trial import draw_trial
from weightspace.zoo.zoo import Zoo

MOST_SHOWN = 20


def check_manifest(zoo: Zoo) -> list[str]:
    """What the manifest says of itself, of the files in the folder, and of how many nets and states there are."""
    manifest, problems = zoo.manifest, []
    if manifest.get("checksum") != manifest_checksum(manifest):
        problems.append("manifest.json has another checksum than it says")
    for name in set(zoo_files(zoo.path)) - set(manifest["files"]):
        problems.append(f"{name} is not named in the manifest")
    nets = zoo.table["net"].unique().to_pylist()
    for key, found in (("nets", len(nets)), ("states", len(zoo))):
        if manifest[key] != found:
            problems.append(f"the manifest says {manifest[key]} {key}, the index has {found}")
    if "card" in manifest and (zoo.path / CARD).is_file():
        lost = lost_lines(manifest["card"], read_text_file(zoo.path / CARD))
        problems += [f"{CARD} no longer says what it said when the zoo was made: {lost[0]!r}"] if lost else []
    return sorted(problems)


def check_recipe(zoo: Zoo) -> list[str]:
    """Draws every net's settings and split again from the recipe, and compares them with the index.

    Nothing for a zoo that was merged or imported: it has no recipe of its own.
    """
    if not (zoo.path / RECIPE).exists():
        return []
    try:
        recipe = read_recipe(zoo.path)
    except ValueError as error:
        return [str(error)]
    said = {"recipe": recipe.hash, "name": recipe.name, "hyperparameters": list(recipe.varied)}
    problems = [
        f"the manifest says {key} {zoo.manifest[key]!r}, recipe.toml has {value!r}"
        for key, value in said.items()
        if zoo.manifest[key] != value
    ]
    if problems:
        return problems
    lacking = [name for name in index_schema(recipe).names if name not in zoo.table.column_names]
    if lacking:
        return [f"the index lacks the columns {', '.join(lacking)}"]
    missing = set(range(zoo.manifest["nets"])) - set(zoo.table["net"].to_pylist())
    problems += [f"net {net} is missing" for net in sorted(missing)[:MOST_SHOWN]]
    return (problems + _wrong_draws(zoo, recipe))[:MOST_SHOWN]


def read_recipe(path: Path) -> Recipe:
    """The recipe in a zoo's folder."""
    return Recipe.load(path / RECIPE)


def _wrong_draws(zoo: Zoo, recipe: Recipe) -> list[str]:
    schema, problems, drawn = index_schema(recipe), [], {}
    keys = (*recipe.architecture, *recipe.train)
    names = [name for name in ("run", "seed", "split", *keys) if name in zoo.table.column_names]
    for row in zoo.table.select(["net", "step", *names]).to_pylist():
        net = row["net"]
        if net not in drawn:
            trial = draw_trial(recipe, net)
            wanted: dict[str, Any] = {"run": trial.run, "seed": trial.seed}
            if recipe.task != "fit":  # a fit's signal has its part already
                wanted["split"] = trial.split
            drawn = {net: wanted | {key: plain(trial.settings[key], schema.field(key).type) for key in keys}}
        problems += [
            f"net {net} step {row['step']}: {name} is {row.get(name)!r}, the recipe draws {value!r}"
            for name, value in drawn[net].items()
            if row.get(name) != value
        ]
    return problems
