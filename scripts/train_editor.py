"""Trains a metanet to edit implicit representations through their weights, and measures it on held-out nets.

    weightspace zoo build digits-inr --out runs/digits-inr
    python scripts/train_editor.py --zoo runs/digits-inr --edit dilate --out runs/dilate
    python scripts/train_editor.py --zoo runs/digits-inr --edit dilate blur:sigma=0.7 dilate+blur --out runs/styles
    python scripts/train_editor.py --zoo runs/shapes-sdf --edit inflate:distance=0.1 --out runs/inflate
    weightspace edit runs/dilate/metanet runs/dilate/example.safetensors --out runs/dilated.safetensors

Nets are split by run, as the zoo says; parameters are picked on the validation nets, the table is on the test nets.
Stopped and called again with the same flags, it goes on.
"""

import json
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path

import torch
import tyro

from weightspace import Zoo
from weightspace.cli import one_line_errors
from weightspace.metanets import METANETS
from weightspace.tasks.comparison.jobs.editjob import edit_protocol, signals_shown
from weightspace.tasks.comparison.jobs.result import Result
from weightspace.tasks.editing.editnets import EditNets
from weightspace.tasks.editing.files import write_inr
from weightspace.tasks.editing.fit import EditConfig, fit_editor
from weightspace.tasks.editing.measures import edit_table, measure_editor, pictures
from weightspace.tasks.editing.wall import plot_wall
from weightspace.tasks.training.train import TrainConfig


@dataclass(frozen=True)
class Config:
    """What is trained on what."""

    zoo: str
    """The folder of a zoo of implicit representations."""
    out: str
    """Gets the metanet, the table, the picture and the log."""
    edit: tuple[str, ...] = ("dilate",)
    """Edits of weightspace.inr.edits.EDITS, name:parameter=value; a+b is a, then b."""
    source: str = "render"
    """Aim at the edited render of each net, or at its edited signal ("signal"), as the published benchmarks do."""
    metanet: str = "SpaceNet"
    """Which metanet; see weightspace.metanets.METANETS. It needs a head for weights."""
    width: int = 32
    """Its width."""
    layers: int = 3
    """Its layers."""
    probes: int = 64
    """Of SpaceNet: learned points at which it asks every neuron; 0 reads weights alone."""
    refits: tuple[int, ...] = (10, 100)
    """Steps of fitting each net on, to compare with."""
    tier: str = "S"
    """What size of protocol the result counts for."""
    results: str = ""
    """A folder for a result file that the tables are made of; none if empty."""
    device: str = "cuda" if torch.cuda.is_available() else "cpu"
    """What trains: cpu, cuda."""
    editing: EditConfig = field(default_factory=EditConfig)
    train: TrainConfig = field(default_factory=lambda: TrainConfig(
        steps=600, learning_rate=2e-3, weight_decay=0.01, average=0.99, judge_every=50))  # fmt: skip


one_line_errors(__file__)
config = tyro.cli(Config, description=__doc__)
out = Path(config.out)

# The nets, and what they should show after each edit.
zoo = Zoo(config.zoo)
parts = {part: EditNets.from_zoo(zoo.split(part), config.edit, config.source) for part in ("train", "val", "test")}
print(", ".join(f"{name} {len(nets)}" for name, nets in parts.items()), "nets")

# The metanet.
settings = {"width": config.width, "layers": config.layers}
if config.metanet == "SpaceNet":
    settings["probes"] = config.probes
began = time.perf_counter()
editor = fit_editor(
    METANETS[config.metanet], parts["train"], parts["val"], config.edit, config.editing, config.train, out / "training",
    device=config.device, **settings,
)  # fmt: skip
seconds = time.perf_counter() - began
editor.metanet.to("cpu").save_pretrained(out / "metanet")

# What it reaches on nets that it never saw, beside doing nothing and beside fitting each net on.
scores = measure_editor(editor, parts["test"], config.refits)
(out / "table.json").write_text(json.dumps({"scores": scores, "config": asdict(config)}, indent=2) + "\n")
print(edit_table(scores))
for number, name in enumerate(scores):
    rows = pictures(editor, parts["test"], number)
    plot_wall(out / f"{name}.png", rows, zoo.convention, f"{name}, held-out nets")
note = {"space": zoo.space.hash, "data": json.dumps(parts["test"].data)}
write_inr(out / "example.safetensors", parts["test"].net(0), zoo.convention, note)

# A file for the tables.
if config.results:
    reads, protocol = editor.settings.reads, edit_protocol("-".join(scores), signals_shown(zoo.convention))
    result = Result(
        protocol=protocol, tier=config.tier, method=f"{config.metanet}, {reads}", reads=reads,
        seed=config.train.seed, scores={name: rows[config.metanet] for name, rows in scores.items()},
        config=asdict(config), recipes={zoo.recipe.name: zoo.recipe.hash},
        nets={part: len(nets) for part, nets in parts.items()}, seconds=seconds,
        parameters=sum(p.numel() for p in editor.metanet.parameters()), device=config.device, details={"all": scores},
    )  # fmt: skip
    print(result.save(config.results))
