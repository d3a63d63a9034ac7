"""What is installed: the wheel holds all that runs, the source archive all that tests, and neither anything else."""

import os
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from weightspace import __version__
from weightspace.hub.shipped import shipped
from weightspace.zoo.recipe.gallery import gallery

ROOT = Path(__file__).parent.parent
BUILD = "import sys; from hatchling import build; build.build_wheel(sys.argv[1]); build.build_sdist(sys.argv[1])"
LARGEST = 20 * 2**20

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    pytest.importorskip("hatchling")
    out = tmp_path_factory.mktemp("dist")
    subprocess.run([sys.executable, "-c", BUILD, str(out)], cwd=ROOT, check=True, capture_output=True)
    return out


@pytest.fixture(scope="module")
def wheel(built):
    (path,) = built.glob("weightspace-*.whl")
    return path


def test_the_wheel_holds_all_that_runs(wheel):
    names = set(zipfile.ZipFile(wheel).namelist())
    source = {path.relative_to(ROOT).as_posix() for path in (ROOT / "weightspace").rglob("*.py")}
    assert source <= names
    assert {f"weightspace/zoo/recipe/gallery/{name}.toml" for name in gallery()} <= names
    assert {f"weightspace/hub/shipped/{name}/model.safetensors" for name in shipped()} <= names
    assert {
        "weightspace/py.typed",
        "weightspace/zoo/train/native/adam.c",
        "weightspace/zoo/train/native/siren.c",
    } <= names
    tops = {name.partition("/")[0] for name in names}
    assert tops == {"weightspace", f"weightspace-{__version__}.dist-info"}
    assert not [name for name in names if "/results/" in name or name.endswith((".pyc", ".jsonl"))]
    assert wheel.stat().st_size < LARGEST


def test_the_source_archive_holds_what_tests(built):
    (path,) = built.glob("weightspace-*.tar.gz")
    with tarfile.open(path) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {
        "README.md",
        "LICENSE",
        "CHANGELOG.md",
        "tests/test_package.py",
        "scripts/test",
        "docs/pages/data.md",
    } <= names
    assert not [name for name in names if name.startswith((".venv", "runs", ".git/"))]


def test_it_runs_from_where_it_is_installed(wheel, tmp_path):
    """Unpacked beside the packages of these tests, from an empty folder."""
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "site")
    (tmp_path / "empty").mkdir()
    code = "import weightspace, weightspace.cli; print(weightspace.__file__); weightspace.cli.main(['zoo', 'list'])"
    code += "; print(weightspace.load_metanet('digits-accuracy').config.labels)"
    code += "; import torch; from weightspace.optimizers import LearnedOptimizer"
    code += (
        "; print(LearnedOptimizer.from_pretrained('learned-optimizer', torch.nn.Linear(2, 2).parameters()).rule.config)"
    )
    environment = {**os.environ, "PYTHONPATH": str(tmp_path / "site"), "OMP_NUM_THREADS": "1"}
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path / "empty", env=environment,
                          capture_output=True, text=True, check=True)  # fmt: skip
    assert str(tmp_path / "site") in done.stdout
    assert "digits-cnn" in done.stdout
    assert "('test_accuracy', 'gap')" in done.stdout and "RuleConfig" in done.stdout
    assert list((tmp_path / "empty").iterdir()) == []
