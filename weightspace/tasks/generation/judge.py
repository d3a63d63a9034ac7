"""How good, how new and how diverse generated nets are, in units of held-out trainings."""

from dataclasses import dataclass, field
from functools import cached_property

import torch
from jaxtyping import Float
from torch import Tensor

from weightspace.align.distance import pair_distances
from weightspace.tasks.generation.failures import duplicated_neurons, tensor_sizes
from weightspace.tasks.generation.nearest import Nearest
from weightspace.tasks.generation.stage import Stage, Weights

NOVELTIES = (0.1, 0.25, 0.5, 0.7, 0.8, 0.9)
TEAM, RESAMPLES = 16, 500


@dataclass(frozen=True, eq=False)
class Sampled:
    """What was measured of some nets; every list is a number a net.

    Args:
        accuracy: on test images.
        nearest: distance to the nearest training net, modulo symmetry.
        second: to the next.
        nearest_held: to the nearest held-out net; of held-out nets, to the nearest other one.
        apart: distances of pairs of these nets.
        answers: the nearest disagreement with a training net, the share of test images that are answered otherwise.
        disagreement: of pairs of these nets.
        team: accuracy of 16 together above their mean.
        sizes: root mean square of each tensor.
        twins: neurons that equal another one of their net.
        finite: share of finite nets; the others aren't measured.
    """

    accuracy: Float[Tensor, " nets"]
    nearest: Float[Tensor, " nets"]
    second: Float[Tensor, " nets"]
    nearest_held: Float[Tensor, " nets"]
    apart: Float[Tensor, " pairs"]
    answers: Float[Tensor, " nets"]
    disagreement: Float[Tensor, " pairs"]
    team: float
    sizes: dict[str, float]
    twins: float
    finite: float = 1.0


@dataclass(eq=False)
class Judge:
    """Measures nets against a `Stage`.

    Args:
        stage: nets to compare with.
        pairs: of nets, whose distances are measured.
    """

    stage: Stage
    pairs: int = 300
    seed: int = 0
    _seen_answers: Tensor = field(init=False, repr=False)
    _seen: Nearest = field(init=False, repr=False)
    _held: Nearest = field(init=False, repr=False)

    def __post_init__(self) -> None:
        s = self.stage
        self._seen_answers = s.logits(s.seen).argmax(2)
        self._seen = Nearest(s.space, s.seen, self._seen_answers)
        self._held = Nearest(s.space, s.held, s.logits(s.held).argmax(2), by_weights=5, by_answers=2)

    def measure(self, weights: Weights) -> Sampled:
        """Everything that is measured of a stack of nets.

        Raises:
            ValueError: fewer than 16 finite nets.
        """
        finite = torch.stack([t.reshape(len(t), -1).isfinite().all(1) for t in weights.values()]).all(0)
        if finite.sum() < TEAM:
            raise ValueError(f"{TEAM} finite nets are needed to be judged, got {int(finite.sum())} of {len(finite)}.")
        weights, space = {name: tensor[finite] for name, tensor in weights.items()}, self.stage.space
        logits = self.stage.logits(weights)
        answers, (one, other) = logits.argmax(2), self._pairs(len(logits))
        two = self._seen.two(weights, answers)
        nearest = torch.stack([(own != self._seen_answers).float().mean(1).min() for own in answers])
        return Sampled(
            accuracy=self.stage.correct(logits), nearest=two[:, 0], second=two[:, 1],
            nearest_held=self._held.two(weights, answers, apart_from_itself=True)[:, 0],
            apart=pair_distances(space, weights, weights, torch.stack([one, other], 1)).float(), answers=nearest,
            disagreement=(answers[one] != answers[other]).float().mean(1), team=self._team(logits),
            sizes=tensor_sizes(space, weights), twins=duplicated_neurons(space, weights),
            finite=float(finite.float().mean()),
        )  # fmt: skip

    def _pairs(self, count: int) -> tuple[Tensor, Tensor]:
        """Pairs of different nets, drawn at random; the same for every stack of as many."""
        source = torch.Generator().manual_seed(self.seed)
        one = torch.randint(count, (self.pairs,), generator=source)
        return one, (one + 1 + torch.randint(count - 1, (self.pairs,), generator=source)) % count

    def _team(self, logits: Tensor) -> float:
        source = torch.Generator().manual_seed(self.seed)
        teams = [torch.randperm(len(logits), generator=source)[:TEAM] for _ in range(8)]
        together = torch.stack([self.stage.correct(logits[team].softmax(2).mean(0, keepdim=True))[0] for team in teams])
        alone = torch.stack([self.stage.correct(logits[team]).mean() for team in teams])
        return float((together - alone).mean())

    @cached_property
    def held(self) -> Sampled:
        """The held-out lineages: what an honest training gives."""
        return self.measure(self.stage.held)

    @cached_property
    def alpha(self) -> float:
        """The accuracy above which a net counts as good: the 10th percentile of held-out lineages."""
        return float(self.held.accuracy.quantile(0.1))

    @cached_property
    def unit(self) -> float:
        """The median distance of a held-out lineage to the nearest training net: a novelty of 1."""
        return float(self.held.nearest.median())

    def shares(self, sampled: Sampled, functions: bool = False) -> dict[float, float]:
        """The share of nets that are good and at least so novel, for each of ``NOVELTIES``; of all that were drawn.

        Args:
            functions: measure novelty by answers, not by weights.
        """
        far, unit = (sampled.answers, float(self.held.answers.median())) if functions else (sampled.nearest, self.unit)
        good = sampled.accuracy >= self.alpha
        return {r: float((good & (far / unit >= r)).float().mean()) * sampled.finite for r in NOVELTIES}

    def spread(self, sampled: Sampled, functions: bool = False) -> dict[float, tuple[float, float]]:
        """95 % intervals of `shares`, by a bootstrap over the held-out lineages and the sampled nets."""
        source, held = torch.Generator().manual_seed(self.seed), self.held
        far, others = (sampled.answers, held.answers) if functions else (sampled.nearest, held.nearest)
        drawn: dict[float, list[float]] = {r: [] for r in NOVELTIES}
        for _ in range(RESAMPLES):
            rows = torch.randint(len(held.accuracy), (len(held.accuracy),), generator=source)
            nets = torch.randint(len(sampled.accuracy), (len(sampled.accuracy),), generator=source)
            good = sampled.accuracy[nets] >= held.accuracy[rows].quantile(0.1)
            novelty = far[nets] / others[rows].median()
            for r, values in drawn.items():
                values.append(float((good & (novelty >= r)).float().mean()) * sampled.finite)
        ends = torch.tensor([0.025, 0.975])
        return {r: tuple(torch.tensor(values).quantile(ends).tolist()) for r, values in drawn.items()}
