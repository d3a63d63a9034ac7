"""The trivial ways to write weights, each with its settings swept: what a generator must be ahead of."""

from collections.abc import Iterator, Mapping
from typing import Any

from weightspace.generators import Bank, KernelDensity, LayerGaussian, MeanNet, PrincipalDensity, Retrieval, Soup
from weightspace.tasks.generation.judge import NOVELTIES, Judge
from weightspace.tasks.generation.stage import Stage

NOISES, SOUPS, BANDS = (0.1, 0.2, 0.4, 0.7, 1.0), (2, 3, 4, 8, 16), (0.2, 0.5, 1.0)
LITTLE = 0.1

SWEEPS: dict[str, tuple[type[Bank], tuple[dict[str, Any], ...]]] = {
    "retrieval": (Retrieval, ({},)),
    "mean": (MeanNet, ({"form": "canonical"}, {"form": "canonical", "noise": 0.2})),
    "net + noise": (Soup, tuple({"members": 1, "noise": noise} for noise in NOISES)),
    "interpolation": (Soup, ({"members": 2, "even": False},)),
    "soup": (Soup, tuple({"members": members} for members in SOUPS)),
    "soup + noise": (Soup, tuple({"members": m, "noise": noise} for m in (2, 4) for noise in (0.1, 0.2, 0.4))),
    "kernel density": (KernelDensity, tuple({"noise": band} for band in BANDS)),
    "kernel density, canonical": (KernelDensity, tuple({"noise": b, "form": "canonical"} for b in BANDS)),
    "kernel density, PCA": (
        PrincipalDensity,
        tuple({"noise": b, "form": "canonical", "components": 64} for b in BANDS),
    ),
    "Gaussian per layer": (LayerGaussian, ({},)),
}
"""By name the class and all settings that are tried; the best counts, at each novelty by itself."""


def make_rivals(stage: Stage, names: tuple[str, ...] = tuple(SWEEPS)) -> Iterator[tuple[str, dict[str, Any], Bank]]:
    """Every rival with every setting, made of the stage's training nets."""
    for name in names:
        kind, sweep = SWEEPS[name]
        for settings in sweep:
            prompts = {"accuracy": stage.accuracy}
            yield name, settings, kind.from_nets(stage.space, stage.seen, prompts, domain=stage.domain, **settings)


def envelope(shares: Mapping[Any, Mapping[float, float]]) -> dict[float, float]:
    """The largest share of any rival with any setting, at each novelty."""
    return {r: max(found[r] for found in shares.values()) for r in NOVELTIES}


def leaders(shares: Mapping[Any, Mapping[float, float]], count: int = 2) -> set[Any]:
    """The ``count`` keys with the largest share at each novelty; none where all are zero."""
    found: set[Any] = set()
    for r in NOVELTIES:
        able = [key for key in shares if shares[key][r] > 0]
        found |= set(sorted(able, key=lambda key, r=r: -shares[key][r])[:count])
    return found


def room(judge: Judge, best: Mapping[float, float]) -> str:
    """Whether trivial rivals leave anything to gain over what fresh trainings reach, in a sentence.

    Args:
        best: the `envelope` of the rivals.
    """
    honest = judge.shares(judge.held)
    left = {r: honest[r] - best[r] for r in (0.25, 0.5)}
    numbers = ", ".join(f"{best[r]:.2f} of {honest[r]:.2f} at {r}" for r in left)
    if max(left.values()) <= LITTLE:
        return f"Trivial rivals leave no room here: they reach {numbers}."
    return f"Trivial rivals reach {numbers} that fresh trainings reach."
