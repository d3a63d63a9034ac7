"""Four questions in one table: ours beside the best simple method, a row a question."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from weightspace.markdown import table_lines
from weightspace.tasks.comparison.jobs.result import Result
from weightspace.tasks.comparison.tables.report import MEASURES, Cell, cells_of

COLUMNS = ("question", "score", "SpaceNet", "reading weights alone", "best simple method")
OURS, OURS_ON_WEIGHTS = ("SpaceNet", "SpaceNet, gradient and readout"), ("SpaceNet, weights only", "SpaceNet, weights")


@dataclass(frozen=True)
class Row:
    """A question of the table.

    Args:
        question: in words. protocol, tier, column, measure: where its answer stands among the results.
        baselines: the simple methods, without a network that reads weights, of which the best is shown.
        score: the measure in words, with what is better.
    """

    question: str
    protocol: str
    tier: str
    column: str
    measure: str
    score: str
    baselines: tuple[str, ...]


BOOSTING = (
    "boosting on statistics",
    "boosting on hyperparameters",
    "boosting on statistics and hyperparameters",
)
ROWS = (
    Row("Which digit does this INR encode?", "inr-class", "M", "label", "accuracy", "accuracy in %, more is better",
        ("classifier of renders", "boosting on statistics", "FlatMLP")),
    Row("How accurate is this CNN on test data?", "cnn", "S", "test_accuracy", "tau", "tau, more is better", BOOSTING),
    Row("How large is this CNN's gap?", "cnn", "S", "gap", "tau", "tau, more is better", BOOSTING),
    Row("Make the digit that this INR encodes bolder", "edit-dilate", "M", "dilate", "mse",
        "error x 100, less is better", ("refit, 10 steps", "refit, 100 steps")),
)  # fmt: skip


def summary(groups: Mapping[tuple[str, str], Sequence[Result]]) -> str:
    """The table in Markdown, with the questions that there are results for.

    Args:
        groups: (protocol, tier) -> its results.
    """
    lines: list[list[str]] = []
    for row in ROWS:
        if results := groups.get((row.protocol, row.tier)):
            cells = cells_of(results)
            texts = [_best(cells, names, row) for names in (OURS, OURS_ON_WEIGHTS, row.baselines)]
            lines.append([row.question, row.score, *texts])
    return "\n".join(table_lines(COLUMNS, lines)) + "\n"


def _best(cells: Mapping[str, Mapping[tuple[str, str], Cell]], names: Sequence[str], row: Row) -> str:
    """The score of the best of some methods; baselines with their name."""
    key = (row.column, row.measure)
    able = [name for name in names if key in cells.get(name, {})]
    if not able:
        return ""
    measure = MEASURES[row.measure]
    best = max(able, key=lambda name: (1 if measure.more else -1) * cells[name][key].mean)
    return cells[best][key].text(measure) + (f" ({best})" if names == row.baselines else "")
