"""How long each stage of a job took, over all the runs that it needed."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path


class Stages:
    """Times the stages of a job and keeps the seconds in a file.

    A stage that a kill interrupted adds up over the runs; one that was finished keeps its seconds when the job is
    called again and finds its work done.

    Args:
        path: the JSON file.
        say: is told what starts and how long it took.
    """

    def __init__(self, path: str | Path, say: Callable[[str], None]):
        self.path, self.say = Path(path), say
        self._stages = json.loads(self.path.read_text(encoding="utf-8")) if self.path.exists() else {}

    @contextmanager
    def __call__(self, name: str, message: str) -> Iterator[None]:
        """Times what runs inside."""
        self.say(message)
        before = self._stages.get(name, {"seconds": 0.0, "finished": False})
        began = time.perf_counter()
        finished = False
        try:
            yield
            finished = True
        finally:
            spent = time.perf_counter() - began
            if not before["finished"]:
                self._stages[name] = {"seconds": round(before["seconds"] + spent, 2), "finished": finished}
                self.path.parent.mkdir(parents=True, exist_ok=True)
                self.path.write_text(json.dumps(self._stages, indent=2), encoding="utf-8")
        self.say(f"  {spent:.1f} s")

    @property
    def seconds(self) -> dict[str, float]:
        """Seconds of every stage."""
        return {name: stage["seconds"] for name, stage in self._stages.items()}
