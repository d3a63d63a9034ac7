from dataclasses import replace

from tests.tasks.comparison.jobs.test_result import RESULT
from weightspace.tasks.comparison.tables.report import Cell, cells_of, protocol_report, scores_table
from weightspace.tasks.comparison.tables.summary import summary


def results():
    scores = [{"gap": {"tau": tau, "mae": 0.1, "tau_ceiling": 0.97, "nets": 9}} for tau in (0.4, 0.5, 0.6)]
    ours = [replace(RESULT, method="SpaceNet", seed=seed, scores=score) for seed, score in enumerate(scores)]
    theirs = replace(RESULT, method="StatNet", seed=0, scores={"gap": {"tau": 0.3, "mae": 0.05, "tau_ceiling": 0.97}})
    own = replace(theirs, method="a method of one's own")
    return [own, theirs, *ours]


def test_cells_are_means_over_seeds_in_the_order_of_the_methods():
    cells = cells_of(results())
    assert list(cells) == ["SpaceNet", "StatNet", "a method of one's own"]
    cell = cells["SpaceNet"]["gap", "tau"]
    assert (round(cell.mean, 6), round(cell.deviation, 6), cell.seeds) == (0.5, 0.1, 3)
    assert ("gap", "nets") not in cells["SpaceNet"]
    assert Cell.of([0.25]) == Cell(0.25, 0.0, 1)


def test_the_best_is_bold_and_the_ceiling_last():
    lines = protocol_report("cnn", "S", results()).splitlines()
    table = [line for line in lines if line.startswith("|")]
    assert table[0] == "| method | reads | gap tau | gap MAE | parameters | seconds |"
    assert table[2].startswith("| SpaceNet | weights | **0.500 ± 0.100** | 0.1000 ± 0.0000 |")
    assert "| 0.300 | **0.0500** |" in table[3]
    assert table[-1] == "| a perfect ranker |  | 0.970 | 0.0000 |  |  |"
    assert "digits-cnn (abc)" in lines[-2] or any("digits-cnn (abc)" in line for line in lines)


def test_without_results():
    assert "No result yet." in protocol_report("early", "S", [])


def test_a_protocol_of_others():
    report = protocol_report("edit-dilate", "S", [replace(RESULT, protocol="edit-dilate", scores={"": {"mse": 0.02}})])
    assert "MSE x 100" in report
    assert "2.000" in report
    made = replace(RESULT, protocol="edit-colour-blur", scores={"blur": {"mse": 0.02}})
    report = protocol_report("edit-colour-blur", "S", [made])
    assert report.startswith("### Editing implicit representations of colour images, blur (edit-colour-blur, tier S)")
    assert "`python scripts/compare_editors.py --tier S --edit blur --signals colour`" in report
    made = replace(RESULT, protocol="edit-solids-smooth", scores={"smooth": {"mse": 0.02}})
    report = protocol_report("edit-solids-smooth", "S", [made])
    assert "of solids, smooth" in report and "--edit smooth`" in report


def test_scores_of_one_run():
    table = scores_table({"A": {"test_accuracy": {"tau": 0.25, "nets": 3}}})
    assert table == "| method | test accuracy tau |\n|---|---|\n| A | 0.250 |\n"


def test_the_summary_has_a_row_a_question_and_names_the_best_simple_method():
    groups = {("cnn", "S"): results(), ("edit-dilate", "M"): edits()}
    lines = summary(groups).splitlines()
    assert len(lines) == 2 + 3
    assert lines[3] == "| How large is this CNN's gap? | tau, more is better | 0.500 ± 0.100 |  |  |"
    assert lines[4] == (
        "| Make the digit that this INR encodes bolder | error x 100, less is better |  | 2.000 "
        "| 0.500 (refit, 100 steps) |"
    )


def edits():
    errors = {"SpaceNet, weights": 0.02, "ScaleGMN, weights": 0.03, "refit, 10 steps": 0.05, "refit, 100 steps": 0.005}
    made = replace(RESULT, protocol="edit-dilate", seed=0)
    return [replace(made, method=name, scores={"dilate": {"mse": error}}) for name, error in errors.items()]
