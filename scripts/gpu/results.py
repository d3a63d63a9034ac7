"""What only full-size zoos show: which digit 55,000 MNIST INRs encode, and how well a metanet makes them bolder.

    python scripts/gpu/results.py             # tier L, one seed; the zoo is built if it isn't in --zoos
    python scripts/gpu/results.py --small     # the same path on 60 INRs of 8x8 digits and a few steps, on any machine

Results go to --results as those of scripts/train_predictor.py and scripts/compare_editors.py do, so `scripts/tables.py`
shows them; published at this size: 96.6 % from weights alone, 98.4 % with probes, dilation 1.06 x 10^-2.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from rows import add_row

from weightspace import build_zoo
from weightspace.tasks.comparison.jobs.editjob import edit_jobs
from weightspace.tasks.comparison.jobs.job import run_jobs
from weightspace.tasks.comparison.jobs.predictionjob import prediction_jobs
from weightspace.tasks.comparison.jobs.workspace import Workspace
from weightspace.zoo.train.device import training_device

CLASSES = ("SpaceNet, weights only", "SpaceNet")
"""Metanets that say which digit an INR encodes, the quicker one first."""
EDITS = ("SpaceNet, gradient and readout",)


def full(workspace: Workspace) -> None:
    """Classes, then dilation, one seed; what has a result already isn't run again."""
    jobs, _ = prediction_jobs("inr-class", "L", workspace, CLASSES, (0,))
    for result in run_jobs([*jobs, *edit_jobs("dilate", "L", EDITS, (0,))], workspace, 1, print):
        scores = {f"{part} {name}": value for part, found in result.scores.items() for name, value in found.items()}
        add_row(protocol=result.protocol, method=result.method, seconds=result.seconds, **scores)


def small(folder: Path) -> None:
    """The scripts of the same two questions on a tiny zoo."""
    build_zoo("digits-inr", folder / "zoo", nets=60, progress=False)
    zoo = ("--zoo", str(folder / "zoo"), "--out")
    steps = ("--train.steps", "4", "--train.batch-size", "8", "--train.judge-every", "2")
    labels = ("--labels", "label", "--category", "--baselines")
    for script, words in {
        "train_predictor.py": ("zoo", *zoo, str(folder / "class"), *labels, *steps),
        "train_editor.py": (*zoo, str(folder / "edit"), "--refits", "1", *steps),
    }.items():
        began = time.perf_counter()
        subprocess.run([sys.executable, f"scripts/{script}", *words], check=True)
        add_row(script=script, seconds=time.perf_counter() - began)


def main() -> None:
    """What the flags ask for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--small", action="store_true", help="60 INRs and a few steps")
    parser.add_argument("--zoos", default="runs/zoos", help="folder of zoos (%(default)s)")
    parser.add_argument("--results", default="zoo/results", help="folder of result files (%(default)s)")
    arguments = parser.parse_args()
    device = training_device()
    if not arguments.small:
        return full(Workspace(arguments.zoos, arguments.results, device=device))
    with tempfile.TemporaryDirectory() as folder:
        return small(Path(folder))


if __name__ == "__main__":
    main()
