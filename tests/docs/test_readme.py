"""The README as a stranger uses it: every block runs as printed, in order, in a fresh copy; then come the mistakes."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.programs import programs
from weightspace.cli import main
from weightspace.cli.terminal.parser import Parser
from weightspace.tasks.comparison.jobs.result import read_results
from weightspace.tasks.comparison.tables.report import grouped, protocol_report
from weightspace.tasks.comparison.tables.stale import mark_stale
from weightspace.tasks.comparison.tables.summary import summary

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGES = ("pretrained",)
"""Pages that go on from the README's folder; what quickstart.md shows stands in the README, results.md takes hours."""
SMALL = {"WEIGHTSPACE_QUICKSTART": "--nets 48 --steps 5 --workers 1", "OMP_NUM_THREADS": "1", "MPLBACKEND": "Agg"}


pytestmark = pytest.mark.slow


def blocks_of(page: str) -> list[tuple[str, str]]:
    """Kind and text of each block of a page that is typed or saved."""
    return [(kind, code) for kind, code in re.findall(r"```(\w+)\n(.*?)```", page, re.DOTALL) if kind != "text"]


BLOCKS = blocks_of(README)


def block(words: str) -> int:
    """The number of the block with some words in it."""
    (found,) = (number for number, (_, code) in enumerate(BLOCKS) if words in code)
    return found


@pytest.fixture(scope="module")
def copy(tmp_path_factory):
    """A fresh copy of the repository, in whose environment all programs are those of this process."""
    copy = tmp_path_factory.mktemp("stranger") / "weightspace"
    shutil.copytree(ROOT, copy, ignore=shutil.ignore_patterns(".*", "__pycache__", "runs", "tests", "results", "*.png"))
    folder = copy / ".venv" / "bin"
    folder.mkdir(parents=True)
    with programs(folder, copy, {**os.environ, **SMALL, "PYTHONPATH": str(copy)}):
        (folder / "activate").write_text(f'PATH="{folder}:$PATH"\n')
        (folder / "pip").write_text("#!/bin/sh\n")
        (folder / "pip").chmod(0o755)
        yield copy


@pytest.fixture(scope="module")
def session(copy):
    """The copy in which all blocks of the README were run, and what each printed; only to be read."""
    return copy, played(copy, BLOCKS, "README")


def played(copy: Path, blocks: list[tuple[str, str]], title: str) -> list[tuple[str, str]]:
    """What each block printed, run in order in one shell; a block that begins with a file's name is saved."""
    lines = ["set -e", f"cd {copy}"]
    for number, (kind, code) in enumerate(blocks):
        lines.append(f"exec >{copy}/{title}{number}.out 2>{copy}/{title}{number}.err")
        name = re.match(r"# (\w+\.(?:py|toml))\n", code)
        (copy / (name[1] if name else f"{title}{number}.py")).write_text(code, encoding="utf-8")
        lines.append(code if kind == "bash" else "true" if name else f"python {title}{number}.py")
    environment = {**os.environ, **SMALL, "PYTHONPATH": str(copy)}
    environment["PATH"] = f"{copy / '.venv' / 'bin'}:{environment['PATH']}"
    done = subprocess.run(["bash", "-c", "\n".join(lines)], env=environment, timeout=1500)
    said = [tuple(read(copy / f"{title}{number}.{end}") for end in ("out", "err")) for number in range(len(blocks))]
    last = max(number for number in range(len(blocks)) if (copy / f"{title}{number}.out").exists())
    assert done.returncode == 0, f"{blocks[last][1]}\n{said[last][0]}\n{said[last][1]}"
    return said


def read(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.exists() else ""


def test_every_block_runs_as_printed(session):
    assert sum(kind == "bash" for kind, _ in BLOCKS) >= 8
    assert sum(code.count("\nweightspace") + code.startswith("weightspace") for _, code in BLOCKS) >= 12


def test_installing_says_how_to_enter(session):
    _, said = session
    assert "source .venv/bin/activate" in said[block("scripts/environment")][0]


def test_what_the_readme_shows_is_what_is_printed(session):
    _, said = session
    number = block("print(space)")
    (shown,) = re.findall(r"<!-- what the block above prints -->\n```text\n(.*?)```", README, re.DOTALL)
    assert shown == said[number][0]


def test_the_answers(session):
    copy, said = session
    assert "first first" in said[block("weightspace symmetries")][0]
    assert (copy / "graph.png").read_bytes().startswith(b"\x89PNG")
    out, err = said[block("weightspace zoo list")]
    assert "digits-inr" in out and "200 saved states" in out + err and "hyperparameters.png" in out
    out, err = said[block("--zoo runs/digits-cnn --out runs/predictor")]
    assert "SpaceNet" in out and "boosting on statistics" in out and "net-00" in out
    assert (copy / "runs" / "predictor" / "metanet" / "model.safetensors").exists()
    out, _ = said[block("--labels labels.csv")]
    assert "ckpts/net3.pth" in out and "accuracy" in out
    assert (copy / "bold.png").exists() and (copy / "bold.safetensors").exists()
    out, _ = said[block("weightspace inspect")]
    assert "Of 4 neurons none is dead" in out
    _, err = said[block("weightspace zoo build rings.toml")]
    assert "50 saved states in runs/rings" in err
    out, err = said[block("weightspace quickstart")]
    assert "a perfect ranker" in out and "What to type next" in err


MISTAKES = {
    "zoo biuld digits-cnn --out x": "did you mean 'build'?",
    "zoo build digits-cn --out x": "did you mean 'digits-cnn'?",
    "zoo build digits-cnn": "--out",
    "zoo info runs/digits-cmn": "no finished zoo",
    "train --zoo runs/digits-cnn --labels acuracy --out x": "test_accuracy",
    "train --zoo runs/digits-cnn --metanet SpaceNt --out x": "SpaceNet",
    "train --zoo runs --out x": "no finished zoo",
    "predict runs/predictor/metanet README.md": "README.md",
    "predict runs/predictor/metanett checkpoints": "metanett",
    "predict runs/dilate/metanet checkpoints": "trained to edit nets, not to predict labels: weightspace edit",
    "predict runs/predictor/metanet labels.csv": "is a table; labels belong to",
    "predict runs/predictor/metanet ckpts/net3.pth": "fit",
    "edit runs/digits-cnn runs/dilate/example.safetensors --out x.safetensors": "runs/digits-cnn is a zoo",
    "edit runs/predictor/metanet runs/dilate/example.safetensors --out x.safetensors": "weightspace predict",
    "edit runs/dilate/metanet runs/dilate/example.safetensors --edit dillate --out x.safetensors": "dilate",
    "symmetries my_net:Residual": "did you mean 'my_nets'?",
    "symmetries my_nets:Residual --input 2,5": "doesn't run on the example inputs",
    "graph draw my_nets:Residual --checkpoint bold.safetensors --out x.png": "fit",
    "zoo render runs/digits-cnn --out x.png": "no implicit representations",
}


@pytest.mark.parametrize("words", MISTAKES)
def test_a_mistake_is_answered_in_words(session, words, monkeypatch, capsys):
    monkeypatch.chdir(session[0])
    monkeypatch.setattr(sys, "path", [*sys.path])
    before = set(session[0].iterdir())
    try:
        code = main(words.split())
    except SystemExit as stopped:
        code = stopped.code
    captured = capsys.readouterr()
    assert code == 2
    assert captured.out == ""
    assert MISTAKES[words] in captured.err
    assert "Traceback" not in captured.err
    assert len(captured.err) < 1200
    assert {path for path in set(session[0].iterdir()) - before if path.name != "__pycache__"} <= {session[0] / "x"}


@pytest.mark.parametrize("page", sorted([ROOT / "README.md", *(ROOT / "docs").glob("*.md"), ROOT / "CONTRIBUTING.md"]),
                         ids=lambda page: page.name)  # fmt: skip
def test_linked_files_exist(page):
    links = re.findall(r"\]\(([^)#:]+)\)", page.read_text(encoding="utf-8"))
    missing = [link for link in links if not (page.parent / link).exists()]
    assert not missing


@pytest.mark.parametrize("name", PAGES)
def test_every_block_of_a_page_runs_as_printed(session, name):
    copy, _ = session
    said = played(copy, blocks_of((ROOT / "docs" / f"{name}.md").read_text(encoding="utf-8")), name)
    everything = "\n".join(out + err for out, err in said)
    assert PRINTED[name] <= {words for words in PRINTED[name] if words in everything}


PRINTED = {
    "pretrained": {"PSNR after"},
}  # fmt: skip


def test_commands_of_the_pages_are_known():
    """What pages besides the README show is at least a command line that the parser takes."""
    for page in (ROOT / "docs").glob("*.md"):
        for code in re.findall(r"```bash\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL):
            for line in re.findall(r"^weightspace (.*?)(?: {2,}#.*)?$", code, re.MULTILINE):
                assert parser().parse_args(line.split()), line


def parser() -> Parser:
    from weightspace.cli.main import build_parser

    return build_parser()


def test_the_tables_are_those_of_the_results():
    groups = grouped(mark_stale(read_results(ROOT / "zoo" / "results")))
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
