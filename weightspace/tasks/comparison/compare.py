"""A metanet and its baselines on nets of anyone's: trained, judged, kept, and the table of them."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from shutil import copytree
from typing import Any

from safetensors import safe_open
from safetensors.torch import save_file

from weightspace.suggest import suggestion
from weightspace.tasks.comparison.jobs.method import METHODS
from weightspace.tasks.comparison.jobs.predictionjob import judge
from weightspace.tasks.comparison.jobs.result import slug
from weightspace.tasks.comparison.tables.report import scores_table
from weightspace.tasks.labelled.labelledsplit import LabelledSplit
from weightspace.tasks.prediction.methodrun import MethodRun, Predictions
from weightspace.tasks.training.train import TrainConfig

BASELINES = ("FlatMLP", "boosting on statistics", "boosting on hyperparameters")
"""Methods that a metanet is compared with where no others are named."""


@dataclass(frozen=True)
class Comparison:
    """What `compare_methods` found.

    Args:
        scores: method -> column -> measure -> value, on the nets that were judged.
        obstacles: why other methods were left out.
        nets: part -> how many nets.
    """

    scores: Mapping[str, Mapping[str, Mapping[str, float]]]
    obstacles: Mapping[str, str] = field(default_factory=dict)
    nets: Mapping[str, int] = field(default_factory=dict)

    @property
    def table(self) -> str:
        """The scores in Markdown."""
        return scores_table(self.scores)

    def to_dict(self) -> dict[str, Any]:
        """JSON values."""
        return {"scores": self.scores, "obstacles": self.obstacles, "nets": self.nets}


def compare_methods(
    split: LabelledSplit,
    metanet: str,
    out: str | Path,
    *,
    baselines: Sequence[str] = BASELINES,
    training: TrainConfig | None = None,
    device: str = "cpu",
    say: Callable[[str], None] = lambda message: None,
    progress: bool = True,
) -> Comparison:
    """Trains a metanet and its baselines on one split and judges them; called again, it goes on.

    Args:
        metanet: one of `METHODS`; what it learned is saved to ``out/metanet``.
        out: also gets ``table.md``, ``table.json``, and the logs below ``training``.
        baselines: others of `METHODS`; those that can't take the nets are left out, with the reason.
        say: is told what is trained and what is left out.

    Raises:
        ValueError: an unknown method, or nets that the metanet can't take.
    """
    out, training = Path(out), training or TrainConfig()
    asked = list(dict.fromkeys((metanet, *baselines)))
    if unknown := [name for name in asked if name not in METHODS]:
        near = suggestion(unknown[0], METHODS)
        raise ValueError(f"A method must be one of {', '.join(METHODS)}; got {unknown[0]!r}{near}.")
    obstacles = {name: text for name in asked if (text := METHODS[name].obstacle(split))}
    if metanet in obstacles:
        raise ValueError(f"{metanet} must be able to take these nets, but it {obstacles[metanet]}. Choose another.")
    scores = {}
    for name in asked:
        say(f"{name}: left out, it {obstacles[name]}" if name in obstacles else name)
        if name not in obstacles:
            run = MethodRun(training, out / "training" / slug(name), METHODS[name].settings("S"), device, progress)
            scores[name] = judge(split, predictions_of(name, split, run))[0]
    if (learned := out / "training" / slug(metanet) / "metanet").is_dir():
        copytree(learned, out / "metanet", dirs_exist_ok=True)
    found = Comparison(scores, obstacles, {part: len(nets) for part, nets in split.parts.items()})
    (out / "table.md").write_text(found.table, encoding="utf-8")
    (out / "table.json").write_text(json.dumps(found.to_dict(), indent=2) + "\n", encoding="utf-8")
    return found


def predictions_of(method: str, split: LabelledSplit, run: MethodRun) -> Predictions:
    """What a method predicts; kept in the run's folder, and taken from there where they are of the same run."""
    kept = run.folder / "predictions.safetensors"
    fingerprints = " ".join(nets.fingerprint() for nets in split.parts.values())
    made_from = f"{method} {run.training} {dict(run.settings)} {run.augmentation} {fingerprints}"
    if kept.is_file():
        with safe_open(kept, framework="pt") as file:
            note = file.metadata() or {}
            if note.get("made_from") == made_from:
                return Predictions({name: file.get_tensor(name) for name in file.keys()}, int(note["parameters"]))  # noqa: SIM118
    run.folder.mkdir(parents=True, exist_ok=True)
    found = METHODS[method].run(split, run)
    note = {"made_from": made_from, "parameters": str(found.parameters)}
    save_file({name: values.contiguous() for name, values in found.of_part.items()}, kept, metadata=note)
    return found
