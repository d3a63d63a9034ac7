"""The gallery: every recipe is read and has a row, and what its README shows works."""

import re
from pathlib import Path

import pytest

from weightspace.zoo import Recipe, gallery

README = Path(__file__).parents[3] / "zoo" / "README.md"


def blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", README.read_text(encoding="utf-8"), flags=re.DOTALL)


@pytest.mark.parametrize("name", gallery())
def test_every_recipe_has_a_row_that_says_what_it_makes(name):
    recipe = Recipe.load(name)
    assert recipe.name == name and recipe.description and recipe.source
    (row,) = [line for line in README.read_text(encoding="utf-8").splitlines() if line.startswith(f"| [{name}]")]
    cells = [cell.strip() for cell in row.strip("|").split("|")]
    assert len(cells) == 8 and all(cells)
    assert cells[1] == f"{recipe.nets:,}"


def test_the_recipe_of_the_readme_is_read():
    (text,) = blocks("toml")
    assert set(Recipe.from_toml(text).varied) == {"hidden", "activation", "optimizer", "lr", "dropout"}


def test_nets_of_ones_own_as_the_readme_says(tmp_path, monkeypatch, capsys):
    module, build = blocks("python")
    (tmp_path / "my_nets.py").write_text(module)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    build = build.replace('"nets": 64', '"nets": 3').replace('"steps": 300', '"steps": 4')
    exec(build.replace('"zoos/thin")', '"zoos/thin", workers=1, progress=False)'), {})
    assert "Linear(in_features=64" in capsys.readouterr().out
