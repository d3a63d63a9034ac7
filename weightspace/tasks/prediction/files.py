"""What a metanet says of the nets in files, folders and zoos, and whether they are nets that it can read."""

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from torch import Tensor

from weightspace.checkpoints import describe_space, find_checkpoints, fit_checkpoint, nonfinite_tensors, read_checkpoint
from weightspace.metanets import Metanet
from weightspace.space import WeightSpace
from weightspace.tasks.labelled.domain import compare_domains, compare_spaces, domain_of, read_domain
from weightspace.tasks.labelled.row import names_row, names_zoo, zoo_row
from weightspace.tasks.prediction.fit import labelled_config, predict
from weightspace.zoo import Zoo

Labels = dict[str, Any]
"""Label -> value; where the label is a class its name, and ``probability`` for how sure the metanet is."""

REMEDY = (
    "Give checkpoints of an architecture that the metanet was trained on, or train one on yours: weightspace train "
    "--checkpoints FILES --module FILE:NAME --labels CSV --out DIR."
)
"""What can be done where weights fit no weight space of a metanet."""

Warn = Callable[[str], None]


def predict_files(
    metanet: Metanet,
    paths: Iterable[str | Path],
    space: str | WeightSpace | None = None,
    *,
    anyway: bool = False,
    warn: Warn = lambda message: None,
) -> dict[str, Labels]:
    """The labels of the nets in checkpoints, in folders of them and in zoos.

    Args:
        paths: see `find_checkpoints`; a folder with a ``manifest.json`` is a zoo, and ``ZOO@ROW`` one of its
            saved states.
        space: the weight space that they are of, or the beginning of its hash; without it files are trusted that say
            it, and others are taken to be as in training where their tensors tell no more, with a warning.
        anyway: predict nets of another domain too, with a warning.
        warn: is told what makes a prediction doubtful, and of nets that aren't finite, which are left out.

    Returns:
        The labels for each file (``zoo: net 7, step 200`` for a state of a zoo).

    Raises:
        ValueError: a file that can't be read; tensors that don't fit (names, both shapes); several spaces that do; nets
            with other activations, or rendered in another way, than those of the training; no net that is finite.
    """
    found: dict[str, Labels] = {}
    labelled_config(metanet)
    heard: dict[str, list[str]] = {}
    try:
        for path in paths:
            if names_zoo(path) or names_row(path):
                zoo = zoo_row(path) if names_row(path) else Zoo(path)
                found |= predict_zoo(metanet, zoo, anyway=anyway, warn=partial(_hear, heard, path))
                continue
            for file in find_checkpoints([path]):
                labels = predict_file(metanet, file, space, anyway=anyway, warn=partial(_hear, heard, file))
                found |= {str(file): labels} if labels is not None else {}
    finally:
        for text, places in heard.items():
            warn(f"{_listed(places)}: {text}")
    if not found:
        raise ValueError("No net could be predicted: none of them is finite.")
    return found


def predict_file(
    metanet: Metanet,
    file: Path,
    space: str | WeightSpace | None = None,
    *,
    anyway: bool = False,
    warn: Warn = lambda message: None,
) -> Labels | None:
    """The labels of the net in one checkpoint, None where it isn't finite; see `predict_files`.

    Raises:
        ValueError: see `predict_files`; begins with the file.
    """
    try:
        return _predict_file(metanet, file, space, anyway, warn)
    except ValueError as error:
        raise ValueError(str(error) if str(file) in str(error) else f"{file}: {error}") from error


def _predict_file(
    metanet: Metanet, file: Path, space: str | WeightSpace | None, anyway: bool, tell: Warn
) -> Labels | None:
    weights, note = read_checkpoint(file)
    wanted = space or note.get("space")
    check_domain(metanet, read_domain(note), anyway=anyway, warn=tell)
    if isinstance(space, WeightSpace):
        own, weights = fit_checkpoint([space], weights, widths=True)
        chosen = nearest_space(metanet, own, {name: w[None] for name, w in weights.items()}, anyway=anyway, warn=tell)
    else:
        chosen, weights = fit_checkpoint(
            metanet.spaces, weights, space or note.get("space"), widths=True, remedy=REMEDY
        )
        if chosen not in metanet.spaces:
            tell("its layers have other widths than those of the nets in training")
    if broken := nonfinite_tensors(weights):
        tell(f"left out, because {', '.join(broken[:5])} must be finite and hold infinities or NaN")
        return None
    activations = sorted({site.activation for site in chosen.sites} - {"none"})
    if wanted is None and activations:
        tell(f"nothing says which activation it has, so it is taken to be {' and '.join(activations)} as in training; "
             "--module MODULE:NAME (space=) compares it")  # fmt: skip
    values = predict(metanet, chosen, weights)
    if not bool(values.isfinite().all()):
        tell("left out, because the metanet says nothing finite of it: its weights are far from those in training")
        return None
    return say(metanet, values)


def predict_zoo(
    metanet: Metanet, zoo: Zoo, *, anyway: bool = False, warn: Warn = lambda message: None
) -> dict[str, Labels]:
    """The labels of all saved states of a zoo that didn't diverge."""
    check_domain(metanet, domain_of(zoo), anyway=anyway, warn=warn)
    found = {}
    for part in zoo.filter(status="ok").by_space().values():
        weights = part.weights()
        chosen = nearest_space(metanet, part.space, weights, anyway=anyway, warn=warn)
        predicted = predict(metanet, chosen, weights)
        for row, values in zip(part.table.select(["net", "step"]).to_pylist(), predicted, strict=True):
            found[f"{zoo.address}: net {row['net']}, step {row['step']}"] = say(metanet, values)
    return found


def nearest_space(
    metanet: Metanet, space: WeightSpace, weights: Mapping[str, Tensor], *, anyway: bool, warn: Warn
) -> WeightSpace:
    """The weight space as which a metanet reads nets of `space`: itself, or one of the training with the same tensors.

    Args:
        weights: stacked.

    Raises:
        ValueError: no space of the training has these tensors; or the nearest has other activations and not ``anyway``.
    """
    if space in metanet.spaces:
        return space
    first = {name: tensor[0] for name, tensor in weights.items()}
    alike = [fitted for own in metanet.spaces if (fitted := _fitted(own, first)) is not None]
    if not alike:
        fit_checkpoint(metanet.spaces, first, remedy=REMEDY)  # says which tensors differ
    nearest = min(alike, key=lambda own: len(compare_spaces(own, space)))
    if differences := compare_spaces(nearest, space):
        text = f"its nets {describe_space(space)} aren't those of the training: {'; '.join(differences)}"
        if not anyway:
            raise ValueError(
                f"{text[0].upper()}{text[1:]}. The same weights compute another function there; --anyway (anyway=True) "
                "predicts nevertheless."
            )
        warn(text)
    if nearest not in metanet.spaces:
        warn(f"the layers of its nets {describe_space(space)} have other widths than those in training")
    return nearest


def say(metanet: Metanet, values: Tensor) -> Labels:
    """What `predict` gave for one net, by label."""
    config = labelled_config(metanet)
    if not config.classes:
        return dict(zip(config.labels, values.tolist(), strict=True))
    best = int(values.argmax())
    return {config.labels[0]: config.classes[best], "probability": float(values[best].exp())}


def check_domain(metanet: Metanet, given: Mapping[str, Any], *, anyway: bool, warn: Warn) -> None:
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


def _fitted(space: WeightSpace, weights: Mapping[str, Tensor]) -> WeightSpace | None:
    try:
        return fit_checkpoint([space], weights, widths=True)[0]
    except ValueError:
        return None


def _hear(heard: dict[str, list[str]], place: str | Path, text: str) -> None:
    """Keeps what is to be said of a place, so that the same of many places is said once."""
    places = heard.setdefault(text, [])
    if str(place) not in places:
        places.append(str(place))


def _listed(places: list[str]) -> str:
    return ", ".join(places[:3]) + (f" and {len(places) - 3} more" if len(places) > 3 else "")
