"""Trains a flow on the nets of a zoo, with their accuracy as prompt.

    weightspace zoo build digits-cnn --out runs/digits-cnn --nets 2000
    python scripts/train_generator.py --zoo runs/digits-cnn --out runs/flow
    python scripts/evaluate_generator.py --zoo runs/digits-cnn --out runs/judged --generators runs/flow
    weightspace generate runs/flow --space runs/digits-cnn --prompt accuracy=.7 -n 100 --out runs/new

Trained on training runs; parameters are picked by the error on validation runs.
"""

import sys
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow.compute as pc
import torch
import tyro

from weightspace import Zoo
from weightspace.generators.flow import Flow
from weightspace.tasks.generation.flows import FlowTraining, train_flow


@dataclass(frozen=True)
class Config:
    """What is trained on what."""

    zoo: str
    """The folder of a zoo."""
    out: str
    """Gets the generator."""
    activation: str = "relu"
    """Of the zoo's nets, those with this one."""
    least: float = 0.2
    """Nets with this validation accuracy or more."""
    canonical: bool = False
    """Train on the canonical forms of the nets."""
    width: int = 32
    """Of the metanet."""
    layers: int = 3
    """Of the metanet."""
    guidance: float = 1.0
    """How far the prompt leads."""
    train: FlowTraining = field(default_factory=FlowTraining)


def main(config: Config) -> None:
    torch.set_num_threads(1)
    torch.manual_seed(config.train.seed)
    zoo = Zoo(config.zoo).filter(activation=config.activation, status="ok").final()
    zoo = zoo.filter(pc.field("val_accuracy") >= config.least)
    parts = {"seen": zoo.split("train"), "held": zoo.split("val")}
    weights = {part: view.weights() for part, view in parts.items()}
    if config.canonical:
        weights = {part: zoo.space.canonicalize(stack)[0] for part, stack in weights.items()}
    prompts = {part: {"accuracy": torch.tensor(view.table["val_accuracy"].to_pylist())} for part, view in parts.items()}
    settings = {"width": config.width, "layers": config.layers, "guidance": config.guidance}
    flow = Flow.for_nets(zoo.space, weights["seen"], prompts["seen"], **settings)
    train_flow(
        flow, weights["seen"], prompts["seen"], weights["held"], prompts["held"], config.train,
        lambda step, error: sys.stderr.write(f"step {step}: {error:.4f}\n"),
    )  # fmt: skip
    flow.save_pretrained(Path(config.out))


if __name__ == "__main__":
    main(tyro.cli(Config))
