"""Writes the tables of all results to scripts/results/TABLES.md, and figures; with `--short`, prints short tables."""

from dataclasses import dataclass
from pathlib import Path

import tyro

from weightspace.tasks.figures import plot_calibration
from weightspace.tasks.protocols import PROTOCOLS
from weightspace.tasks.report import protocol_report
from weightspace.tasks.result import Result, read_results

HEAD = """\
# Results

Made by `python scripts/tables.py` from the files in this folder, one a method and seed. Selection is on validation
nets, scores are on test nets from runs that no method has seen. Tier S runs on any machine in an hour
(`python scripts/train_predictor.py tier-s`), M has 10,000 nets, L the full zoos. The best of each column is bold.
tau is Kendall's tau-b; a perfect ranker doesn't reach 1 because nets tie.
"""


@dataclass(frozen=True)
class Config:
    """What is written where."""

    results: str = "scripts/results"
    """The folder of result files; gets TABLES.md."""
    short: bool = False
    """Print the tables of a README instead: fewer measures, no sizes and times."""


def main(config: Config) -> None:
    """Groups results by protocol and tier."""
    groups: dict[tuple[str, str], list[Result]] = {}
    for result in read_results(config.results):
        groups.setdefault((result.protocol, result.tier), []).append(result)
    order = [*PROTOCOLS, *sorted({name for name, _ in groups} - set(PROTOCOLS))]
    keys = sorted(groups, key=lambda key: (order.index(key[0]), "SML".index(key[1])))
    reports = [protocol_report(*key, groups[key], full=not config.short) for key in keys]
    if config.short:
        print("\n".join(reports))
    else:
        (Path(config.results) / "TABLES.md").write_text("\n".join([HEAD, *reports]), encoding="utf-8")
        for key in keys:
            draw(groups[key], Path(config.results) / "-".join(key))


def draw(results: list[Result], folder: Path) -> None:
    """The calibration of all methods, with their first seed; editing has none."""
    bins: dict[str, dict[str, dict]] = {}
    for result in sorted(results, key=lambda result: -result.seed):
        for column, found in result.details.get("calibration", {}).items():
            bins.setdefault(column.replace("_", " "), {})[result.method] = found
    if bins:
        title = PROTOCOLS[results[0].protocol].question
        plot_calibration(folder / "calibration.png", bins, title=title, ours="SpaceNet")


if __name__ == "__main__":
    main(tyro.cli(Config, description=__doc__))
