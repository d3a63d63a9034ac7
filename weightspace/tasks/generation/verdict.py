"""What a generator is, in words."""

from collections.abc import Mapping
from dataclasses import dataclass

from weightspace.tasks.generation.failures import size_ratios, tensor_sizes
from weightspace.tasks.generation.judge import Judge, Sampled

COPY, ALONE, SAME, DIVERSE, SIZES = 0.1, 0.05, 0.1, 0.8, (0.9, 1.1)


@dataclass(frozen=True)
class Verdict:
    """Named failures of a generator, and the numbers that they rest on.

    Args:
        called: any of "copies", "adds noise", "averages", "collapses", "wrong sizes", "twin neurons"; empty for a
            generator whose nets look like trainings of their own.
        novelty: median of nearest training net over nearest of held-out lineages.
        contrast: median of nearest over second nearest training net; for lineages of their own close to 1.
        lowest: that of held-out lineages which all but one in twenty exceed.
        memory: median of nearest training net over nearest held-out net, in units of what it is for held-out lineages;
            1 for nets that know no training net better than any other.
        diversity: median distance of pairs over that of held-out lineages.
        disagreement: the same for answers.
        sizes: least and largest ratio of a tensor's root mean square to the zoo's.
    """

    called: tuple[str, ...]
    novelty: float
    contrast: float
    lowest: float
    memory: float
    diversity: float
    disagreement: float
    sizes: tuple[float, float]


def verdict(judge: Judge, sampled: Sampled) -> Verdict:
    """Name what a generator does, from what was measured of its nets.

    Copies lie on a training net; nets with noise have one training net much nearer than the second; averages are
    smaller than trained nets and near to each other, as what is random in them cancels out. Sizes are wrong beyond a
    tenth, or beyond what held-out lineages themselves differ by.
    """
    held = judge.held
    novelty = float(sampled.nearest.median()) / judge.unit
    contrast = float((sampled.nearest / sampled.second.clamp_min(1e-12)).median())
    lowest = float((held.nearest / held.second).quantile(ALONE))
    memory = float((sampled.nearest / sampled.nearest_held).median() / (held.nearest / held.nearest_held).median())
    diversity = float(sampled.apart.median() / held.apart.median())
    disagreement = float(sampled.disagreement.median() / held.disagreement.median().clamp_min(1e-12))
    usual = tensor_sizes(judge.stage.space, judge.stage.seen)
    ratios = size_ratios(sampled.sizes, usual).values()
    sizes, whole = (min(ratios), max(ratios)), _size(judge, sampled.sizes) / _size(judge, usual)
    called = []
    if novelty < COPY:
        called.append("copies")
    elif contrast < lowest and diversity >= SAME:
        called.append("adds noise")
    if whole < SIZES[0] and diversity < DIVERSE:
        called.append("averages")
    elif diversity < SAME or (diversity < DIVERSE and not called):
        called.append("collapses")
    usual_ratios = size_ratios(held.sizes, usual).values()
    if sizes[0] < min(SIZES[0], *usual_ratios) or sizes[1] > max(SIZES[1], *usual_ratios):
        called.append("wrong sizes")
    if sampled.twins > 0.01:
        called.append("twin neurons")
    return Verdict(tuple(called), novelty, contrast, lowest, memory, diversity, disagreement, sizes)


def _size(judge: Judge, sizes: Mapping[str, float]) -> float:
    """Root of the summed squares of a net, from the root mean squares of its tensors."""
    return sum(judge.stage.space.tensors[name].numel * size**2 for name, size in sizes.items()) ** 0.5
