"""Runs ways of editing on the zoo of a tier, a result file for each method and seed; what is there isn't run again."""

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import torch

from weightspace.metanets import METANETS
from weightspace.tasks.edit_measures import REFITS, measure_editor, measure_plain, pictures
from weightspace.tasks.edit_methods import EDIT_METHODS, EDIT_TIERS
from weightspace.tasks.edit_nets import EditNets
from weightspace.tasks.edit_train import fit_editor
from weightspace.tasks.edit_wall import plot_wall
from weightspace.tasks.edits import parse_edits
from weightspace.tasks.protocol_run import Place, device_name, find_zoo
from weightspace.tasks.result import Result, fingerprint_of, result_path, slug
from weightspace.tasks.side_by_side import side_by_side

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
        return f"{self.protocol}-{self.tier}: {self.method}, seed {self.seed}"


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
    return EditProblem(parts, {zoo.recipe.name: f"{zoo.recipe.hash}, {zoo.manifest['nets']} nets"})


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
    """Runs those jobs that aren't done, some at a time, each with one thread if there are several workers.

    Raises:
        RuntimeError: a job failed; the others are run first, and their results stay.
    """
    missing = [job for job in jobs if not is_edit_done(job, place)]
    say(f"{len(jobs) - len(missing)} of {len(jobs)} results are there, {len(missing)} to make")
    threads = place.threads or int(workers > 1)
    work = partial(run_edit_job, place=replace(place, threads=threads), progress=workers == 1)
    yield from side_by_side(work, missing, workers, threads, say)


def is_edit_done(job: EditJob, place: Place) -> bool:
    """Whether the result file is there, made with the same configuration on the same zoo."""
    path = result_path(place.results, job.protocol, job.tier, job.method, job.seed)
    return path.exists() and Result.load(path).fingerprint == _fingerprint(job, place)


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
    nets, steps = problem.parts["test"], [steps for steps in REFITS if job.method == f"refit, {steps} steps"]
    score = measure_plain(nets, 0, EDIT_TIERS[job.tier].lr, steps)[job.method]
    seconds = score["seconds"] * len(nets)
    return {"reads": PLAIN[job.method], "scores": {job.edit: score}, "seconds": seconds, "parameters": 0}


def _trained(job: EditJob, problem: EditProblem, place: Place, progress: bool) -> dict[str, Any]:
    method, training = EDIT_METHODS[job.method], EDIT_TIERS[job.tier].train(EDIT_METHODS[job.method], job.seed)
    key = _fingerprint(job, place)[:8]
    folder = Path(place.runs) / f"{job.protocol}-{job.tier}" / f"{slug(job.method)}-seed{job.seed}-{key}"
    parts, began = problem.parts, time.perf_counter()
    editor = fit_editor(
        METANETS[method.metanet], parts["train"], parts["val"], [job.edit], method.config, training, folder,
        progress=progress, device=place.device, **method.settings,
    )  # fmt: skip
    seconds = time.perf_counter() - began
    editor.metanet.to("cpu").save_pretrained(folder / "metanet")
    (folder / "checkpoint.safetensors").unlink()
    score = measure_editor(editor, parts["test"], refits=())
    title = f"{job.edit}, {job.method}: nets held out"
    plot_wall(folder / "wall.png", pictures(editor, parts["test"], 0), parts["test"].convention, title)
    (score,) = [rows[method.metanet] for rows in score.values()]
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
