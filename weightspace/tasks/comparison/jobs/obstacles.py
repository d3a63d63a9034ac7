"""Why a method of the comparisons can't take a split; empty where it can."""

from collections.abc import Iterable

import torch

from weightspace.graphs import skeleton, to_graph
from weightspace.metanets import DWSNet, Metanet, ScaleGMN, SpaceNet
from weightspace.space import WeightSpace
from weightspace.tasks.labelled.labelledsplit import LabelledSplit


def needs_known_shapes(split: LabelledSplit) -> str:
    """For methods with parameters of their own for each architecture."""
    known = {skeleton(space) for space in split.train.spaces}
    others = {skeleton(space) for nets in split.judged.values() for space in nets.spaces} - known
    return "reads only architectures that it was trained on" if others else ""


def needs_modules(split: LabelledSplit) -> str:
    """For methods that send inputs through nets."""
    several = "these are trajectories" if split.train.states > 1 else "there is no module that runs all of these"
    return "" if split.modules else f"sends inputs through nets, and {several}"


def needs_one_state(split: LabelledSplit) -> str:
    """For methods that follow signals through the weights of a net."""
    return "" if split.train.states == 1 else "follows signals through one net, and these are trajectories"


def needs_answers(split: LabelledSplit) -> str:
    """For SpaceNet, which follows its probes through the weights of nets."""
    spaces = {space for nets in split.parts.values() for space in nets.spaces}
    followed = all(_answers(space) for space in spaces)
    return needs_one_state(split) or (
        "" if followed else "follows signals through nets, and can't through all of these"
    )


def _answers(space: WeightSpace) -> bool:
    """Whether probes get through nets of a space."""
    weights = {
        name: torch.zeros(1, *(size or 1 for size in spec.shape), dtype=getattr(torch, spec.dtype))
        for name, spec in space.tensors.items()
    }
    metanet = SpaceNet.for_spaces(space, width=8, layers=1, hidden=8, probes=1)
    try:
        with torch.no_grad():
            metanet.eval()(to_graph(space, weights))
    except (RuntimeError, IndexError):  # shapes that don't meet
        return False
    return True


def needs_few_shapes(split: LabelledSplit) -> str:
    """For methods that are trained once an architecture, and send inputs through nets."""
    if not split.modules:
        return needs_modules(split)
    if len(split.modules) > 4:
        return f"is trained once an architecture, and there are {len(split.modules)}"
    learned = set(split.train.spaces) & set(split.val.spaces) & set(split.modules)
    others = {space for nets in split.judged.values() for space in nets.spaces} - learned
    return "is trained once an architecture, and one has no nets to learn from or to choose on" if others else ""


def needs_perceptrons(split: LabelledSplit) -> str:
    """For DWSNet."""
    return _refuses(DWSNet, split.train.spaces, "takes perceptrons only")


def needs_one_scale(split: LabelledSplit) -> str:
    """For ScaleGMN."""
    spaces = {space for nets in split.parts.values() for space in nets.spaces}
    return _refuses(ScaleGMN, spaces, "takes neurons of one scale and one sign, and norms give them several")


def _refuses(kind: type[Metanet], spaces: Iterable[WeightSpace], why: str) -> str:
    try:
        kind.for_spaces(*spaces, width=1, layers=1)
    except ValueError:
        return why
    return ""


def needs_hyperparameters(split: LabelledSplit) -> str:
    """For methods that read what the recipe varies."""
    return "" if split.hyperparameters else "has nothing to read: the recipe varies nothing"


def needs_curve(split: LabelledSplit) -> str:
    """For methods that read the learning curve."""
    return "" if split.curve else "reads learning curves, and there are none"


def needs_tasks(split: LabelledSplit) -> str:
    """For methods that run nets on the images of each data set that they may have been trained on."""
    if split.train.names != ("task",) or not split.train.classes or "data" not in split.domain:
        return "runs nets on the images of each data set, and which data set isn't asked here"
    return needs_modules(split)


def needs_pictures(split: LabelledSplit) -> str:
    """For methods that look at what an implicit representation shows."""
    shown = split.convention is not None and len(split.convention.shape) == 2 and split.train.classes
    return "" if shown else "looks at pictures, and these nets show none"
