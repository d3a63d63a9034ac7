"""A process that builds shards of the zoo in a folder; the pool starts it.

It reads shard numbers from standard input and answers with JSON lines: finished nets, finished shards, errors. When
its input ends, because the builder is gone, it ends at once.
"""

import importlib
import json
import os
import queue
import signal
import sys
import threading
from pathlib import Path

import torch

from weightspace.machine.memory import keep_memory
from weightspace.zoo.build.shards import build_shard
from weightspace.zoo.folder.folder import RECIPE
from weightspace.zoo.recipe.recipe import Recipe


def main(folder: str, nets: str, *imports: str) -> None:
    """Builds shards until the input ends; ``imports`` are the modules that the recipe's net comes from."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the builder decides what Ctrl-C means
    torch.set_num_threads(1)
    keep_memory()
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    out = Path(folder)
    for module in imports:
        importlib.import_module(module)
    recipe = Recipe.load(out / RECIPE).with_nets(int(nets))
    shards: queue.Queue[int] = queue.Queue()
    threading.Thread(target=_listen, args=(shards,), daemon=True).start()
    while True:
        shard = shards.get()
        try:
            build_shard(recipe, shard, out, lambda done: answers.write(json.dumps({"nets": done}) + "\n"))
            answers.write(json.dumps({"shard": shard}) + "\n")
        except Exception as error:
            answers.write(json.dumps({"error": f"shard {shard}: {type(error).__name__}: {error}"}) + "\n")


def _listen(shards: "queue.Queue[int]") -> None:
    for line in sys.stdin:
        shards.put(int(line))
    os._exit(0)
