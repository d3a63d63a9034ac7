"""What a metanet says of the nets in files, folders and zoos, and whether they are nets that it can read."""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from weightspace.metanets import Metanet
from weightspace.space import WeightSpace
from weightspace.tasks.labelled.checkpoint import find_checkpoints, read_checkpoint
from weightspace.tasks.labelled.domain import compare_domains, domain_of, read_domain
from weightspace.tasks.prediction.fit import labelled_config, predict
from weightspace.zoo import Zoo

Said = dict[str, Any]


def predict_files(
    metanet: Metanet,
    paths: Iterable[str | Path],
    space: str | None = None,
    *,
    anyway: bool = False,
    warn: Callable[[str], None] = lambda message: None,
) -> dict[str, Said]:
    """The labels of the nets in `.safetensors` files, in folders of them and in zoos.

    Args:
        space: the beginning of the hash of the weight space they are of, needed where tensors alone don't tell.
        anyway: predict nets of another domain too, with a warning.
        warn: is told what makes a prediction doubtful.

    Returns:
        For each file (``zoo: net 7, step 200`` for a state of a zoo) label -> value; where the label is a class, its
        name, and under ``probability`` how sure the metanet is.

    Raises:
        ValueError: for a pickle; for tensors that don't fit (names, both shapes); where several spaces fit; for nets
            that are rendered in another way than those that the metanet was trained on.
    """
    found: dict[str, Said] = {}
    for path in map(Path, paths):
        if (path / "manifest.json").is_file():
            found |= predict_zoo(metanet, Zoo(path), anyway=anyway, warn=warn)
            continue
        for file in find_checkpoints([path]):
            weights, note = read_checkpoint(file)
            try:
                check_domain(
                    metanet, read_domain(note), anyway=anyway, warn=lambda text, at=file: warn(f"{at}: {text}")
                )
                chosen = fitting_space(metanet.spaces, weights, space or note.get("space"))
                found[str(file)] = say(metanet, predict(metanet, chosen, weights))
            except ValueError as error:
                raise ValueError(f"{file}: {error}") from error
    return found


def predict_zoo(
    metanet: Metanet, zoo: Zoo, *, anyway: bool = False, warn: Callable[[str], None] = lambda message: None
) -> dict[str, Said]:
    """The labels of all saved states of a zoo that didn't diverge."""
    check_domain(metanet, domain_of(zoo), anyway=anyway, warn=lambda text: warn(f"{zoo.path}: {text}"))
    found = {}
    for part in zoo.filter(status="ok").by_space().values():
        weights = part.weights()
        chosen = part.space if part.space in metanet.spaces else fitting_space(metanet.spaces, _first(weights))
        predicted = predict(metanet, chosen, weights)
        for row, values in zip(part.table.select(["net", "step"]).to_pylist(), predicted, strict=True):
            found[f"{zoo.path}: net {row['net']}, step {row['step']}"] = say(metanet, values)
    return found


def say(metanet: Metanet, values: Tensor) -> Said:
    """What `predict` gave for one net, by label."""
    config = labelled_config(metanet)
    if not config.classes:
        return dict(zip(config.labels, values.tolist(), strict=True))
    best = int(values.argmax())
    return {config.labels[0]: config.classes[best], "probability": float(values[best].exp())}


def check_domain(metanet: Metanet, given: Mapping[str, Any], *, anyway: bool, warn: Callable[[str], None]) -> None:
    """Sees that nets are of the kind that a metanet was trained on.

    Raises:
        ValueError: they are rendered in another way (unless ``anyway``); says what differs.
    """
    trained = metanet.config.domain
    convention, data = compare_domains(trained, given)
    if convention and not anyway:
        raise ValueError(
            f"This net is rendered in another way than those that the metanet was trained on: {'; '.join(convention)}. "
            "The same weights mean something else there; --anyway (anyway=True) predicts nevertheless."
        )
    if convention or data:
        warn(f"not what the metanet was trained on: {'; '.join(convention + data)}")
    if "convention" in trained and "convention" not in given:
        warn("it doesn't say how it is rendered, so it is taken to be as in training")


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


def _first(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name: tensor[0] for name, tensor in weights.items()}


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
