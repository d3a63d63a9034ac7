"""Runs the stages that want a GPU, each with its own time limit, and prints a table.

    scripts/gpu/run                        # all stages; eight minutes on one card
    scripts/gpu/run --stages building metanets
    scripts/gpu/run --small                # the same stages, tiny, on any machine

A stage writes STAGE.json (the card's name, the command, seconds, what it measured) and STAGE.log to --out. One that
ended well isn't run again, and one that was cut goes on from what it had measured, so the same command is given again.
One that fails, runs out of time or needs more memory than is free doesn't stop the others. Where $OUT is set, it gets
the table and an archive of everything after each stage.
"""

import argparse
import os
import signal
import sys
import time
from pathlib import Path

from card import card, free_memory, obstacle
from running import Stage, described, earlier, hand_over, run_stage

TESTS = (
    "tests/metanets/test_devices.py", "tests/generators/test_devices.py", "tests/optimizers/test_devices.py",
    "tests/align/test_devices.py", "tests/zoo/train/test_device.py", "tests/zoo/train/test_order.py",
    "tests/tasks/training/test_train.py", "tests/tasks/training/test_processes.py",
    "tests/nets/stacked/test_convolve.py", "tests/graphs/test_dataset.py",
)  # fmt: skip
"""Files with tests that are marked gpu; others may need packages that a machine with a card lacks."""
PYTEST = ("-m", "pytest", "-q", "-o", "addopts=--import-mode=importlib --durations=8")
"""Without the checks of shapes, which need another package and slow down what is compiled."""
STAGES = (
    Stage("tests", "Do nets, metanets, generators, optimizers and aligners agree with the CPU?",
          (*PYTEST, "-m", "gpu", *TESTS), (*PYTEST, "-m", "not slow and not gpu", "tests/zoo/train/test_device.py"),
          90, 4),
    Stage("building", "How many nets and steps a second?", ("scripts/gpu/building.py",),
          ("scripts/gpu/building.py", "--small"), 90, 24),
    Stage("metanets", "How long does a training step of each metanet take, in which precision?",
          ("scripts/gpu/metanets.py",), ("scripts/gpu/metanets.py", "--small"), 100, 24),
    Stage("results", "Which digit do 55,000 INRs show, and how well are they made bolder?", ("scripts/gpu/results.py",),
          ("scripts/gpu/results.py", "--small"), 150, 16),
    Stage("generators", "How fast do the flow and the refiner learn and write?", ("scripts/gpu/generators.py",),
          ("scripts/gpu/generators.py", "--small"), 50, 24),
)  # fmt: skip
SHORTEST = 15
"""Seconds that must be left for a stage to be begun."""


def outcome(stage: Stage, arguments: argparse.Namespace, left: float) -> dict:
    """What a stage left before if it ended well, else what it finds out now; or why it isn't run."""
    small, out = arguments.small, Path(arguments.out)
    before = earlier(stage, out, small)
    if before and before["status"] == "ok":
        return before
    if not small and free_memory() < stage.memory:
        return described(stage, small, f"needs {stage.memory} GiB, {free_memory():.0f} free", 0.0)
    if left < SHORTEST:
        return before or described(stage, small, "no time left", 0.0)
    return run_stage(stage, out, small, min(left, stage.limit(small)))


def tabulated(results: list[dict], out: str) -> str:
    """A line a stage, then its rows."""
    lines = [f"{'stage':12s}{'status':>24s}{'seconds':>10s}   on {card()}"]
    for result in results:
        lines.append(
            f"{result['stage']:12s}{result['status']:>24s}{result['seconds']:10.1f}   {out}/{result['stage']}.json"
        )
    for result in results:
        lines += ["", f"{result['stage']}: {result['asks']}"] if result["rows"] else []
        lines += ["  " + "  ".join(f"{name} {value}" for name, value in row.items()) for row in result["rows"]]
    return "\n".join(lines) + "\n"


def parsed() -> argparse.Namespace:
    """The flags."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    names = [stage.name for stage in STAGES]
    parser.add_argument("--stages", nargs="+", choices=names, default=names, help="some of them, in their order")
    parser.add_argument("--small", action="store_true", help="tiny, on any machine")
    parser.add_argument("--out", default="runs/gpu", help="gets the results (%(default)s)")
    parser.add_argument("--seconds", type=float, default=3600.0, help="for all stages together (%(default).0f)")
    return parser.parse_args()


def main() -> int:
    """Runs what is asked for; 1 if a stage didn't end well."""
    arguments = parsed()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that what was started ends, too
    if not arguments.small and (why := obstacle()):
        print(f"scripts/gpu/run: {why}.", file=sys.stderr)
        return 2
    Path(arguments.out).mkdir(parents=True, exist_ok=True)
    results, began = [], time.perf_counter()
    for stage in (stage for stage in STAGES if stage.name in arguments.stages):
        print(f"{stage.name}: {stage.asks}", flush=True)
        results.append(outcome(stage, arguments, arguments.seconds - (time.perf_counter() - began)))
        print(f"  {results[-1]['status']}, {results[-1]['seconds']} s", flush=True)
        if os.environ.get("OUT"):
            hand_over(Path(arguments.out), Path(os.environ["OUT"]), tabulated(results, arguments.out))
    print(f"\n{tabulated(results, arguments.out)}")
    return int(any(result["status"] != "ok" for result in results))


if __name__ == "__main__":
    sys.exit(main())
