import pytest
import torch

from weightspace.palette import OURS, THEIRS
from weightspace.tasks.comparison.tables.figures import (
    calibration_figure,
    plot_calibration,
    plot_predictions,
    predictions_figure,
)
from weightspace.tasks.prediction.metrics import calibration, score


def test_a_panel_for_every_method_and_label(tmp_path):
    true = {"accuracy": torch.rand(40), "gap": torch.rand(40)}
    predicted = {
        method: {label: values + noise * torch.randn(40) for label, values in true.items()}
        for method, noise in (("metanet", 0.02), ("hyperparameters", 0.2))
    }
    scores = {m: {label: score(p[label], true[label]).to_dict() for label in true} for m, p in predicted.items()}
    path = plot_predictions(tmp_path / "deep" / "figure.png", true, predicted, scores, title="Nets", ours="metanet")
    assert path.read_bytes().startswith(b"\x89PNG")
    assert path.stat().st_size > 10_000


def test_calibration_is_written_as_a_picture(tmp_path):
    true = torch.rand(40)
    bins = {
        "accuracy": {
            name: calibration(true + noise * torch.randn(40), true) for name, noise in (("a", 0.0), ("b", 0.3))
        }
    }
    path = plot_calibration(tmp_path / "figure.png", bins, title="Nets", ours="a")
    assert path.stat().st_size > 10_000


def test_each_method_has_its_own_panel_and_five_stand_beside_each_other():
    found = calibration(torch.linspace(0, 1, 40), torch.linspace(0, 1, 40))
    names = [f"method {number}" for number in range(7)]
    figure = calibration_figure(
        {"gap": dict.fromkeys(names, found)}, {"gap": {"method 0": "τ 0.500"}}, "Nets", "method 0"
    )
    panels = [axis for axis in figure.axes if axis.axison]
    assert [axis.get_title().split("\n") for axis in panels] == [["method 0", "τ 0.500"], *([n] for n in names[1:])]
    assert panels[0].get_gridspec().ncols == 5
    assert len({axis.get_xlim() + axis.get_ylim() for axis in panels}) == 1
    assert [axis.lines[1].get_color() for axis in panels] == [OURS, *[THEIRS] * 6]
    assert [len(axis.lines[1].get_xdata()) for axis in panels] == [len(found["true"])] * 7


def test_what_lies_outside_the_frame_is_marked_at_its_edge():
    true = torch.tensor([0.0, 0.25, 0.5, 1.0])
    predicted = {"far": {"gap": torch.tensor([0.1, -3.0, 9.0, 0.9])}, "near": {"gap": true}}
    scores = {method: {"gap": {"tau": 0.5, "r2": 0.5}} for method in predicted}
    far, near = predictions_figure({"gap": true}, predicted, scores, "Nets", None).axes
    dots, below, above = (marks.get_offsets().tolist() for marks in far.collections)
    assert len(dots) == 2
    assert below == [pytest.approx([0.25, far.get_ylim()[0]])]
    assert above == [pytest.approx([0.5, far.get_ylim()[1]])]
    assert len(near.collections) == 1 and len(near.collections[0].get_offsets()) == 4

    bins = {"predicted": [0.1, 7.0], "true": [0.0, 1.0]}
    (panel,) = calibration_figure({"gap": {"far": bins}}, {}, "Nets", "").axes
    (right,) = panel.collections
    assert right.get_offsets().tolist() == [pytest.approx([panel.get_xlim()[1], 1.0])]
