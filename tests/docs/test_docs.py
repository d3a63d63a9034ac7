"""The site: every block of its pages runs, it builds without a network, and the notebooks run."""

import os
import re
import runpy
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from weightspace.cli import main

DOCS = Path(__file__).parents[2] / "docs"
PAGES = sorted((DOCS / "pages").glob("*.md"))
BLOCK = re.compile(r"^```(python|bash|toml)\n(.*?)^```", re.DOTALL | re.MULTILINE)
SAVED = re.compile(r"# (\w+\.(?:py|toml))\n")
PRINTED = {
    "data": {"20 saved states in runs/stripes", "trained one by one", "8 saved states in runs/readers"},
    "align": {
        "correlation of weights before",
        "The merge (aligned) of 2 nets",
        "loss barrier",
        "p-value",
        "times smaller",
    },
    "generate": {"5 nets in generated"},
}
"""What commands of a page must say."""


def blocks(page):
    return BLOCK.findall(page.read_text(encoding="utf-8"))


@pytest.mark.slow
@pytest.mark.parametrize("page", [page for page in PAGES if blocks(page)], ids=lambda page: page.stem)
def test_every_block_runs_in_the_order_of_the_page(page, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    names = {"__name__": page.stem}
    for kind, text in blocks(page):
        if found := SAVED.match(text):
            Path(found[1]).write_text(text, encoding="utf-8")
        elif kind == "python":
            exec(compile(text, f"{page.name}", "exec"), names)
        else:
            typed(text)
    said = "".join(capsys.readouterr())
    assert PRINTED.get(page.stem, set()) <= {words for words in PRINTED.get(page.stem, ()) if words in said}


def typed(text):
    """Runs each line of a block as a shell would: weightspace, or python with a file."""
    for line in text.strip().splitlines():
        program, *words = shlex.split(line, comments=True)
        if program == "python":
            runpy.run_path(words[0], run_name="__main__")
        else:
            assert program == "weightspace" and main(words) == 0, line


def test_a_page_for_every_entry_and_an_entry_for_every_page():
    named = re.findall(r"[\w-]+\.md", (DOCS / "mkdocs.yml").read_text(encoding="utf-8").partition("nav:")[2])
    assert sorted(named) == [page.name for page in PAGES]


@pytest.mark.slow
def test_the_site_builds_without_a_network(tmp_path):
    pytest.importorskip("mkdocs")
    pytest.importorskip("mkdocstrings")
    command = [
        sys.executable,
        "-m",
        "mkdocs",
        "build",
        "-q",
        "--strict",
        "-f",
        str(DOCS / "mkdocs.yml"),
        "-d",
        str(tmp_path),
    ]
    nowhere = {"https_proxy": "http://127.0.0.1:9", "http_proxy": "http://127.0.0.1:9", "NO_MKDOCS_2_WARNING": "1"}
    done = subprocess.run(command, env={**os.environ, **nowhere}, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    reference = (tmp_path / "reference" / "index.html").read_text(encoding="utf-8")
    assert "random_symmetry" in reference and "load_metanet" in reference
    pages = "".join(page.read_text(encoding="utf-8") for page in tmp_path.rglob("*.html"))
    assert not re.findall(r'<(?:script|img|link rel="stylesheet")[^>]+(?:src|href)="(https?://[^"]+)"', pages)


@pytest.mark.slow
@pytest.mark.parametrize("notebook", sorted((DOCS / "notebooks").glob("*.ipynb")), ids=lambda path: path.stem)
def test_every_notebook_runs(notebook, tmp_path):
    nbclient = pytest.importorskip("nbclient")
    pytest.importorskip("ipykernel")
    import nbformat

    found = nbformat.read(notebook, as_version=4)
    assert not any(cell.get("outputs") for cell in found.cells)  # kept without, so that a change of code shows
    nbclient.NotebookClient(found, timeout=300, resources={"metadata": {"path": str(tmp_path)}}).execute()
