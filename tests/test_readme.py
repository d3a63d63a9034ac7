"""The README's Python runs as it stands, its files exist, and its map of files is whole."""

import re
from pathlib import Path

import pytest

from weightspace.tasks.comparison.report import grouped, protocol_report
from weightspace.tasks.comparison.result import read_results
from weightspace.tasks.comparison.summary import summary

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", README, re.DOTALL)


def test_there_are_examples():
    assert len(BLOCKS) >= 1


@pytest.mark.parametrize("number", range(len(BLOCKS)))
def test_example_runs(number, tmp_path, monkeypatch, tiny_quickstart):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / "quickstart").symlink_to(tiny_quickstart[0])
    exec(compile(BLOCKS[number], f"README.md, example {number + 1}", "exec"), {"__name__": "__main__"})


def test_linked_files_exist():
    links = re.findall(r"\]\(([^)#:]+)\)", README)
    assert links
    missing = [link for link in links if not (ROOT / link).exists()]
    assert not missing


def test_the_tables_are_those_of_the_results():
    groups = grouped(read_results(ROOT / "zoo" / "results"))
    assert summary(groups) in README, "python scripts/tables.py --short prints the table of README.md"
    tables = (ROOT / "zoo" / "RESULTS.md").read_text(encoding="utf-8")
    old = [key for key, results in groups.items() if protocol_report(*key, results) not in tables]
    assert not old, "python scripts/tables.py writes zoo/RESULTS.md"


def test_the_map_names_every_room():
    (map_of_files,) = re.findall(r"```text\n(weightspace/.*?)```", README, re.DOTALL)
    rooms = {
        path.name for path in (ROOT / "weightspace").iterdir() if path.is_dir() and (path / "__init__.py").exists()
    }
    assert rooms <= set(re.findall(r"[a-z_]+", map_of_files))
