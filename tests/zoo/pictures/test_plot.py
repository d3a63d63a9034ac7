"""Figures of a zoo: log axes where the recipe draws logarithmically, units, and no panel without dots."""

import matplotlib.figure
import pytest

from weightspace.zoo import Recipe, build_zoo, merge_zoos, plot_zoo
from weightspace.zoo.pictures.plot import logarithmic

CURVES = """
name = "curves"
nets = 12
[data]
name = "digits"
[net]
name = "mlp"
hidden = { choices = [[3], [4], [5, 5]] }
[train]
lr = { low = 0.001, high = 0.1, log = true }
dropout = { low = 0.0, high = 0.5 }
init_scale = { low = 0.3, high = 3.0, log = true }
optimizer = ["adam", "sgd"]
steps = 8
[save]
count = 3
"""


@pytest.fixture(scope="module")
def curves(tmp_path_factory):
    out = tmp_path_factory.mktemp("curves") / "zoo"
    return build_zoo(Recipe.from_toml(CURVES), out, workers=1, progress=False)


@pytest.fixture
def drawn(monkeypatch):
    """Every figure that is saved, by its file's name."""
    found = {}
    save = matplotlib.figure.Figure.savefig

    def keep(self, path, **options):
        found[path.stem] = self
        save(self, path, **options)

    monkeypatch.setattr(matplotlib.figure.Figure, "savefig", keep)
    return found


def panels(figure):
    """What stands along the x axis of each panel that is shown, and its scale."""
    return {axis.get_xlabel(): axis.get_xscale() for axis in figure.axes if axis.axison}


def test_what_is_drawn_logarithmically_has_a_log_axis(curves, drawn, tmp_path):
    plot_zoo(curves, tmp_path)
    scales = panels(drawn["hyperparameters"])
    assert scales == {
        "hidden": "linear", "lr": "log", "dropout": "linear", "init scale": "log", "optimizer": "linear",
    }  # fmt: skip
    (narrow,) = (axis for axis in drawn["hyperparameters"].axes if axis.get_xlabel() == "init scale")
    assert {"0.5", "1", "2"} <= {label.get_text() for label in narrow.get_xticklabels()}


def test_merged_zoos_have_no_empty_panels(curves, tiny_zoo, drawn, tmp_path):
    both = merge_zoos([curves.path, tiny_zoo.path], tmp_path / "both")
    plot_zoo(both, tmp_path / "figures")
    for name, figure in drawn.items():
        for axis in figure.axes:
            dots = sum(len(part.get_offsets()) for part in axis.collections)
            assert not axis.axison or dots or axis.lines or axis.patches, (name, axis.get_xlabel())
    assert logarithmic(both, "lr")
    assert len(drawn["curves"].axes[0].lines) == 12  # only nets that were saved several times


def test_views_without_good_nets_draw_nothing(curves, tmp_path):
    assert plot_zoo(curves.filter(status="diverged"), tmp_path) == []
