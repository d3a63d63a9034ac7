"""Runs ways of editing on the zoo of a tier, a result file for each method and seed; what is there isn't run again."""

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch

from weightspace.inr.edits import parse_edits
from weightspace.metanets import METANETS
from weightspace.tasks.comparison.edit_methods import EDIT_METHODS, EDIT_TIERS
from weightspace.tasks.comparison.problems import recipes_of
from weightspace.tasks.comparison.result import Result, fingerprint_of, slug
from weightspace.tasks.comparison.workspace import (
    Place,
    device_name,
    find_zoo,
    is_saved,
    run_folder,
    run_missing,
    title_of,
)
from weightspace.tasks.editing.measures import REFITS, measure_edit, measure_way, pictures, plain_ways
from weightspace.tasks.editing.nets import EditNets
from weightspace.tasks.editing.train import fit_editor
from weightspace.tasks.editing.wall import plot_wall

PLAIN = {
    "nothing": "nothing",
    "readout alone": "the edited render",
    **{f"refit, {steps} steps": "the edited render" for steps in REFITS},
}
"""Ways without a metanet, and what each sees."""


@dataclass(frozen=True)
class EditJob:
    """One way of editing with one seed; ways of `PLAIN` have the seed 0."""

    edit: str
    tier: str
    method: str
    seed: int

    @property
    def protocol(self) -> str:
        """The question, as result files name it."""
        return f"edit-{slug(self.edit)}"

    @property
    def command(self) -> str:
        """The command that makes this result."""
        return (
            f"python scripts/compare_editors.py --tier {self.tier} --edit {self.edit} "
            f"--methods {json.dumps(self.method)} --seeds {self.seed}"
        )

    def __str__(self) -> str:
        return title_of(self)


@dataclass(frozen=True)
class EditProblem:
    """The nets of a tier with their targets, and which zoo they are from."""

    parts: Mapping[str, EditNets]
    recipes: Mapping[str, str]


@lru_cache(maxsize=2)
def edit_problem(edit: str, tier: str, place: Place) -> EditProblem:
    """The nets of a tier; the zoo is built if it isn't there."""
    size = EDIT_TIERS[tier]
    zoo = find_zoo(size.recipe, size.nets, place)
    parts = {part: EditNets.from_zoo(zoo.split(part), [edit], size.source) for part in ("train", "val", "test")}
    return EditProblem(parts, recipes_of(zoo))


def edit_jobs(edit: str, tier: str, methods: Sequence[str] = (), seeds: Sequence[int] = ()) -> list[EditJob]:
    """The jobs of a tier, those without a metanet first, then seed by seed.

    Args:
        methods: some of `EDIT_METHODS` and `PLAIN`; all if empty. seeds: those of the tier if empty.

    Raises:
        ValueError: an unknown edit, tier or method; lists the known ones.
    """
    parse_edits(edit)
    if tier not in EDIT_TIERS:
        raise ValueError(f"tier must be one of {', '.join(EDIT_TIERS)}, got {tier!r}.")
    known = [*PLAIN, *EDIT_METHODS]
    if unknown := [name for name in methods if name not in known]:
        raise ValueError(f"Unknown methods {', '.join(unknown)}; known are {', '.join(known)}.")
    asked = [name for name in known if not methods or name in methods]
    plain = [EditJob(edit, tier, name, 0) for name in asked if name in PLAIN]
    seeds = seeds or EDIT_TIERS[tier].seeds
    return plain + [EditJob(edit, tier, name, seed) for seed in seeds for name in asked if name not in PLAIN]


def run_edit_jobs(
    jobs: Sequence[EditJob], place: Place, workers: int = 1, say: Callable[[str], None] = lambda message: None
) -> Iterator[Path]:
    """Runs those jobs that aren't done; see `run_missing`."""
    return run_missing(run_edit_job, is_edit_done, jobs, place, workers, say)


def is_edit_done(job: EditJob, place: Place) -> bool:
    """Whether the result file is there, made with the same configuration on the same zoo."""
    return is_saved(job, place, _fingerprint(job, place))


def run_edit_job(job: EditJob, place: Place, progress: bool = False) -> Path:
    """Runs a job and writes its result; the metanet, its log and a wall of pictures stay in ``place.runs``."""
    if place.threads:
        torch.set_num_threads(place.threads)
    problem = edit_problem(job.edit, job.tier, place)
    found = _plain(job, problem) if job.method in PLAIN else _trained(job, problem, place, progress)
    result = Result(
        protocol=job.protocol,
        tier=job.tier,
        method=job.method,
        seed=job.seed,
        config=_config(job),
        recipes=problem.recipes,
        nets={part: len(nets) for part, nets in problem.parts.items()},
        device=device_name(place.device),
        command=job.command,
        **found,
    )
    return result.save(place.results)


def _plain(job: EditJob, problem: EditProblem) -> dict[str, Any]:
    nets = problem.parts["test"]
    score = measure_way(plain_ways(nets, 0, EDIT_TIERS[job.tier].lr)[job.method], nets, 0)
    seconds = score["seconds"] * len(nets)
    return {"reads": PLAIN[job.method], "scores": {job.edit: score}, "seconds": seconds, "parameters": 0}


def _trained(job: EditJob, problem: EditProblem, place: Place, progress: bool) -> dict[str, Any]:
    method, training = EDIT_METHODS[job.method], EDIT_TIERS[job.tier].train(EDIT_METHODS[job.method], job.seed)
    folder = run_folder(job, place, _fingerprint(job, place))
    parts, began = problem.parts, time.perf_counter()
    editor = fit_editor(
        METANETS[method.metanet], parts["train"], parts["val"], [job.edit], method.config, training, folder,
        progress=progress, device=place.device, **method.settings,
    )  # fmt: skip
    seconds = time.perf_counter() - began
    editor.metanet.to("cpu").save_pretrained(folder / "metanet")
    (folder / "checkpoint.safetensors").unlink()
    score = measure_edit(editor, parts["test"], 0)
    title = f"{job.edit}, {job.method}: nets held out"
    plot_wall(folder / "wall.png", pictures(editor, parts["test"], 0), parts["test"].convention, title)
    parameters = sum(parameter.numel() for parameter in editor.metanet.parameters())
    return {"reads": editor.settings.reads, "scores": {job.edit: score}, "seconds": seconds, "parameters": parameters}


def _config(job: EditJob) -> dict[str, Any]:
    tier = EDIT_TIERS[job.tier]
    if job.method in PLAIN:
        content = {"lr": tier.lr, "source": tier.source}
    else:
        method = EDIT_METHODS[job.method]
        content = {
            "method": asdict(method), "training": asdict(tier.train(method, job.seed)), "source": tier.source
        }  # fmt: skip
    return json.loads(json.dumps(content))


def _fingerprint(job: EditJob, place: Place) -> str:
    recipes = edit_problem(job.edit, job.tier, place).recipes
    return fingerprint_of(job.protocol, job.tier, job.method, job.seed, _config(job), recipes)
