"""The dataset card of a zoo."""

from typing import Any

import pyarrow as pa

from weightspace.hub.card import completed_card, size_category
from weightspace.zoo.folder.manifest import INDEX
from weightspace.zoo.recipe.recipe import Recipe

TAGS = ["weightspace", "weight-space", "model-zoo"]

CARD = """---
license: apache-2.0
---
# {name}

{description}

{nets:,} nets, {states:,} saved states, {spaces} architecture{plural}, made by weightspace from `recipe.toml`
(hash `{hash}`).{source}

| file | holds |
|---|---|
| `index.parquet` | a row per saved state: hyperparameters, metrics, split, and where its weights lie (`shard`, `row`) |
| `shards/*.safetensors` | weights stacked over states, named `space/tensor` |
| `spaces.json` | every architecture: how to build it, and what each axis of each tensor means |
| `recipe.toml` | the recipe; `weightspace zoo build recipe.toml` makes the zoo again |
| `manifest.json` | format, counts and checksums |

```python
import weightspace as ws

zoo = ws.Zoo("path/or/hf://datasets/owner/name")
weights, row = zoo[0]
train = zoo.split("train").final()
```
"""


def dataset_card(recipe: Recipe, table: pa.Table, spaces: dict[str, Any]) -> str:
    """The text of ``README.md``, with front matter that points a viewer at the index."""
    text = CARD.format(
        name=recipe.name,
        description=recipe.description,
        nets=recipe.nets,
        states=len(table),
        spaces=len(spaces),
        plural="" if len(spaces) == 1 else "s",
        hash=recipe.hash,
        source=f" Source: {recipe.source}." if recipe.source else "",
    )
    return zoo_card(text, len(table), None, "the card")


def zoo_card(text: str, rows: int, license: str | None, where: str) -> str:
    """A card with what the Hub asks for: licence, tags, size, and the index as the table that its viewer shows.

    Raises:
        ValueError: no licence, or another one than the card says.
    """
    facts = {
        "tags": TAGS,
        "size_categories": [size_category(rows)],
        "configs": [{"config_name": "index", "data_files": INDEX}],
    }
    return completed_card(text, facts, license, where)
