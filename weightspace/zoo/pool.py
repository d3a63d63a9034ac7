"""Worker processes on this machine, one a core."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterable
from multiprocessing.connection import wait
from pathlib import Path
from types import TracebackType
from typing import Any


class Pool:
    """Hands shards to workers and hears what they have done.

    Workers are fresh interpreters, so a script that builds a zoo needs no ``if __name__ == "__main__"``.
    """

    def __init__(self, out: Path, nets: int, workers: int):
        command = [sys.executable, "-m", "weightspace.zoo.worker", str(out), str(nets)]
        root = str(Path(__file__).parents[2])
        paths = os.pathsep.join(path for path in (root, os.environ.get("PYTHONPATH", "")) if path)
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "PYTHONPATH": paths}
        self.workers = [
            subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment, text=True, bufsize=1
            )
            for _ in range(workers)
        ]

    def __enter__(self) -> "Pool":
        return self

    def __exit__(self, kind: type | None, value: BaseException | None, trace: TracebackType | None) -> None:
        for worker in self.workers:
            worker.kill()
            worker.wait()
            for pipe in (worker.stdin, worker.stdout):
                if pipe is not None:
                    pipe.close()

    def run(self, shards: Iterable[int], done: Callable[[int], None]) -> None:
        """Builds all shards; ``done`` hears of every finished net.

        Raises:
            RuntimeError: a worker failed; what the others have finished stays.
        """
        waiting = iter(shards)
        busy: dict[Any, subprocess.Popen] = {}
        for worker in self.workers:
            self._give(worker, waiting, busy)
        while busy:
            for pipe in wait(list(busy)):
                line = pipe.readline()
                if not line:
                    raise RuntimeError(f"a worker ended (exit {busy[pipe].wait()}); the same command goes on from here")
                answer = json.loads(line)
                if "error" in answer:
                    raise RuntimeError(f"a worker failed in {answer['error']}")
                if "nets" in answer:
                    done(answer["nets"])
                else:
                    self._give(busy.pop(pipe), waiting, busy)

    def _give(self, worker: subprocess.Popen, waiting: Iterable[int], busy: dict) -> None:
        shard = next(iter(waiting), None)
        if shard is not None:
            worker.stdin.write(f"{shard}\n")
            worker.stdin.flush()
            busy[worker.stdout] = worker
