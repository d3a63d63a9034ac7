import torch

from weightspace.tasks.comparison.figures import plot_calibration, plot_predictions
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


def test_a_line_for_every_method(tmp_path):
    true = torch.rand(40)
    bins = {
        "accuracy": {
            name: calibration(true + noise * torch.randn(40), true) for name, noise in (("a", 0.0), ("b", 0.3))
        }
    }
    path = plot_calibration(tmp_path / "figure.png", bins, title="Nets", ours="a")
    assert path.stat().st_size > 10_000
