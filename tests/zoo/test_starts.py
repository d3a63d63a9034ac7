"""The starts of a zoo's nets are drawn again, bit for bit."""

import pytest
import torch

from weightspace.zoo import Recipe, Zoo, build_zoo
from weightspace.zoo.starts import draw_starts

TOML = """
name = "starts"
nets = 4
seed = 3

[data]
name = "digits"

[net]
name = "mlp"
in_features = 64
hidden = [5]
out_features = 10
{norm}

[train]
init = {init}
init_scale = {{ low = 0.5, high = 2.0 }}
batch_size = 16
steps = 3

[save]
initial = true
"""


def built(folder, init='["default", "he", "orthogonal"]', norm=""):
    recipe = Recipe.from_toml(TOML.format(init=init, norm=norm))
    build_zoo(recipe, folder, workers=1)
    return Zoo(folder)


def test_starts_are_those_that_were_saved(tmp_path):
    zoo = built(tmp_path / "zoo")
    starts, finals = zoo.filter(step=0), zoo.final()
    drawn = draw_starts(finals)
    order = [starts.table["net"].to_pylist().index(net) for net in finals.table["net"].to_pylist()]
    assert all(torch.equal(drawn[name], tensor) for name, tensor in starts.weights(order).items())


@pytest.mark.parametrize(
    ("settings", "message"),
    [({"norm": 'norm = "batch"'}, "these have running statistics"), ({"init": '"lsuv"'}, "'lsuv' depend on data")],
)
def test_what_can_t_be_drawn_again_is_refused(tmp_path, settings, message):
    with pytest.raises(ValueError, match=message):
        draw_starts(built(tmp_path / "zoo", **settings))
