"""Trains a flow that writes the last layer of a net for every input, and compares it with the plain net and ensembles.

    weightspace zoo build digits-mlp --out runs/digits-mlp
    python scripts/train_per_input.py --zoo runs/digits-mlp --out runs/per-input

For some test nets of the zoo: test accuracy and cross-entropy of the net, of one layer an input, of the mean
answer of several, of the same with layers written for other inputs, and of as many nets of the zoo together.
"""

import json
import sys
from dataclasses import dataclass, field
from pathlib import Path

import torch
import tyro
from torch import Tensor, nn
from torch.nn import functional

from weightspace import Zoo
from weightspace.cli import one_line_errors
from weightspace.data import Dataset, load_dataset
from weightspace.nets.stacked.lastlayer import last_layer
from weightspace.tasks.generation.flows import FlowTraining
from weightspace.tasks.generation.perinput import Overfitting, answer, changes_for, train_per_input


@dataclass(frozen=True)
class Config:
    """What is trained on what."""

    zoo: str
    """The folder of a zoo of classifiers that end in a linear layer."""
    out: str
    """Gets the results."""
    nets: int = 3
    """Test nets of the zoo, each with a flow of its own."""
    samples: int = 8
    """Layers of every input, and nets of the ordinary ensemble."""
    width: int = 64
    """Of the flow's metanet."""
    overfitting: Overfitting = field(default_factory=Overfitting)
    train: FlowTraining = field(default_factory=lambda: FlowTraining(steps=2000, dropped=0.0))


def features_of(net: nn.Module, layer: nn.Linear, data: Dataset, part: str) -> tuple[Tensor, Tensor]:
    """What the last layer reads, and the labels."""
    kept: list[Tensor] = []
    handle = layer.register_forward_pre_hook(lambda _, inputs: kept.append(inputs[0]))
    inputs, labels = data.part(part)
    with torch.no_grad():
        net(inputs.reshape(-1, *net.example_inputs()[0].shape[1:]))  # type: ignore[operator]
    handle.remove()
    return kept[0], labels


def scores(probabilities: Tensor, labels: Tensor) -> dict[str, float]:
    """Accuracy and cross-entropy."""
    loss = functional.nll_loss(probabilities.clamp_min(1e-9).log(), labels)
    return {"accuracy": float((probabilities.argmax(1) == labels).float().mean()), "loss": float(loss)}


def measure(zoo: Zoo, number: int, data: Dataset, config: Config) -> dict[str, dict[str, float]]:
    """Everything for one net."""
    net = zoo.module(number).eval()
    layer = net.get_submodule(last_layer(zoo.space))
    assert isinstance(layer, nn.Linear)
    parts = {part: features_of(net, layer, data, part) for part in ("train", "val", "test")}
    torch.manual_seed(number)
    flow = train_per_input(layer, parts["train"], parts["val"], config.overfitting, config.train, width=config.width)
    features, labels = parts["test"]
    changes = [changes_for(flow, features, seed) for seed in range(config.samples)]
    with torch.no_grad():
        own = [answer(layer, change, features).softmax(1) for change in changes]
        others = [
            answer(layer, {k: t.roll(1, 0) for k, t in change.items()}, features).softmax(1) for change in changes
        ]
        members = [zoo.module((number + k) % len(zoo)).eval() for k in range(config.samples)]
        shape = net.example_inputs()[0].shape[1:]  # type: ignore[operator]
        team = [member(data.part("test")[0].reshape(-1, *shape)).softmax(1) for member in members]
        found = {
            "plain net": layer(features).softmax(1),
            "one layer an input": own[0],
            f"{config.samples} layers an input": torch.stack(own).mean(0),
            f"{config.samples} layers of other inputs": torch.stack(others).mean(0),
            f"{config.samples} nets": torch.stack(team).mean(0),
        }
    return {name: scores(answers, labels) for name, answers in found.items()}


def main(config: Config) -> None:
    torch.set_num_threads(1)
    out = Path(config.out)
    out.mkdir(parents=True, exist_ok=True)
    zoo = Zoo(config.zoo).filter(status="ok").final().split("test")
    data = load_dataset(**zoo.recipe.data)
    for number in range(config.nets):
        for way, found in measure(zoo, number, data, config).items():
            line = {"zoo": config.zoo, "net": number, "way": way, **found, "command": " ".join(sys.argv)}
            with (out / "results.jsonl").open("a", encoding="utf-8") as file:
                file.write(json.dumps(line) + "\n")
            sys.stdout.write(f"{number} {way:24} {100 * found['accuracy']:5.1f} {found['loss']:.3f}\n")
            sys.stdout.flush()


if __name__ == "__main__":
    one_line_errors(__file__)
    main(tyro.cli(Config, description=__doc__))
