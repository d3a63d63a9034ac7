import os
import signal
import subprocess
import threading
import time
from pathlib import Path

import pytest

from weightspace.zoo import build_zoo
from weightspace.zoo.build.ray_engine import train_shard


def test_a_task_returns_the_files_of_its_shard(recipe, zoo, tmp_path):
    tensors, rows = train_shard(recipe.text, 12, 1)
    assert tensors == (zoo.path / "shards" / "00001.safetensors").read_bytes()
    assert rows[:4] == b"PAR1"


def test_unknown_engines_are_refused(recipe, tmp_path):
    with pytest.raises(ValueError, match=r"engine must be one of local, ray, got 'slurm'"):
        build_zoo(recipe, tmp_path / "zoo", engine="slurm")


def test_without_ray_the_error_says_how_to_get_it(recipe, tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "ray", None)
    with pytest.raises(ModuleNotFoundError, match=r'the ray engine needs Ray: pip install "weightspace\[ray\]"'):
        build_zoo(recipe, tmp_path / "zoo", progress=False, engine="ray")


@pytest.fixture
def cluster(monkeypatch, tmp_path_factory):
    """A real cluster of one node, started from the command line."""
    ray = pytest.importorskip("ray")
    command = ["ray", "start", "--head", "--port=6397", "--num-cpus=2", "--include-dashboard=false", "--block"]
    root = str(Path(__file__).parents[3])
    path = os.pathsep.join(part for part in (root, os.environ.get("PYTHONPATH", "")) if part)
    folder = Path(ray.__file__).parents[4] / "bin"
    environment = {**os.environ, "PYTHONPATH": path, "PATH": f"{folder}{os.pathsep}{os.environ['PATH']}"}
    head = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
    while "Ray runtime started" not in head.stdout.readline():
        assert head.poll() is None
    monkeypatch.setenv("RAY_ADDRESS", "127.0.0.1:6397")
    yield ray
    ray.shutdown()
    head.terminate()
    head.communicate(timeout=60)


def kill_one_task(killed, deadline=120):
    """Kills the first process that runs a shard."""
    end = time.monotonic() + deadline
    while not killed and time.monotonic() < end:
        for path in Path("/proc").glob("[0-9]*/cmdline"):
            try:
                if path.read_bytes().startswith(b"ray::train_shard"):
                    os.kill(int(path.parent.name), signal.SIGKILL)
                    killed.append(path.parent.name)
                    return
            except OSError:
                continue
        time.sleep(0.02)


@pytest.mark.slow
def test_a_killed_worker_costs_only_its_shard(recipe, zoo, tmp_path, cluster):
    killed = []
    killer = threading.Thread(target=kill_one_task, args=(killed,))
    killer.start()
    other = build_zoo(recipe, tmp_path / "zoo", progress=False, engine="ray")
    killer.join()
    assert len(killed) == 1
    assert other.table.drop_columns(["seconds"]).equals(zoo.table.drop_columns(["seconds"]))
