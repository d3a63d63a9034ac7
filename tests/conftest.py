"""One thread a test process (two run side by side), no network, and zoos that several tests read."""

import os
import sys

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("MPLBACKEND", "Agg")

import pytest
import torch

from tests.far import far_device
from tests.tasks.tiny import TINY

torch.set_num_threads(1)


def pytest_collection_modifyitems(items):
    """Tests for a GPU are left out where torch sees none, whatever was asked for."""
    if not torch.cuda.is_available():
        for item in items:
            if item.get_closest_marker("gpu"):
                item.add_marker(pytest.mark.skip(reason="torch sees no CUDA device"))


@pytest.fixture(params=["far", pytest.param("cuda", marks=pytest.mark.gpu)])
def device(request, monkeypatch, tmp_path):
    """A device beside the CPU: one that isn't there, so that its tests run everywhere; with ``-m gpu`` the GPU."""
    if request.param == "cuda":
        yield torch.device("cuda")
        return
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))  # what is measured there counts nowhere else
    with far_device() as far:
        yield far


@pytest.fixture(autouse=True)
def strangers_are_forgotten(tmp_path_factory):
    """What a test imported from a scratch folder isn't found by the next test, which may write such a file too."""
    yield
    scratch = str(tmp_path_factory.getbasetemp())  # not the system's folder: the project may lie there itself
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__dict__", {}).get("__file__")
        if isinstance(file, str) and file.startswith(scratch):
            del sys.modules[name]


@pytest.fixture(scope="session")
def tiny_recipe(tmp_path_factory):
    """The recipe of a zoo small enough for tests, as a file."""
    path = tmp_path_factory.mktemp("recipe") / "tiny.toml"
    path.write_text(TINY, encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def tiny_zoo(tmp_path_factory, tiny_recipe):
    """The zoo of `tiny_recipe`; only to be read."""
    from weightspace import Recipe, build_zoo

    return build_zoo(Recipe.load(tiny_recipe), tmp_path_factory.mktemp("zoos") / "tiny", workers=1, progress=False)


@pytest.fixture(scope="session")
def tiny_quickstart(tmp_path_factory, tiny_recipe):
    """The folder and the result of a quickstart on the tiny recipe; only to be read."""
    from weightspace.tasks.quickstart.quickstart import QuickstartConfig, run_quickstart

    out = tmp_path_factory.mktemp("quickstart") / "out"
    config = QuickstartConfig(recipe=str(tiny_recipe), out=str(out), workers=1, steps=10, flat_steps=10)
    return out, run_quickstart(config, progress=False)
