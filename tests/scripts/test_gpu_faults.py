"""Stages for a GPU when things go wrong: cards that don't fit, stages that fail or hang, and packages that lack."""

import argparse
import importlib
import os
import re
import signal
import sys
import tarfile
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from weightspace import Recipe, build_zoo

ROOT = Path(__file__).parents[2]
GPU = ROOT / "scripts" / "gpu"
MODULES = ("card", "packages", "running", "shards", "stages")
ROW = "import json, os; json.dump([{}], open(os.environ['WEIGHTSPACE_ROWS'], 'w'))"


@pytest.fixture
def gpu(monkeypatch, tmp_path):
    """The modules of `scripts/gpu`, and a folder that gets results."""
    monkeypatch.syspath_prepend(str(GPU))
    monkeypatch.delenv("OUT", raising=False)
    before = signal.getsignal(signal.SIGTERM)
    yield SimpleNamespace(out=tmp_path / "out", **{name: importlib.import_module(name) for name in MODULES})
    signal.signal(signal.SIGTERM, before)
    for name in MODULES:
        sys.modules.pop(name, None)


def run(gpu, monkeypatch, commands, *flags, memory=1, seconds=20):
    """Exit status of stages that run these pieces of Python, and how each ended."""
    made = [
        gpu.running.Stage(name, "Does it?", ("-c", code), ("-c", code), seconds, memory)
        for name, code in commands.items()
    ]
    monkeypatch.setattr(gpu.stages, "STAGES", tuple(made))
    monkeypatch.setattr(gpu.stages, "obstacle", lambda: "")
    monkeypatch.setattr(sys, "argv", ["stages.py", "--out", str(gpu.out), *flags])
    code = gpu.stages.main()
    return code, {stage.name: gpu.running.earlier(stage, gpu.out, False) for stage in made}


def test_a_stage_that_fails_does_not_stop_the_others(gpu, monkeypatch, capsys):
    code, found = run(gpu, monkeypatch, {"bad": "raise SystemExit(3)", "good": ROW.format("{'ms': 2}")})
    assert code == 1
    assert found["bad"]["status"] == "ended with 3"
    assert (found["good"]["status"], found["good"]["rows"]) == ("ok", [{"ms": 2}])
    assert re.search(r"bad +ended with 3", capsys.readouterr().out)


def test_a_stage_that_hangs_is_cut_with_what_it_started_and_keeps_its_rows(gpu, monkeypatch, tmp_path):
    child = (
        "import subprocess, sys, time; p = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)']); "
    )
    code = child + f"open({str(tmp_path / 'pid')!r}, 'w').write(str(p.pid)); {ROW.format({'ms': 1})}; time.sleep(60)"
    began = time.monotonic()
    status, found = run(gpu, monkeypatch, {"hangs": code, "good": "pass"}, seconds=5)
    assert status == 1 and time.monotonic() - began < 40
    assert (found["hangs"]["status"], found["hangs"]["rows"]) == ("cut after 5 s", [{"ms": 1}])
    assert found["good"]["status"] == "ok"
    with pytest.raises(ProcessLookupError):
        wait_for_end(int((tmp_path / "pid").read_text()))


def wait_for_end(pid):
    """Until a process is gone, which may take the system a moment; one that lives on is no error."""
    for _ in range(100):
        if Path(f"/proc/{pid}/stat").exists() and Path(f"/proc/{pid}/stat").read_text().split()[2] == "Z":
            raise ProcessLookupError(pid)
        os.kill(pid, 0)
        time.sleep(0.05)


def test_a_stage_that_was_cut_goes_on_from_its_rows(gpu, monkeypatch):
    code = (
        f"import sys; sys.path.append({str(GPU)!r}); import rows\n"
        "if not rows.known(case='one'):\n    rows.add_row(case='one')\n    raise SystemExit(1)\n"
        "rows.add_row(case='two')"
    )
    assert run(gpu, monkeypatch, {"twice": code})[0] == 1
    status, found = run(gpu, monkeypatch, {"twice": code})
    assert (status, found["twice"]["rows"]) == (0, [{"case": "one"}, {"case": "two"}])


def test_stages_that_need_more_memory_than_is_free_are_left_out(gpu, monkeypatch):
    monkeypatch.setattr(gpu.stages, "free_memory", lambda: 6.0)
    status, found = run(gpu, monkeypatch, {"large": "pass"}, memory=24)
    assert status == 1 and found["large"] is None
    status, found = run(gpu, monkeypatch, {"fits": "pass"}, memory=4)
    assert status == 0 and found["fits"]["status"] == "ok"


def test_no_stage_is_begun_when_the_time_is_up(gpu, monkeypatch, capsys):
    status, found = run(gpu, monkeypatch, {"late": "pass"}, "--seconds", "3")
    assert status == 1 and found["late"] is None
    assert "no time left" in capsys.readouterr().out


def test_results_are_handed_over_in_two_files(gpu, monkeypatch, tmp_path):
    monkeypatch.setenv("OUT", str(tmp_path / "given"))
    run(gpu, monkeypatch, dict.fromkeys("abcd", "print('said')"))
    assert sorted(path.name for path in (tmp_path / "given").iterdir()) == ["gpu.tar.gz", "table.txt"]
    with tarfile.open(tmp_path / "given" / "gpu.tar.gz") as archive:
        assert {"a.json", "a.log", "d.json", "d.log"} <= set(archive.getnames())
    assert "a " in (tmp_path / "given" / "table.txt").read_text()


@pytest.fixture
def volta(monkeypatch):
    """A card that torch sees."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda *_: "Tesla V100")
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda *_: (7, 0))


@pytest.mark.usefixtures("volta")
def test_a_card_that_is_too_old_is_said(gpu, monkeypatch):
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda *_: (6, 1))
    assert gpu.card.obstacle() == "Tesla V100 has compute capability 6.1; 7.0 (Volta) or newer is needed"


@pytest.mark.usefixtures("volta")
def test_a_torch_without_kernels_for_the_card_is_said(gpu, monkeypatch):
    def ones(*_, **__):
        raise RuntimeError("CUDA error: no kernel image is available for execution on the device\nmore")

    monkeypatch.setattr(torch, "ones", ones)
    assert "computes nothing on Tesla V100: CUDA error: no kernel image" in gpu.card.obstacle()


@pytest.mark.usefixtures("volta")
def test_a_card_that_computes_is_no_obstacle(gpu, monkeypatch):
    ones = torch.ones
    monkeypatch.setattr(torch, "ones", lambda *size, device: ones(*size))
    assert gpu.card.obstacle() == ""


def test_packages_that_lack_are_named(gpu, monkeypatch, capsys):
    assert gpu.packages.main() == 0
    there = gpu.packages.version

    def version(name):
        if name == "tyro":
            raise gpu.packages.PackageNotFoundError(name)
        return "0.1" if name == "einops" else there(name)

    monkeypatch.setattr(gpu.packages, "version", version)
    assert gpu.packages.main() == 2
    assert "lacks einops>=0.8, tyro>=0.9." in capsys.readouterr().err


def test_packages_to_bring_along_are_those_of_the_environment():
    pinned = (ROOT / "scripts" / "requirements.txt").read_text().splitlines()
    brought = [line for line in (GPU / "packages.txt").read_text().splitlines() if not line.startswith("#")]
    assert brought and set(brought) <= set(pinned)


def test_every_file_with_tests_for_a_gpu_is_run(gpu):
    uses = re.compile(r"^@pytest\.mark\.gpu|marks=pytest\.mark\.gpu|^def test_\w+\((.*, )?device\b", re.M)
    files = {
        str(path.relative_to(ROOT)) for path in (ROOT / "tests").rglob("test_*.py") if uses.search(path.read_text())
    }
    assert files == set(gpu.stages.TESTS)


def test_parts_of_a_zoo_make_the_whole_one(gpu, monkeypatch, tiny_recipe, tiny_zoo, tmp_path, capsys):
    shards = gpu.shards
    monkeypatch.setenv("CUBLAS_WORKSPACE_CONFIG", "")  # as it was, afterwards
    out = tmp_path / "zoo"
    for part in ("1/2", "0/2"):
        monkeypatch.setattr(sys, "argv", ["shards.py", str(tiny_recipe), "--out", str(out), "--part", part])
        shards.main()
    assert "shard 0: 1 of" in capsys.readouterr().out
    assert shards.build_part(Recipe.load(tiny_recipe), out, 0, 1) == 0
    zoo = build_zoo(Recipe.load(tiny_recipe), out, workers=1, progress=False)
    assert zoo.table["checksum"].equals(tiny_zoo.table["checksum"])
    for wrong in ("2/2", "half", "1/0"):
        with pytest.raises(argparse.ArgumentTypeError, match="must be a number and how many parts"):
            shards.part_of(wrong)
