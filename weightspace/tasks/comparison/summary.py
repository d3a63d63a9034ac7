"""All results in one table: a row a question, ours beside the best of the other metanets and of the baselines."""

from collections.abc import Iterable, Mapping, Sequence

from weightspace.tasks.comparison.editmethod import EDIT_METHODS
from weightspace.tasks.comparison.report import MEASURES, Cell, cells_of, readable
from weightspace.tasks.comparison.result import Result

OURS = ("SpaceNet", "SpaceNet, gradient and readout")
OURS_ON_WEIGHTS = ("SpaceNet, weights only", "SpaceNet, weights")
PUBLISHED = (
    *("DWSNet", "UNF", "NeuralGraphGNN", "NeuralGraphTransformer", "GraphMetanet", "ScaleGMN", "PyGMetanet"),
    *("ProbeNet", *(name for name in EDIT_METHODS if not name.startswith("SpaceNet"))),
)
"""Metanets after papers of others; what isn't ours and isn't here is a baseline."""

SHOWN = ("accuracy", "tau", "r2", "mse")
"""Measures of the summary; methods are ranked by the first of them that a question has."""


def summary(groups: Mapping[tuple[str, str], Sequence[Result]]) -> str:
    """The table in Markdown.

    Args:
        groups: (protocol, tier) -> its results.
    """
    heads = ["question", "tier", "", "SpaceNet", "on weights alone", "best metanet of others", "best baseline"]
    lines = ["| " + " | ".join([*heads, "best that knows how nets were trained"]) + " |", "|" + "---|" * 8]
    for (protocol, tier), results in groups.items():
        cells = cells_of(results)
        kinds = _kinds(cells, results)
        for column in results[0].scores:
            measures = [name for name in SHOWN if name in results[0].scores[column]]
            texts = [_best(cells, names, column, measures) for names in kinds]
            titles = ", ".join(MEASURES[name].title for name in measures)
            question = protocol if protocol == f"edit-{column}" else f"{protocol}: {readable(column)}"
            lines.append(f"| {question} | {tier} | {titles} | " + " | ".join(texts) + " |")
    return "\n".join(lines) + "\n"


def _kinds(cells: Iterable[str], results: Sequence[Result]) -> list[list[str]]:
    found = {result.method: result.reads for result in results}
    reads = {name: found[name] for name in cells}  # in the order of the tables
    known = {*OURS, *OURS_ON_WEIGHTS, *PUBLISHED}
    others = [name for name in reads if name not in known and not name.startswith("SpaceNet")]
    told = [name for name in others if "hyperparameters" in reads[name]]
    kinds = [[name for name in names if name in reads] for names in (OURS, OURS_ON_WEIGHTS, PUBLISHED)]
    return [*kinds, [name for name in others if name not in told], told]


def _best(
    cells: Mapping[str, Mapping[tuple[str, str], Cell]], names: Sequence[str], column: str, measures: Sequence[str]
) -> str:
    """The best of some methods in a column: its numbers and, where there is a choice, its name."""
    able = [name for name in names if (column, measures[0]) in cells[name]]
    if not able:
        return ""
    sign = 1 if MEASURES[measures[0]].more else -1
    best = max(able, key=lambda name: sign * cells[name][column, measures[0]].mean)
    texts = [cells[best][column, name].text(MEASURES[name]) for name in measures]
    ours = best in OURS or best in OURS_ON_WEIGHTS
    return ", ".join(texts) + ("" if ours else f" ({best})")
