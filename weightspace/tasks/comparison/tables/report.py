"""Tables from results: a row a method, the mean over its seeds and their standard deviation in each cell."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import mean, stdev

from weightspace.markdown import table_lines
from weightspace.tasks.adapters.methods import ADAPTER_METHODS
from weightspace.tasks.comparison.jobs.adapterjob import PROTOCOL
from weightspace.tasks.comparison.jobs.editjob import edit_protocol, signals_of, usual_signals
from weightspace.tasks.comparison.jobs.editmethod import EDIT_METHODS
from weightspace.tasks.comparison.jobs.method import METHODS
from weightspace.tasks.comparison.jobs.protocol import PROTOCOLS
from weightspace.tasks.comparison.jobs.result import Result


@dataclass(frozen=True)
class Measure:
    """How a measure is shown: its name, digits, what it is multiplied with, and whether more is better.

    None where there is no better: doing nothing takes no time.
    """

    title: str
    digits: int
    factor: float = 1.0
    more: bool | None = True


MEASURES: dict[str, Measure] = {
    "accuracy": Measure("accuracy, %", 1, 100.0),
    "auc": Measure("AUC", 3),
    "cross_entropy": Measure("cross-entropy", 3, more=False),
    "tau": Measure("tau", 3),
    "r2": Measure("R2", 3),
    "mae": Measure("MAE", 4, more=False),
    "mse": Measure("MSE x 100", 3, 100.0, more=False),
    "psnr": Measure("PSNR, dB", 2),
    "seconds": Measure("ms a net", 2, 1000.0, more=None),
}
"""The measures that tables show, where a result has them; others (numbers of nets, ceilings) stay in the files."""


STALE = " †"
"""Behind the name of a method whose results were made with other settings, or on another zoo, than the code has now."""

_STALE_NOTE = (
    " † Made with other settings or on another zoo than today's; `python scripts/tables.py --stale` says which."
)


@dataclass(frozen=True)
class Cell:
    """A mean over seeds, and their standard deviation (0 for one)."""

    mean: float
    deviation: float
    seeds: int

    @classmethod
    def of(cls, values: Sequence[float]) -> "Cell":
        """The cell for the values of all seeds."""
        return cls(mean(values), stdev(values) if len(values) > 1 else 0.0, len(values))

    def text(self, measure: Measure) -> str:
        """As it stands in a table."""
        shown = f"{self.mean * measure.factor:.{measure.digits}f}"
        return shown if self.seeds == 1 else f"{shown} ± {self.deviation * measure.factor:.{measure.digits}f}"


def cells_of(results: Sequence[Result]) -> dict[str, dict[tuple[str, str], Cell]]:
    """Method -> (column, measure) -> cell, methods in the order of `METHODS`."""
    by_method: dict[str, list[Result]] = {}
    for result in sorted(results, key=lambda result: (_place(result.method), result.method, result.seed)):
        by_method.setdefault(result.method, []).append(result)
    return {
        method: {
            (column, measure): Cell.of([run.scores[column][measure] for run in runs])
            for column, measures in runs[0].scores.items()
            for measure in measures
            if measure in MEASURES
        }
        for method, runs in by_method.items()
    }


def grouped(results: Iterable[Result]) -> dict[tuple[str, str], list[Result]]:
    """(protocol, tier) -> its results; in the order of `PROTOCOLS`, others after them, small tiers first."""
    groups: dict[tuple[str, str], list[Result]] = {}
    for result in results:
        groups.setdefault((result.protocol, result.tier), []).append(result)
    order = [*PROTOCOLS, *sorted({name for name, _ in groups} - set(PROTOCOLS))]
    keys = sorted(groups, key=lambda key: (order.index(key[0]), "SML".index(key[1])))
    return {key: groups[key] for key in keys}


def protocol_report(protocol: str, tier: str, results: Sequence[Result]) -> str:
    """A title, the table, and what a reader of it has to know.

    Args:
        results: those of this protocol and tier.
    """
    lines = [f"### {_title(protocol)} ({protocol}, tier {tier})", ""]
    if not results:
        return "\n".join([*lines, "No result yet.", ""])
    stale = any(result.method.endswith(STALE) for result in results)
    note = _note(results) + (_STALE_NOTE if stale else "")
    return "\n".join([*lines, *result_lines(results), "", note, ""])


def _title(protocol: str) -> str:
    if protocol in PROTOCOLS:
        return PROTOCOLS[protocol].question
    if protocol == PROTOCOL:
        return "What low-rank adapters were trained on, how well, poisoned or not, and whether two merge"
    signals = signals_of(protocol)
    shown, start = {"colour": " of colour images", "solids": " of solids"}.get(signals, ""), edit_protocol("", signals)
    return f"Editing implicit representations{shown}, {protocol.removeprefix(start)}"


def result_lines(results: Sequence[Result]) -> list[str]:
    """The lines of the table in Markdown; the best of each column is bold."""
    cells = cells_of(results)
    columns = list(dict.fromkeys(key for row in cells.values() for key in row))
    first = {result.method: result for result in reversed(results)}
    heads = ["method", "reads", *(f"{readable(column)} {MEASURES[name].title}" for column, name in columns)]
    best = {key: _best([row[key].mean for row in cells.values() if key in row], key[1]) for key in columns}
    rows = []
    for method, row in cells.items():
        texts = []
        for key in columns:
            text = row[key].text(MEASURES[key[1]]) if key in row else ""
            texts.append(f"**{text}**" if key in row and row[key].mean == best[key] else text)
        about = [f"{first[method].parameters:,}", f"{_seconds(results, method):.0f}"]
        rows.append([method, first[method].reads, *texts, *about])
    return table_lines([*heads, "parameters", "seconds"], rows + _ceiling(results, columns))


def scores_table(scores: Mapping[str, Mapping[str, Mapping[str, float]]]) -> str:
    """One table of method -> column -> measure -> value, in Markdown."""
    columns = [(c, m) for c, measures in next(iter(scores.values())).items() for m in measures if m in MEASURES]
    heads = ["method", *(f"{readable(c)} {MEASURES[m].title}" for c, m in columns)]
    rows = [
        [method, *(Cell(row[c][m], 0.0, 1).text(MEASURES[m]) for c, m in columns)] for method, row in scores.items()
    ]
    return "\n".join(table_lines(heads, rows)) + "\n"


def _ceiling(results: Sequence[Result], columns: Sequence[tuple[str, str]]) -> list[list[str]]:
    scores = results[0].scores
    if not any("tau_ceiling" in scores[column] for column, _ in columns if column in scores):
        return []
    perfect = {"r2": 1.0, "mae": 0.0, "accuracy": 1.0, "cross_entropy": 0.0, "auc": 1.0}
    texts = [
        Cell(scores[column]["tau_ceiling"] if name == "tau" else perfect[name], 0.0, 1).text(MEASURES[name])
        for column, name in columns
    ]
    return [["a perfect ranker", "", *texts, "", ""]]


def _note(results: Sequence[Result]) -> str:
    protocol, tier = results[0].protocol, results[0].tier
    nets = ", ".join(f"{count} {part}" for part, count in results[0].nets.items())
    zoos = "; ".join(f"{name} ({text})" for name, text in results[0].recipes.items())
    seeds = sorted({result.seed for result in results})
    devices = sorted({f"{result.device}, {result.threads} threads a run" for result in results})
    versions = sorted({result.versions["torch"] for result in results})
    minutes = sum(result.seconds for result in results) / 60
    script = f"train_predictor.py {protocol} --tier {tier}" if protocol in PROTOCOLS else _script(results[0])
    return (
        f"Zoo: {zoos}. Nets: {nets}. Seeds {', '.join(map(str, seeds))}: mean ± standard deviation. "
        f"On {'; '.join(devices)}; torch {', '.join(versions)}. All {len(results)} runs together took "
        f"{minutes:.0f} minutes, one after another. `python scripts/{script}`"
    )


def _script(result: Result) -> str:
    """The command of a table that isn't of `PROTOCOLS`."""
    if result.protocol == PROTOCOL:
        return f"compare_adapters.py --tier {result.tier}"
    edit, signals = next(iter(result.scores)), signals_of(result.protocol)
    words = f"compare_editors.py --tier {result.tier}" + f" --edit {edit}" * (edit != "dilate")
    return words if not edit or signals == usual_signals(edit) else f"{words} --signals {signals}"


def _best(values: Sequence[float], measure: str) -> float | None:
    more = MEASURES[measure].more
    return None if more is None else max(values) if more else min(values)


def _seconds(results: Sequence[Result], method: str) -> float:
    return mean(result.seconds for result in results if result.method == method)


def _place(method: str) -> int:
    names, method = [*METHODS, *EDIT_METHODS, *ADAPTER_METHODS], method.removesuffix(STALE)
    return names.index(method) if method in names else len(names)


def readable(column: str) -> str:
    """A column's name as it stands in a table."""
    return column.replace("_", " ")
