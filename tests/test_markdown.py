import pytest

from weightspace.markdown import table_lines


@pytest.mark.parametrize("rows", [[], [["a", "1"], ["b", ""]]])
def test_a_table_has_a_rule_below_its_columns(rows):
    lines = table_lines(["name", "value"], rows)
    assert lines[:2] == ["| name | value |", "|---|---|"]
    assert lines[2:] == [f"| {name} | {value} |" for name, value in rows]
