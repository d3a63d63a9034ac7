"""Trains a metanet to predict labels of nets from their weights, on any zoo, and compares it with the baselines.

    weightspace zoo build digits-cnn --out runs/digits-cnn
    python scripts/train_predictor.py --zoo runs/digits-cnn --out runs/predictor
    python scripts/train_predictor.py --zoo runs/digits-cnn --out runs/statnet --metanet StatNet --train.steps 2000

Nets are split by run, as the zoo says; parameters are picked on the validation nets, the table is on the test nets.
Stopped and called again with the same flags, it goes on.
"""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path

import torch
import tyro

from weightspace import Zoo
from weightspace.metanets import METANETS
from weightspace.tasks.comparison import BASELINES
from weightspace.tasks.labelled import LabelledNets
from weightspace.tasks.metrics import score
from weightspace.tasks.predict import fit, predict_nets
from weightspace.tasks.table import markdown
from weightspace.tasks.train import TrainConfig


@dataclass(frozen=True)
class Config:
    """What is trained on what."""

    zoo: str
    """The folder of a zoo."""
    out: str
    """Gets the metanet, the table and the log."""
    labels: tuple[str, ...] = ("test_accuracy", "gap")
    """Columns of the zoo's index."""
    metanet: str = "SpaceNet"
    """Which metanet; see weightspace.metanets.METANETS."""
    final: bool = False
    """Train on the last saved state of each net alone, instead of on all saved states."""
    baselines: bool = True
    """Compare with the baselines."""
    device: str = "cuda" if torch.cuda.is_available() else "cpu"
    train: TrainConfig = field(default_factory=TrainConfig)


config = tyro.cli(Config, description=__doc__)
out = Path(config.out)

# The nets: all saved states of the training runs to learn from, the last states of the others to choose and to judge.
zoo = Zoo(config.zoo)
last = zoo.final()
parts = {
    "train": LabelledNets.from_zoo((last if config.final else zoo).split("train"), config.labels),
    "val": LabelledNets.from_zoo(last.split("val"), config.labels),
    "test": LabelledNets.from_zoo(last.split("test"), config.labels),
}
print(", ".join(f"{name} {len(nets)}" for name, nets in parts.items()), "nets")

# The metanet.
metanet = fit(
    METANETS[config.metanet], parts["train"], parts["val"], config.train, out / "training", device=config.device
)
metanet.to("cpu").save_pretrained(out / "metanet")
predicted = {f"{config.metanet} on weights": predict_nets(metanet, parts["test"])}

# The baselines, on the same nets.
if config.baselines:
    for name, baseline in BASELINES.items():
        print(name)
        predicted[name] = baseline(parts, out / "training" / name.replace(" ", "-"), config.train, True)

# The table.
true = parts["test"].labels
result = {
    "title": f"{len(parts['test'])} held-out nets of {zoo.recipe.name}",
    "scores": {
        method: {label: score(values[:, i], true[:, i]).to_dict() for i, label in enumerate(config.labels)}
        for method, values in predicted.items()
    },
    "config": asdict(config),
    "recipe": zoo.recipe.hash,
    "notes": [f"Seed {config.train.seed}. {len(parts['train'])} states to train on, {len(parts['val'])} to choose on."],
}
(out / "table.json").write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
(out / "table.md").write_text(markdown(result), encoding="utf-8")
print(markdown(result))
