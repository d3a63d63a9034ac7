"""What is kept of nets that were judged: one line a generator, setting and seed."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from weightspace.tasks.generation.discriminator import told_apart
from weightspace.tasks.generation.failures import called_by, size_ratios, tensor_sizes
from weightspace.tasks.generation.judge import NOVELTIES, Judge, Sampled
from weightspace.tasks.generation.stage import Stage, Weights
from weightspace.tasks.generation.verdict import DIVERSE, verdict


def judged(judge: Judge, sampled: Sampled, velocity: float | None = None) -> dict[str, Any]:
    """Everything that was measured of some nets, ready to be written down.

    Args:
        velocity: of the flow that wrote them, see `failures.velocity`; it is called "stands still" or "runs away".

    ``share_diverse`` is the share of nets that are good and new at .8, ``accuracy_diverse`` the mean accuracy, both of
    generators alone whose nets differ from each other as much as `DIVERSE` asks for, in weights and in answers.
    """
    found, share = verdict(judge, sampled), judge.shares(sampled)
    called = found.called + (() if velocity is None else called_by(velocity))
    diverse = min(found.diversity, found.disagreement) >= DIVERSE
    return {
        "samples": len(sampled.accuracy), "finite": sampled.finite,
        "accuracy": float(sampled.accuracy.mean()), "best": float(sampled.accuracy.max()),
        "spread": float(sampled.accuracy.std()), "alpha": judge.alpha,
        "zoo_median": float(judge.held.accuracy.median()),
        "share": _by_text(share), "interval": _by_text(judge.spread(sampled)),
        "share_by_answers": _by_text(judge.shares(sampled, functions=True)),
        "interval_by_answers": _by_text(judge.spread(sampled, functions=True)),
        "share_diverse": share[0.8] if diverse else 0.0,
        "accuracy_diverse": float(sampled.accuracy.mean()) if diverse else None,
        "team_of_16": sampled.team, "twins": sampled.twins, **asdict(found),
        "called": called, "velocity": velocity,
        "tensor_sizes": size_ratios(sampled.sizes, tensor_sizes(judge.stage.space, judge.stage.seen)),
    }  # fmt: skip


def looked_into(stage: Stage, drawn: Weights, seed: int, told_steps: int) -> dict[str, float]:
    """What takes longer: whether a metanet tells nets from trainings, and norms measured again."""
    again = stage.correct(stage.logits(stage.measured_again(drawn)))
    return {
        "apart_from_trainings": told_apart(stage, drawn, seed, told_steps),
        "accuracy_norms_measured_again": float(again.mean()),
    }


def mean_shares(lines: Sequence[Mapping[str, Any]], key: str = "share") -> dict[float, float]:
    """The mean of a share over the seeds of one setting."""
    return {r: sum(line[key][str(r)] for line in lines) / len(lines) for r in NOVELTIES}


def _by_text(numbers: Mapping[float, Any]) -> dict[str, Any]:
    return {str(r): value for r, value in numbers.items()}
