"""Labels of nets from their weights: train a metanet on the labels of a zoo, then ask it about other nets."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional
from torch_geometric.data import Batch

from weightspace.graphs import mix
from weightspace.metanets import Metanet, ProbeNet
from weightspace.nets import Architecture
from weightspace.space import WeightSpace
from weightspace.tasks.labelled.augmentation import AugmentConfig, augment
from weightspace.tasks.labelled.labellednets import LabelledNets
from weightspace.tasks.training.train import TrainConfig, train


def fit(
    kind: type[Metanet] | Callable[..., Metanet],
    nets: LabelledNets,
    val: LabelledNets,
    config: TrainConfig,
    folder: str | Path,
    *,
    progress: bool = True,
    device: torch.device | str = "cpu",
    augmentation: AugmentConfig | None = None,
    shapes: int = 0,
    **settings: Any,
) -> Metanet:
    """A metanet, trained to predict the labels of `nets`.

    Quantities are standardised with the mean and spread of `nets`, which the metanet's configuration keeps; the loss is
    the metanet's own, and the parameters kept are those with the smallest mean squared error on `val`, or with the
    fewest wrong classes there.

    Args:
        kind: a class of `weightspace.metanets.METANETS`, or a function of weight spaces and settings to a metanet.
        nets: to train on.
        val: to pick parameters on, with the same labels.
        folder: gets the log and the checkpoint; called again with it, a run that was stopped goes on.
        augmentation: what is done to the weights of training nets, anew in each step.
        shapes: architectures a step, where there are more than that; 0 for any. A metanet that runs them one after
            another is faster with few.
        settings: fields of the metanet's `Config`.
    """
    make = kind.for_spaces if isinstance(kind, type) else kind
    mean, std = label_units(nets)
    with torch.random.fork_rng():
        torch.manual_seed(config.seed)
        metanet = make(
            *nets.spaces,
            outputs=len(nets.classes or nets.names),
            labels=nets.names,
            label_mean=tuple(mean.tolist()),
            label_std=tuple(std.tolist()),
            classes=nets.classes,
            **settings,
        )
    metanet.fit_statistics(dict(zip(nets.spaces, nets.stacks, strict=True)))
    metanet.to(device)
    nets, val = nets.to(device), val.to(device)
    mean, std = mean.to(device), std.to(device)

    def targets(part: LabelledNets, chosen: Tensor) -> Tensor:
        return part.labels[chosen, 0].long() if part.classes else (part.labels[chosen] - mean) / std

    def loss(chosen: Tensor) -> Tensor:
        chosen = nets.with_few_shapes(chosen, shapes) if shapes else chosen
        graph, places = batch_of(metanet, nets, chosen, augmentation)
        return metanet.loss(graph, targets(nets, chosen[places]))

    def judge() -> float:
        everyone = torch.arange(len(val))
        found = torch.cat([raw_outputs(metanet, val, chunk) for chunk in everyone.split(256)])
        return distance(found, targets(val, everyone))

    run = f"{metanet.config} {augmentation} {nets.fingerprint()} {val.fingerprint()}"
    name = type(metanet).__name__
    train(metanet, loss, judge, len(nets), config, folder, progress=progress, name=name, run=run)
    return metanet


def label_units(nets: LabelledNets) -> tuple[Float[Tensor, "labels"], Float[Tensor, "labels"]]:
    """Mean and spread of each label; for classes 0 and 1."""
    if nets.classes:
        return torch.zeros(1), torch.ones(1)
    return nets.labels.mean(0).cpu(), nets.labels.std(0, correction=0).clamp(min=1e-6).cpu()


def distance(outputs: Float[Tensor, "nets outputs"], targets: Tensor) -> float:
    """What parameters are picked by: mean squared error; for classes the share of errors, cross-entropy for ties."""
    if targets.is_floating_point():
        return float((outputs - targets).square().mean())
    wrong = (outputs.argmax(1) != targets).double().mean()
    return float(wrong + 1e-3 * functional.cross_entropy(outputs.double(), targets))


def raw_outputs(metanet: Metanet, nets: LabelledNets, chosen: Tensor) -> Float[Tensor, "batch outputs"]:
    """What the metanet itself gives for some of `nets`: labels in units of the training labels' spread, or logits."""
    outputs = nets.labels.new_empty(len(chosen), metanet.config.outputs)
    graph, places = batch_of(metanet, nets, chosen)
    outputs[places] = metanet(graph)
    return outputs


def batch_of(
    metanet: Metanet, nets: LabelledNets, chosen: Tensor, augmentation: AugmentConfig | None = None
) -> tuple[Batch, Tensor]:
    """Some of `nets` as one batch, and which net of it is which of them."""
    graphs, places = [], []
    for space, weights, where in nets.groups(chosen):
        weights = augment(space, weights, augmentation) if augmentation else weights
        graphs.append(metanet.graph(space, weights))
        places.append(where)
    return mix(graphs, layout=metanet.layout), torch.cat(places)


@torch.no_grad()
def predict(
    metanet: Metanet, space: WeightSpace, weights: Mapping[str, Tensor], batch_size: int = 256
) -> Float[Tensor, "*nets labels"]:
    """The labels of one net `[labels]` or of a stack of nets `[nets, labels]`, in their own units.

    Where the label is a class, its log-probabilities `[nets, classes]` instead.

    Raises:
        ValueError: if the weights don't fit the space, or the metanet wasn't trained on labels.
    """
    config = labelled_config(metanet)
    if isinstance(metanet, ProbeNet):
        find_module(metanet)
    count = space.check(weights)
    stack = {name: tensor if count is not None else tensor[None] for name, tensor in weights.items()}
    chunks = torch.arange(count if count is not None else 1).split(batch_size)
    found = torch.cat([metanet(metanet.graph(space, {k: v[chunk] for k, v in stack.items()})) for chunk in chunks])
    if config.classes:
        labels = found.log_softmax(-1)
    else:
        labels = found * found.new_tensor(config.label_std) + found.new_tensor(config.label_mean)
    return labels if count is not None else labels[0]


def find_module(metanet: ProbeNet) -> None:
    """Gives a loaded `ProbeNet` the module that its domain describes, where it describes one."""
    described = metanet.config.domain.get("architectures", ())
    if not metanet.runs and len(described) == 1:
        metanet.runs.append(Architecture.from_dict(described[0]).build().eval())


def predict_nets(metanet: Metanet, nets: LabelledNets) -> Float[Tensor, "nets labels"]:
    """What `predict` gives for all of `nets`, in their order."""
    parts = [predict(metanet, space, stack) for space, stack in zip(nets.spaces, nets.stacks, strict=True)]
    return torch.cat(parts)


def labelled_config(metanet: Metanet):
    """The configuration of a metanet that predicts labels.

    Raises:
        ValueError: if it wasn't trained on labels.
    """
    if not metanet.config.labels:
        raise ValueError(
            f"This {type(metanet).__name__} wasn't trained to predict labels; its configuration names none."
        )
    return metanet.config
