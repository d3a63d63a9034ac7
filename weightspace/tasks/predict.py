"""Numbers about nets from their weights: train a metanet on the labels of a zoo, then ask it about other nets."""

from collections.abc import Iterable, Mapping
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor

from weightspace.metanets import Metanet
from weightspace.space import WeightSpace
from weightspace.tasks.checkpoint import find_checkpoints, read_checkpoint
from weightspace.tasks.labelled import LabelledNets
from weightspace.tasks.train import TrainConfig, train


def fit(
    kind: type[Metanet],
    nets: LabelledNets,
    val: LabelledNets,
    config: TrainConfig,
    folder: str | Path,
    *,
    progress: bool = True,
    device: torch.device | str = "cpu",
    **settings,
) -> Metanet:
    """A metanet of class `kind`, trained to predict the labels of `nets`.

    Labels are standardised with the mean and spread of `nets`, which the metanet's configuration keeps; the loss is
    the metanet's own, and the parameters kept are those with the smallest mean squared
    error on `val`.

    Args:
        kind: a class of `weightspace.metanets.METANETS`.
        nets: to train on.
        val: to pick parameters on, with the same labels.
        folder: gets the log and the checkpoint; called again with it, a run that was stopped goes on.
        settings: fields of the metanet's `Config`.
    """
    mean, std = nets.labels.mean(0), nets.labels.std(0, correction=0).clamp(min=1e-6)
    with torch.random.fork_rng():
        torch.manual_seed(config.seed)
        metanet = kind.for_spaces(
            *nets.spaces,
            outputs=len(nets.names),
            labels=nets.names,
            label_mean=tuple(mean.tolist()),
            label_std=tuple(std.tolist()),
            **settings,
        )
    metanet.fit_statistics(dict(zip(nets.spaces, nets.stacks, strict=True)))
    metanet.to(device)
    nets, val = nets.to(device), val.to(device)
    mean, std = mean.to(device), std.to(device)

    def loss(chosen: Tensor) -> Tensor:
        parts = [
            metanet.loss(metanet.graph(space, weights), (nets.labels[chosen[places]] - mean) / std) * len(places)
            for space, weights, places in nets.groups(chosen)
        ]
        return torch.stack(parts).sum() / len(chosen)

    def judge() -> float:
        scores = torch.cat([standard_scores(metanet, val, chunk) for chunk in torch.arange(len(val)).split(256)])
        return float((scores - (val.labels - mean) / std).square().mean())

    run = f"{metanet.config} {nets.fingerprint()} {val.fingerprint()}"
    train(metanet, loss, judge, len(nets), config, folder, progress=progress, name=kind.__name__, run=run)
    return metanet


def standard_scores(metanet: Metanet, nets: LabelledNets, chosen: Tensor) -> Float[Tensor, "batch labels"]:
    """What the metanet itself gives for some of `nets`: labels in units of the training labels' spread."""
    scores = nets.labels.new_empty(len(chosen), len(nets.names))
    for space, weights, places in nets.groups(chosen):
        scores[places] = metanet(metanet.graph(space, weights))
    return scores


@torch.no_grad()
def predict(
    metanet: Metanet, space: WeightSpace, weights: Mapping[str, Tensor], batch_size: int = 256
) -> Float[Tensor, "*nets labels"]:
    """The labels of one net `[labels]` or of a stack of nets `[nets, labels]`, in their own units.

    Raises:
        ValueError: if the weights don't fit the space, or the metanet wasn't trained on labels.
    """
    config = labelled_config(metanet)
    count = space.check(weights)
    stack = {name: tensor if count is not None else tensor[None] for name, tensor in weights.items()}
    chunks = torch.arange(count if count is not None else 1).split(batch_size)
    scores = torch.cat([metanet(metanet.graph(space, {k: v[chunk] for k, v in stack.items()})) for chunk in chunks])
    labels = scores * scores.new_tensor(config.label_std) + scores.new_tensor(config.label_mean)
    return labels if count is not None else labels[0]


def predict_nets(metanet: Metanet, nets: LabelledNets) -> Float[Tensor, "nets labels"]:
    """The labels of all of `nets`, in their order and own units."""
    parts = [predict(metanet, space, stack) for space, stack in zip(nets.spaces, nets.stacks, strict=True)]
    return torch.cat(parts)


def predict_files(
    metanet: Metanet, paths: Iterable[str | Path], space: str | None = None
) -> dict[Path, dict[str, float]]:
    """The labels of the nets in `.safetensors` files (or folders of them), by file.

    Args:
        space: the beginning of the hash of the weight space they are of, needed where tensors alone don't tell.

    Raises:
        ValueError: for a pickle; for tensors that don't fit (names, both shapes); where several spaces fit.
    """
    names = labelled_config(metanet).labels
    found = {}
    for path in find_checkpoints(paths):
        weights, note = read_checkpoint(path)
        try:
            chosen = fitting_space(metanet.spaces, weights, space or note.get("space"))
            found[path] = dict(zip(names, predict(metanet, chosen, weights).tolist(), strict=True))
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from error
    return found


def fitting_space(
    spaces: Iterable[WeightSpace], weights: Mapping[str, Tensor], wanted: str | None = None
) -> WeightSpace:
    """The one of `spaces` that the weights are of.

    Raises:
        ValueError: if none fits, with the misfits of the nearest; if several do and `wanted`, the beginning of a hash,
            doesn't tell which.
    """
    spaces = tuple(spaces)
    if wanted is not None:
        known = ", ".join(describe(space) for space in spaces)
        spaces = tuple(space for space in spaces if space.hash.startswith(wanted))
        if not spaces:
            raise ValueError(f"The metanet knows no weight space {wanted}; it knows {known}.")
    misfits = {space: _misfits(space, weights) for space in spaces}
    fitting = [space for space in spaces if not misfits[space]]
    if not fitting:
        nearest = min(misfits.values(), key=len)
        more = f", and {len(nearest) - 3} more" if len(nearest) > 3 else ""
        raise ValueError(
            f"The weights don't fit a weight space of this metanet: {'; '.join(nearest[:3])}{more}. "
            "A metanet reads the architectures that it was trained on."
        )
    if len(fitting) > 1:
        choices = ", ".join(describe(space) for space in fitting)
        raise ValueError(
            f"The tensors fit {len(fitting)} weight spaces: {choices}. Say which one it is by the beginning of its "
            "hash (--space on the command line), or save the file with the metadata {'space': hash}."
        )
    return fitting[0]


def describe(space: WeightSpace) -> str:
    """A weight space in a few words: its hash and its activations."""
    activations = sorted({site.activation for site in space.sites} - {"none"})
    return f"{space.hash[:12]} ({' and '.join(activations) or 'no activation'})"


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


def _misfits(space: WeightSpace, weights: Mapping[str, Tensor]) -> list[str]:
    found = [
        f"{name!r} must have the shape {tuple(spec.shape)} but has {tuple(weights[name].shape)}"
        if name in weights
        else f"{name!r} of shape {tuple(spec.shape)} is missing"
        for name, spec in space.tensors.items()
        if name not in weights or tuple(weights[name].shape) != tuple(spec.shape)
    ]
    unknown = [name for name in weights if name not in space.tensors]
    return found + [f"{name!r} of shape {tuple(weights[name].shape)} isn't known" for name in unknown]
