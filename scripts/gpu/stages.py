"""Runs the stages that want a GPU, each with its own time limit, and prints a table.

    scripts/gpu/run                        # all stages; about eight minutes on one card
    scripts/gpu/run --stages building metanets
    scripts/gpu/run --small                # the same stages, tiny, on any machine

A stage writes STAGE.json (the card's name, the command, seconds, what it measured) and STAGE.log to --out: $OUT where
that is set, else runs/gpu. A stage whose STAGE.json says that it ended well isn't run again, so that a run that was cut
goes on. A stage that fails or runs out of time doesn't stop the others.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import torch

HERE = Path(__file__).parent
LEAST_MEMORY = 8 * 2**30
"""Bytes that a card must have for the stages at full size."""


@dataclass(frozen=True)
class Stage:
    """One command.

    Args:
        name: of its files. asks: what it finds out. command: at full size. small: in its place with --small.
        seconds: its limit at full size; with --small it is 150, which a busy CPU may need.
    """

    name: str
    asks: str
    command: tuple[str, ...]
    small: tuple[str, ...]
    seconds: int

    def limit(self, small: bool) -> float:
        """Seconds after which it is stopped."""
        return 150 if small else self.seconds


STAGES = (
    Stage("tests", "Do nets, metanets and training agree with the CPU?", ("-m", "pytest", "-q", "-m", "gpu", "tests"),
          ("-m", "pytest", "-q", "tests/zoo/train/test_device.py"), 60),
    Stage("building", "How many nets and steps a second?", ("scripts/gpu/building.py",),
          ("scripts/gpu/building.py", "--small"), 150),
    Stage("metanets", "How long does a training step of each metanet take, in which precision?",
          ("scripts/gpu/metanets.py",), ("scripts/gpu/metanets.py", "--small"), 120),
    Stage("results", "Which digit do 55,000 INRs show, and how well are they made bolder?", ("scripts/gpu/results.py",),
          ("scripts/gpu/results.py", "--small"), 180),
)  # fmt: skip


def card() -> str:
    """The name of the device that computes."""
    return torch.cuda.get_device_name() if torch.cuda.is_available() else "CPU"


def obstacle() -> str:
    """Why the stages can't run here at full size; empty if they can."""
    if not torch.cuda.is_available():
        return f"this torch ({torch.__version__}) sees no CUDA device; --small runs the stages, tiny, on the CPU"
    major, minor = torch.cuda.get_device_capability()
    if major < 7:
        return f"{card()} has compute capability {major}.{minor}; 7.0 (Volta) or newer is needed"
    memory = torch.cuda.get_device_properties(0).total_memory
    if memory < LEAST_MEMORY:
        return f"{card()} has {memory / 2**30:.0f} GiB of memory; 8 are needed, or --small"
    return ""


def run_stage(stage: Stage, out: Path, small: bool) -> dict:
    """Runs a stage and keeps what it said and measured."""
    rows, log = out / f"{stage.name}.rows.json", out / f"{stage.name}.log"
    rows.unlink(missing_ok=True)
    command = [sys.executable, *(stage.small if small else stage.command)]
    began, status = time.perf_counter(), "ok"
    with log.open("w", encoding="utf-8") as file:
        environment = {**os.environ, "WEIGHTSPACE_ROWS": str(rows.resolve())}
        try:
            done = subprocess.run(
                command, stdout=file, stderr=subprocess.STDOUT, env=environment, timeout=stage.limit(small)
            )
            if done.returncode not in (0, 5):  # 5: pytest found no test for this machine
                status = f"ended with {done.returncode}"
        except subprocess.TimeoutExpired:
            status = f"cut after {stage.limit(small):.0f} s"
    measured = json.loads(rows.read_text(encoding="utf-8")) if rows.exists() else []
    rows.unlink(missing_ok=True)
    result = {
        "stage": stage.name,
        "asks": stage.asks,
        "status": status,
        "card": card(),
        "torch": torch.__version__,
        "small": small,
        "command": " ".join(["python", *command[1:]]),
        "seconds": round(time.perf_counter() - began, 1),
        "rows": measured,
    }
    (out / f"{stage.name}.json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    return result


def kept(stage: Stage, out: Path, small: bool) -> dict | None:
    """The result of a stage that ended well before, at this size and on this card."""
    path = out / f"{stage.name}.json"
    if not path.exists():
        return None
    result = json.loads(path.read_text(encoding="utf-8"))
    fits = (result["status"], result["small"], result["card"]) == ("ok", small, card())
    return result if fits else None


def main() -> int:
    """Runs what is asked for; 1 if a stage failed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    names = [stage.name for stage in STAGES]
    parser.add_argument("--stages", nargs="+", choices=names, default=names, help="some of them, in their order")
    parser.add_argument("--small", action="store_true", help="tiny, on any machine")
    parser.add_argument("--out", default=os.environ.get("OUT") or "runs/gpu", help="gets the results")
    arguments = parser.parse_args()
    if not arguments.small and (why := obstacle()):
        print(f"scripts/gpu/run: {why}.", file=sys.stderr)
        return 2
    out = Path(arguments.out)
    out.mkdir(parents=True, exist_ok=True)
    results = []
    for stage in (stage for stage in STAGES if stage.name in arguments.stages):
        print(f"{stage.name}: {stage.asks}", flush=True)
        result = kept(stage, out, arguments.small) or run_stage(stage, out, arguments.small)
        results.append(result)
        print(f"  {result['status']}, {result['seconds']} s", flush=True)
        for row in result["rows"]:
            print("  " + "  ".join(f"{name} {value}" for name, value in row.items()), flush=True)
    print(f"\n{'stage':12s}{'status':>18s}{'seconds':>10s}   on {card()}")
    for result in results:
        print(f"{result['stage']:12s}{result['status']:>18s}{result['seconds']:10.1f}   {out}/{result['stage']}.json")
    return int(any(result["status"] != "ok" for result in results))


if __name__ == "__main__":
    sys.exit(main())
