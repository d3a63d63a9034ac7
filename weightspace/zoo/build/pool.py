"""Worker processes on this machine, one a core."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from multiprocessing.connection import wait
from pathlib import Path
from types import TracebackType
from typing import Any

import torch

from weightspace.machine.cores import usable_cores
from weightspace.machine.data_root import ROOT, data_root
from weightspace.zoo.recipe.recipe import Recipe

# not "-m": the package imports the module too, and running it a second time earns a warning from Python
_WORKER = """
import sys
from weightspace.machine.lost_folder import import_torch
import_torch()
from weightspace.zoo.build.worker import main
main(*sys.argv[1:])
"""


REPEATABLE = {"CUBLAS_WORKSPACE_CONFIG": ":4096:8"}  # else cuBLAS may sum in another order each time


class Pool:
    """Hands shards to workers and hears what they have done.

    Workers are fresh interpreters, so a script that builds a zoo needs no ``if __name__ == "__main__"``.
    """

    def __init__(self, out: Path, recipe: Recipe, workers: int):
        # -P: else the working directory comes first among the places that modules are looked for in
        command = [sys.executable, "-P", "-c", _WORKER, str(out), str(recipe.nets), *recipe.imports]
        pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "bufsize": 0}
        self.workers, gpus = [], visible_gpus()
        for k in range(workers):
            environment = worker_environment(recipe, gpus[k % len(gpus)] if gpus else None)
            self.workers.append(subprocess.Popen(command, env=environment, **pipes))

    def __enter__(self) -> "Pool":
        return self

    def __exit__(self, kind: type | None, value: BaseException | None, trace: TracebackType | None) -> None:
        for worker in self.workers:
            worker.kill()
            worker.wait()
            for pipe in (worker.stdin, worker.stdout):
                if pipe is not None:
                    pipe.close()

    def run(self, shards: Iterable[int], done: Callable[[int], object]) -> None:
        """Builds all shards; ``done`` hears of every finished net.

        Raises:
            RuntimeError: a worker failed; what the others have finished stays.
        """
        waiting = iter(shards)
        busy: dict[Any, subprocess.Popen] = {}
        heard: dict[Any, bytes] = {}
        for worker in self.workers:
            self._give(worker, waiting, busy)
        while busy:
            ready: list[Any] = wait(list(busy))
            for pipe in ready:
                chunk = os.read(pipe.fileno(), 65536)
                if not chunk:
                    raise RuntimeError(f"a worker ended (exit {busy[pipe].wait()}); the same command goes on from here")
                *lines, heard[pipe] = (heard.get(pipe, b"") + chunk).split(b"\n")
                for answer in map(json.loads, lines):
                    if "error" in answer:
                        raise RuntimeError(f"a worker failed in {answer['error']}")
                    if "nets" in answer:
                        done(answer["nets"])
                    else:
                        self._give(busy.pop(pipe), waiting, busy)

    def _give(self, worker: subprocess.Popen, waiting: Iterator[int], busy: dict) -> None:
        shard = next(waiting, None)
        if shard is not None:
            assert worker.stdin is not None and worker.stdout is not None
            os.write(worker.stdin.fileno(), f"{shard}\n".encode())
            busy[worker.stdout] = worker


def worker_environment(recipe: Recipe, gpu: str | None = None) -> dict[str, str]:
    """All environment variables of a worker: this process's, one thread, one GPU, and where data and modules lie."""
    places = sys.path if recipe.imports else [os.environ.get("PYTHONPATH", "")]
    paths = os.pathsep.join(path for path in (str(Path(__file__).parents[3]), *places) if path)
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "PYTHONPATH": paths}
    if root := data_root():
        environment[ROOT] = root
    return environment if gpu is None else {**environment, "CUDA_VISIBLE_DEVICES": gpu, **REPEATABLE}


def visible_gpus() -> list[str]:
    """Names of the GPUs that this process may use, for ``CUDA_VISIBLE_DEVICES``."""
    if not torch.cuda.is_available():
        return []
    named = os.environ.get("CUDA_VISIBLE_DEVICES")
    return named.split(",") if named else [str(k) for k in range(torch.cuda.device_count())]


def default_workers() -> int:
    """One worker a GPU, or without any one a core."""
    return len(visible_gpus()) or usable_cores()
