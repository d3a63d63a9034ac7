"""Builds a part of a zoo's shards, beside other processes and machines that build the other parts in the same folder.

    python scripts/gpu/shards.py mnist-inr --out DIR --part 3/8      # the fourth of eight parts, counted from 0
    weightspace zoo build mnist-inr --out DIR                        # afterwards: what is missing, and the index

For job arrays on a file system that all jobs see. A shard that is there isn't built again. Don't run the second command
while the first ones still work.
"""

import argparse
import os
import re
from pathlib import Path

from weightspace.data import using_data_root
from weightspace.zoo import Recipe
from weightspace.zoo.build.pool import REPEATABLE
from weightspace.zoo.build.shards import build_shard, is_built, shard_count
from weightspace.zoo.folder.folder import RECIPE, check_folder, claim_folder


def part_of(text: str) -> tuple[int, int]:
    """The number of a part and how many there are."""
    found = re.fullmatch(r"(\d+)/(\d+)", text)
    if found is None or not int(found[1]) < int(found[2]):
        raise argparse.ArgumentTypeError(f"must be a number and how many parts there are, 0/8 to 7/8, got {text!r}")
    return int(found[1]), int(found[2])


def build_part(recipe: Recipe, out: Path, number: int, parts: int) -> int:
    """Builds every ``parts``-th shard from ``number`` on; how many were missing."""
    check_folder(out, recipe)
    if not (out / RECIPE).exists():  # the first one here makes the folder; nobody has begun yet
        with claim_folder(out, recipe):
            pass
    missing = [shard for shard in range(number, shard_count(recipe), parts) if not is_built(recipe, shard, out)]
    for count, shard in enumerate(missing, 1):
        build_shard(recipe, shard, out)
        print(f"shard {shard}: {count} of {len(missing)}", flush=True)
    return len(missing)


def main() -> None:
    """What the flags ask for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recipe", help="a name from the gallery, or a TOML file")
    parser.add_argument("--out", required=True, type=Path, help="the folder of the zoo")
    parser.add_argument("--part", required=True, type=part_of, help="which of how many, counted from 0")
    parser.add_argument("--nets", type=int, help="only the first so many nets of the recipe")
    parser.add_argument("--data-root", help="folder with images; without it, WEIGHTSPACE_DATA or the Hub")
    arguments = parser.parse_args()
    os.environ.update(REPEATABLE)  # a GPU then takes kernels that repeat themselves
    recipe = Recipe.load(arguments.recipe)
    recipe = recipe if arguments.nets is None else recipe.with_nets(arguments.nets)
    with using_data_root(arguments.data_root):
        build_part(recipe, arguments.out, *arguments.part)


if __name__ == "__main__":
    main()
