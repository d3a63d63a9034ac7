"""Trains a flow on the nets of a zoo, with properties of theirs as prompts.

    weightspace zoo build digits-mlp --out runs/digits-mlp
    python scripts/train_generator.py --zoo runs/digits-mlp --out runs/flow --least .9
    python scripts/evaluate_generator.py --zoo runs/digits-mlp --out runs/judged --least .9 --generators runs/flow
    weightspace generate runs/flow --zoo runs/digits-mlp --prompt accuracy=.97 -n 100 --out runs/new

Trained on training runs; parameters are picked by the error on validation runs.
"""

import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow.compute as pc
import torch
import tyro

from weightspace import Zoo
from weightspace.align import align
from weightspace.cli import one_line_errors
from weightspace.data import load_dataset
from weightspace.generators import EarlyStopped, Flow
from weightspace.space import WeightSpace
from weightspace.tasks.generation.flows import FlowNets, FlowTraining, Sight, train_flow
from weightspace.zoo.starts import draw_starts


@dataclass(frozen=True)
class Config:
    """What is trained on what."""

    zoo: str
    """The folder of a zoo."""
    out: str
    """Gets the generator."""
    activation: str = "relu"
    """Of the zoo's nets, those with this one."""
    least: float = 0.0
    """Nets with this validation accuracy or more."""
    epochs: bool = False
    """All saved states, with the epoch as a second prompt, not the last ones alone."""
    kind: str = "neurons"
    """Of the flow: neurons, marked or components; or stopped, for plain training that stops at the prompt."""
    aligned: bool = False
    """Bring all nets to the first one by their symmetries."""
    own_starts: bool = True
    """Learn the way from each net's own start, not from noise."""
    gradient: bool = True
    """Keep the training images, and see their gradient at every weight."""
    resume: str = ""
    """A flow that was trained on these nets, to go on from."""
    width: int = 64
    """Of the metanet."""
    layers: int = 3
    """Of the metanet."""
    steps: int = 20
    """Of the flow, or of plain training."""
    guidance: float = 1.0
    """How far the prompt leads."""
    own_units: bool = False
    """Show weights in units of their tensors' sizes in each net."""
    train: FlowTraining = field(default_factory=FlowTraining)


def nets_of(zoo: Zoo, config: Config, reference: dict[str, torch.Tensor] | None) -> FlowNets:
    """Weights, prompts and starts of one part of a zoo."""
    weights, starts = zoo.weights(), draw_starts(zoo) if config.own_starts else None
    if reference is not None:
        moved = align(zoo.space, reference, weights)
        weights = zoo.space.apply(moved, weights)
        starts = zoo.space.apply(moved, starts) if starts is not None else None
    names = {"accuracy": "val_accuracy", **({"epoch": "epoch"} if config.epochs else {})}
    prompts = {name: torch.tensor(zoo.table[column].to_pylist()).float() for name, column in names.items()}
    return FlowNets(weights, prompts, starts)


def see(zoo: Zoo) -> tuple[Sight, dict]:
    """What it takes to run the zoo's nets on its training images, and what is known of them."""
    data, net = load_dataset(**zoo.recipe.data), zoo.architecture.build().eval()
    inputs = data.x_train.reshape(-1, *net.example_inputs()[0].shape[1:])
    domain = {"data": dict(zoo.recipe.data), "architectures": [zoo.architecture.to_dict()]}
    return Sight(net, (inputs, data.y_train)), domain


def make(space: WeightSpace, seen: FlowNets, sight: Sight, domain: dict, config: Config) -> Flow:
    """The flow, untrained."""
    settings = {"kind": config.kind, "width": config.width, "layers": config.layers, "steps": config.steps,
        "own_units": config.own_units}  # fmt: skip
    examples = sight.examples if config.gradient else None
    return Flow.for_nets(
        space, seen.weights, seen.prompts, seen.starts, examples, guidance=config.guidance, domain=domain, **settings
    )


def main(config: Config) -> None:
    torch.set_num_threads(1)
    torch.manual_seed(config.train.seed)
    zoo = Zoo(config.zoo).filter(activation=config.activation, status="ok")
    zoo = (zoo if config.epochs else zoo.final()).filter(pc.field("val_accuracy") >= config.least)
    sight, domain = see(zoo)
    if config.kind == "stopped":
        stopped = EarlyStopped.for_net(zoo.space, sight.net, *sight.examples, steps=config.steps, domain=domain)
        stopped.save_pretrained(Path(config.out))
        return
    train, val = zoo.split("train"), zoo.split("val")
    reference = {name: t[0] for name, t in train.weights([0]).items()} if config.aligned else None
    seen, held = nets_of(train, config, reference), nets_of(val, config, reference)
    flow = Flow.from_pretrained(config.resume) if config.resume else make(zoo.space, seen, sight, domain, config)
    began = time.monotonic()
    train_flow(
        flow, seen, held, config.train,
        lambda step, error: sys.stderr.write(f"step {step}: {error:.4f}, {time.monotonic() - began:.0f} s\n"), sight,
    )  # fmt: skip
    flow.save_pretrained(Path(config.out))


if __name__ == "__main__":
    one_line_errors(__file__)
    main(tyro.cli(Config, description=__doc__))
