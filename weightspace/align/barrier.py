"""The loss barrier between two nets: how much worse the nets between them are."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor, nn

from weightspace.align.align import align
from weightspace.align.checks import ready
from weightspace.align.correct import has_statistics, repair, reset_statistics
from weightspace.align.matching.score import Data, Score, check_data, frozen, mixed, predictions, score_of
from weightspace.space import Symmetry, WeightSpace

DEFINITION = (
    "The barrier is the largest value, over the shares t, of the mixed net's loss less (1 - t) times the loss of a and "
    "t times that of b; for accuracy the largest drop below the line between the ends, in points."
)
_TEMPERATURES = torch.logspace(-1.5, 1.5, 61, dtype=torch.float64)
Weights = Mapping[str, Tensor]


@dataclass(frozen=True)
class Curve:
    """Scores along one way from a to b."""

    name: str
    scores: tuple[Score, ...]

    @property
    def loss_barrier(self) -> float:
        """How far the losses rise above the line between the ends."""
        return _above_the_line([score.loss for score in self.scores])

    @property
    def accuracy_barrier(self) -> float | None:
        """How many points the accuracy falls below the line between the ends; None for nets without classes."""
        values = [score.accuracy for score in self.scores]
        return None if None in values else 100 * _above_the_line([-value for value in values])  # type: ignore[operator]


@dataclass(frozen=True)
class Barrier:
    """The curves between two nets, and the symmetry that aligned them."""

    curves: tuple[Curve, ...]
    symmetry: Symmetry
    definition: str = DEFINITION

    def __getitem__(self, name: str) -> Curve:
        for curve in self.curves:
            if curve.name == name:
                return curve
        raise KeyError(f"There is no curve {name!r}; there are {', '.join(curve.name for curve in self.curves)}.")

    def plot(self, path: str | Path) -> Path:
        """Draw all curves into one picture; see `weightspace.align.pictures`."""
        from weightspace.align.pictures import draw_barrier

        return draw_barrier(self, Path(path))


def barrier(
    space: WeightSpace,
    module: nn.Module,
    a: Weights,
    b: Weights,
    data: Data,
    points: int = 25,
    method: str = "weights",
    seed: int = 0,
    fit: Data | None = None,
    steps: int = 200,
) -> Barrier:
    """Scores of the nets between two, as they are, with a calibrated temperature, aligned, and aligned and mended.

    The curves: ``naive``; ``naive, calibrated`` (the outputs of each mixed net divided by the temperature that suits it
    best on the first half of the data, all measured on the second half); ``aligned``; ``aligned, calibrated``; and
    aligned with mended statistics: ``reset`` where there are batch norms, else ``repair`` and ``rescale``.

    Args:
        a, b: single nets. data: inputs and targets to measure on. points: shares of b, from 0 to 1.
        method, steps: of `align`. fit: data to align and mend on; None takes ``data``.

    Raises:
        ValueError: as `align`; fewer than three points; data that aren't inputs and as many targets.
    """
    if points < 3:
        raise ValueError(f"points must be at least 3, got {points}.")
    one, other = (
        {name: t[0] for name, t in ready(space, net, label)[0].items()} for net, label in ((a, "a"), (b, "b"))
    )
    data, fit = check_data(data, module, one), check_data(data if fit is None else fit, module, one)
    symmetry = align(space, one, other, method, seed=seed, module=module, data=fit, steps=steps)
    moved, module, shares = space.apply(symmetry, other), frozen(module), torch.linspace(0, 1, points).tolist()
    naive = [predictions(module, mixed(one, other, share), data[0]) for share in shares]
    aligned = [predictions(module, mixed(one, moved, share), data[0]) for share in shares]
    curves = [
        _curve("naive", naive, data[1]),
        *_calibrated("naive", naive, data[1]),
        _curve("aligned", aligned, data[1]),
    ]
    curves += _calibrated("aligned", aligned, data[1])
    for name, mend in _ways_to_mend(module, one, moved, fit[0]):
        outputs = [predictions(module, mend(mixed(one, moved, share), share), data[0]) for share in shares]
        curves.append(_curve(name, outputs, data[1]))
    return Barrier(tuple(curves), symmetry)


def _ways_to_mend(
    module: nn.Module, a: Weights, b: Weights, inputs: Tensor
) -> list[tuple[str, Callable[[Weights, float], Weights]]]:
    if has_statistics(module):
        return [("aligned, reset", lambda net, share: reset_statistics(module, net, inputs))]

    def mender(means: bool) -> Callable[[Weights, float], Weights]:
        return lambda net, share: repair(module, net, (a, b), (1 - share, share), inputs, means)

    return [("aligned, repair", mender(True)), ("aligned, rescale", mender(False))]


def _curve(name: str, outputs: Sequence[Tensor], targets: Tensor) -> Curve:
    return Curve(name, tuple(score_of(values, targets) for values in outputs))


def _calibrated(name: str, outputs: Sequence[Tensor], targets: Tensor) -> list[Curve]:
    """The curve on the second half with the temperatures that suit the first; nothing for nets without classes."""
    if targets.is_floating_point() or len(targets) < 2:
        return []
    half = len(targets) // 2
    cooled = [values[half:] / _temperature(values[:half], targets[:half]) for values in outputs]
    return [_curve(f"{name}, calibrated", cooled, targets[half:])]


def _temperature(outputs: Float[Tensor, "n *out"], targets: Tensor) -> float:
    losses = [score_of(outputs / float(value), targets).loss for value in _TEMPERATURES]
    return float(_TEMPERATURES[min(range(len(losses)), key=losses.__getitem__)])


def _above_the_line(values: Sequence[float]) -> float:
    last = len(values) - 1
    line = [values[0] + (values[-1] - values[0]) * k / last for k in range(len(values))]
    return max(value - height for value, height in zip(values, line, strict=True))
