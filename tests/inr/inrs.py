"""Zoos of implicit representations small enough for tests, and an editor trained on one for a few steps."""

from weightspace import Recipe, build_zoo

DIGITS = """
name = "tiny-inr"
nets = 40
seed = 2

[data]
name = "digits"

[net]
name = "siren"
hidden = [6, 5]
w0 = 10.0
w0_hidden = 10.0

[train]
optimizer = "adam"
lr = 5e-3
steps = 60

[split]
val = 0.2
test = 0.2
"""

SOLIDS = """
name = "tiny-sdf"
nets = 8
seed = 2

[data]
name = "shapes"
count = 20
side = 6

[net]
name = "siren"
in_features = 3
hidden = [6, 6]
output_shift = 0.0

[train]
optimizer = "adam"
lr = 5e-3
steps = 20
"""


COLOURS = DIGITS.replace("tiny-inr", "tiny-colours").replace('"digits"', '"coloured-digits"')
COLOURS = COLOURS.replace("nets = 40", "nets = 12").replace("hidden = [6, 5]", "out_features = 3\nhidden = [6, 5]")


def build(text, folder):
    """A zoo from the text of a recipe."""
    recipe = folder / "recipe.toml"
    recipe.parent.mkdir(parents=True, exist_ok=True)
    recipe.write_text(text, encoding="utf-8")
    return build_zoo(Recipe.load(recipe), folder / "zoo", workers=1, progress=False)
