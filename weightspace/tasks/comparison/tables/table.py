"""The table of a comparison: a row a method, three measures a label, the ceiling of a perfect ranker below."""

from typing import Any

from weightspace.markdown import table_lines

_MEASURES = (("tau", "tau"), ("r2", "R2"), ("mae", "MAE"))


def table_cells(result: dict[str, Any]) -> tuple[list[str], list[list[str]]]:
    """Columns and rows as text.

    Args:
        result: `scores` is method -> label -> `Score.to_dict()`.
    """
    scores = result["scores"]
    labels = list(next(iter(scores.values())))
    columns = ["method", *(f"{readable(label)} {shown}" for label in labels for _, shown in _MEASURES)]
    rows = [
        [method, *(f"{by_label[label][key]:.3f}" for label in labels for key, _ in _MEASURES)]
        for method, by_label in scores.items()
    ]
    first = next(iter(scores.values()))
    ceiling = [cell for label in labels for cell in (f"{first[label]['tau_ceiling']:.3f}", "1.000", "0.000")]
    return columns, [*rows, ["a perfect ranker", *ceiling]]


def markdown(result: dict[str, Any]) -> str:
    """The table in Markdown, with the title above and the notes below."""
    columns, rows = table_cells(result)
    lines = [f"**{result['title']}**", "", *table_lines(columns, rows), "", *result["notes"]]
    return "\n".join(lines) + "\n"


def readable(label: str) -> str:
    """A label as a person would write it."""
    return label.replace("_", " ")
