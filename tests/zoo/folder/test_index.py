import pyarrow as pa

from weightspace.zoo import Recipe, build_zoo
from weightspace.zoo.folder.index import finite, plain


def test_settings_fit_their_columns():
    assert plain((16, 8), pa.string()) == "16-8"
    assert plain(3, pa.string()) == "3" and plain(3, pa.int64()) == 3
    assert finite(float("nan")) is None and finite(0.5) == 0.5


def test_settings_that_are_a_number_or_a_list_can_vary(recipe, tmp_path):
    text = recipe.text.replace(
        'name = "mlp"\nhidden = [8]', 'name = "cnn"\nchannels = [4, 4]\nstride = 2\nkernel = {choices = [3, [3, 5]]}'
    )
    zoo = build_zoo(Recipe.from_toml(text), tmp_path / "zoo", workers=1, progress=False, nets=8)
    assert set(zoo.table["kernel"].to_pylist()) == {"3", "3-5"}
    assert len(zoo.by_space()) >= 3
    assert zoo.final().evaluate(0)["gap"] == zoo.final().row(0)["gap"]
