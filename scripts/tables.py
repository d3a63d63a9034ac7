"""Writes the tables of all results beside the recipes, zoo/RESULTS.md, and figures.

    python scripts/tables.py
    python scripts/tables.py --short     # prints one table of all questions instead
    python scripts/tables.py --stale     # which results are out of date, and what to run
    python scripts/tables.py --again     # makes all of those again, which may take a night, then writes the tables

Stopped and called again, `--again` goes on with what is left.
"""

import os
from dataclasses import dataclass, field, replace
from pathlib import Path

import torch
import tyro

from weightspace.cli import one_line_errors
from weightspace.tasks.comparison.jobs.job import run_jobs
from weightspace.tasks.comparison.jobs.protocol import PROTOCOLS
from weightspace.tasks.comparison.jobs.result import Result, read_results
from weightspace.tasks.comparison.jobs.workspace import Workspace
from weightspace.tasks.comparison.tables.figures import plot_calibration
from weightspace.tasks.comparison.tables.report import STALE, cells_of, grouped, protocol_report, readable
from weightspace.tasks.comparison.tables.stale import mark_stale, stale_jobs, stale_report
from weightspace.tasks.comparison.tables.summary import summary

HEAD = """\
# Results

What methods reach on the zoos of [the gallery](README.md), baselines included. Made by `python scripts/tables.py` from
[result files](results), a line for each method and seed; [the notes](../docs/NOTES.md) say what was tried.
Selection is on validation nets, scores are on test nets from runs that no method has seen. Tier S runs on any machine
(`python scripts/train_predictor.py tier-s`, `compare_editors.py`, `compare_adapters.py`), M has 10,000 nets, L the full
zoos. The best of each column is bold. tau is Kendall's tau-b; a perfect ranker doesn't reach 1 because nets tie.
"""


DEVICE = "cuda" if torch.cuda.is_available() else "cpu"


@dataclass(frozen=True)
class Config:
    """What is written where."""

    results: str = "zoo/results"
    """The folder of result files; gets the figures."""
    out: str = "zoo/RESULTS.md"
    """The file of the tables."""
    short: bool = False
    """Print one short table for all questions instead."""
    stale: bool = False
    """Print which results were made with other settings than today's, and the commands that make them again."""
    again: bool = False
    """Make those results again first, whatever is left of them."""
    workers: int = 1
    """Runs at a time with --again; several have one thread each."""
    workspace: Workspace = field(default_factory=lambda: Workspace(device=DEVICE))
    """Where --again works; its results go to --results."""


def main(config: Config) -> None:
    """A table for each protocol and tier, and its figure."""
    if config.stale:
        print(stale_report(read_results(config.results)), end="")
        return
    if config.again:
        workspace = replace(config.workspace, results=config.results)
        for _ in run_jobs(stale_jobs(read_results(config.results)), workspace, config.workers, print):
            pass
    groups = grouped(mark_stale(read_results(config.results)))
    if config.short:
        print(summary(groups))
        return
    out, reports = Path(config.out), []
    for key, results in groups.items():
        reports.append(protocol_report(*key, results))
        if figure := draw(results, Path(config.results) / f"{'-'.join(key)}.png"):
            place = Path(os.path.relpath(figure, out.parent)).as_posix()
            reports.append(f"![{key[0]}, tier {key[1]}: held-out nets]({place})\n")
    out.write_text("\n".join([HEAD, *reports]), encoding="utf-8")


def draw(results: list[Result], figure: Path) -> Path | None:
    """How calibrated a method's first seed is, with its mean score; of edits the wall of pictures if there is one."""
    bins: dict[str, dict[str, dict]] = {}
    scores: dict[str, dict[str, str]] = {}
    cells = cells_of(results)
    first = {result.method: result for result in sorted(results, key=lambda result: -result.seed)}
    for method, row in cells.items():
        for column, found in first[method].details.get("calibration", {}).items():
            bins.setdefault(readable(column), {})[method] = found
            if tau := row.get((column, "tau")):
                scores.setdefault(readable(column), {})[method] = f"τ {tau.mean:.3f}"
            elif accuracy := row.get((column, "accuracy")):
                scores.setdefault(readable(column), {})[method] = f"{accuracy.mean:.1%} right"
    if not bins:
        return figure if figure.exists() else None
    ours = next((method for method in cells if method.removesuffix(STALE) == "SpaceNet"), "")
    return plot_calibration(figure, bins, scores, title=PROTOCOLS[results[0].protocol].question, ours=ours)


if __name__ == "__main__":
    one_line_errors(__file__)
    main(tyro.cli(Config, description=__doc__))
