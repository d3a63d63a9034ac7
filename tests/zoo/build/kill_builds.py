"""Builds a zoo again and again and kills the builder, with SIGKILL, at random moments.

``python kill_builds.py RECIPE OUT ROUNDS WORKERS``; prints how many builders were killed at work.

Builders are forks of this process, which has imported everything already: a round takes as long as building does.
"""

import os
import random
import shutil
import signal
import sys
import time
from pathlib import Path

import torch

from weightspace.data import load_dataset
from weightspace.nets import build_net
from weightspace.space import WeightSpace
from weightspace.zoo import Zoo, build_zoo


def start(recipe: str, out: Path, workers: int) -> int:
    """The process number of a builder at work."""
    pid = os.fork()
    if pid == 0:
        os.setpgid(0, 0)  # its workers are of its group
        try:
            build_zoo(recipe, out, workers=workers, progress=False)
        finally:
            os._exit(0)
    return pid


def ended(pid: int, seconds: float) -> bool:
    """Whether a builder ends within some time."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if os.waitpid(pid, os.WNOHANG)[0]:
            return True
        time.sleep(0.002)
    return False


def main(recipe: str, out: Path, rounds: int, workers: int) -> int:
    """Kills builders; whatever they leave behind says the truth about itself."""
    rng, killed, longest = random.Random(0), 0, 0.0
    began = time.monotonic()
    assert ended(start(recipe, out, workers), 120)
    longest = time.monotonic() - began
    for _ in range(rounds):
        if (out / "manifest.json").exists():
            shutil.rmtree(out)
        pid = start(recipe, out, workers)
        if not ended(pid, rng.uniform(0.0, 1.0) * longest):
            os.kill(pid, signal.SIGKILL)  # the builder alone: its workers must end by themselves
            os.waitpid(pid, 0)
            killed += 1
        if (out / "manifest.json").exists():
            assert len(Zoo(out)) == 36
        for part in (out / ".build").glob("*.parquet"):
            assert (out / "shards" / f"{part.stem}.safetensors").exists()
    return killed


if __name__ == "__main__":
    torch.set_num_threads(1)
    load_dataset("digits")
    net = build_net("mlp", hidden=[8])
    WeightSpace.trace(net, *net.example_inputs())
    sys.stdout.write(str(main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]))))
