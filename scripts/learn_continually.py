"""Tasks that come one after the other: hypernetworks that keep the weights of earlier ones, against plain ways.

    python scripts/learn_continually.py                                             # digits of scikit-learn, split
    python scripts/learn_continually.py --data mnist --data-root data               # Split-MNIST, five tasks
    python scripts/learn_continually.py --data mnist --stream permuted --hidden 300 300 --entries 8000 --steps 2000

``split`` has two classes a task, ``permuted`` all classes with the pixels in another order each; which task it is, is
known when it is tested. The rows are: a hypernetwork that writes all weights in equal chunks (`chunks`), the same with
chunks that depend on those before them (`chained`), a net for each task, one net that is fine-tuned, and one that
learns all tasks at once. Writes a line of JSON for each row and seed to --out; what is there already isn't run again.
Settings are chosen with ``--part val``; the table is on the test part.
"""

import argparse
import json
import math
import statistics
import time
from pathlib import Path
from typing import Any

import torch
from torch import nn
from tqdm import tqdm

from weightspace.cli import one_line_errors
from weightspace.data import load_dataset, using_data_root
from weightspace.nets import build_net
from weightspace.tasks.continual import (
    PLAIN_WAYS,
    STREAMS,
    ContinualConfig,
    TaskHypernetwork,
    TaskStream,
    learn_continually,
    learn_plainly,
)

ELSEWHERE = {"out", "data_root", "rows", "seeds", "part"}
ROWS = ("chunks", "chained", *PLAIN_WAYS)


def learned(row: str, stream: TaskStream, arguments: argparse.Namespace, seed: int) -> dict[str, Any]:
    """One row with one seed: accuracies after every task, and parameters."""
    a, config = arguments, ContinualConfig(
        arguments.steps, arguments.batch, arguments.rate, arguments.keep, arguments.rehearsed, seed
    )  # fmt: skip

    def make(outputs: int) -> nn.Module:
        torch.manual_seed(seed)
        return build_net("mlp", in_features=stream.features, hidden=list(a.hidden), out_features=outputs)

    def shown(steps: Any) -> Any:
        return tqdm(steps, desc=f"{row}, seed {seed}", unit="step", mininterval=5)

    began = time.process_time()
    if row in PLAIN_WAYS:
        accuracies, size = learn_plainly(row, make, stream, config, a.part, shown)
    else:
        net = TaskHypernetwork(
            make(stream.classes), len(stream.tasks), a.embedding, seed, row, width=a.width, entries=a.entries
        )
        accuracies, size = learn_continually(net, stream, config, a.part, shown), net.size()
    last = accuracies[-1]
    return {"stream": stream.name, "row": row, "seed": seed, "part": a.part, "parameters": size,
            "accuracy": float(last.mean()), "when learned": float(accuracies.diagonal().mean()),
            "accuracies": last.tolist(), "seconds": time.process_time() - began,
            "settings": settings_of(a)}  # fmt: skip


def settings_of(arguments: argparse.Namespace) -> dict[str, Any]:
    """What decides a result, beside row and seed."""
    return {key: value for key, value in vars(arguments).items() if key not in ELSEWHERE}


def is_of(line: dict[str, Any], stream: TaskStream, row: str, seed: int, arguments: argparse.Namespace) -> bool:
    """Whether a result was made with these settings."""
    made = (line["stream"], line["row"], line["seed"], line["part"], line["settings"])
    return made == (stream.name, row, seed, arguments.part, settings_of(arguments))


def table(lines: list[dict[str, Any]]) -> str:
    """Means over seeds, a row a way."""
    out = ["| stream | row | accuracy | when learned | parameters | seconds | seeds |", "|---|---|---|---|---|---|---|"]
    for stream, row in dict.fromkeys((line["stream"], line["row"]) for line in lines):
        own = [line for line in lines if (line["stream"], line["row"]) == (stream, row)]
        mean = {key: statistics.mean(line[key] for line in own) for key in ("accuracy", "when learned", "seconds")}
        then = "" if math.isnan(mean["when learned"]) else f"{100 * mean['when learned']:.2f}"
        spread = f" ± {100 * statistics.stdev(line['accuracy'] for line in own):.2f}" if len(own) > 1 else ""
        cells = [stream, row, f"{100 * mean['accuracy']:.2f}{spread}", then, f"{own[0]['parameters']:,}",
                 f"{mean['seconds']:.0f}", str(len(own))]  # fmt: skip
        out.append(f"| {' | '.join(cells)} |")
    return "\n".join(out)


def parsed() -> argparse.Namespace:
    """The flags."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default="digits", help="a dataset of classes, such as mnist; the digits of "
                        "scikit-learn need no download")  # fmt: skip
    parser.add_argument("--data-root", help="folder with image collections, instead of the Hub")
    parser.add_argument("--stream", default="split", choices=list(STREAMS), help="how tasks are made of the data")
    parser.add_argument("--rows", nargs="*", default=list(ROWS), choices=ROWS, metavar="ROW", help="some of the rows")
    parser.add_argument("--seeds", type=int, nargs="*", default=[0], help="of nets, batches and embeddings")
    parser.add_argument("--part", default="test", choices=["val", "test"], help="where accuracy is measured")
    parser.add_argument("--hidden", type=int, nargs="*", default=[100, 100], help="hidden layers of the perceptron")
    parser.add_argument("--steps", type=int, default=1000, help="for each task")
    parser.add_argument("--batch", type=int, default=128, help="examples a step")
    parser.add_argument("--rate", type=float, default=1e-3, help="of Adam")
    parser.add_argument("--keep", type=float, default=1.0, help="strength with which earlier weights are kept")
    parser.add_argument("--rehearsed", type=int, default=4, help="earlier tasks that are compared in a step")
    parser.add_argument("--width", type=int, default=32, help="of the hypernetwork")
    parser.add_argument("--entries", type=int, default=2000, help="weights that it writes at once")
    parser.add_argument("--embedding", type=int, default=16, help="numbers that say which task it is")
    parser.add_argument("--out", default="runs/continual.jsonl", help="gets a line of JSON a row and seed")
    return parser.parse_args()


def main() -> None:
    """Every row that isn't there yet."""
    arguments = parsed()
    torch.set_num_threads(1)
    path = Path(arguments.out)
    lines = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
    with using_data_root(arguments.data_root):
        stream = STREAMS[arguments.stream](load_dataset(arguments.data))
    path.parent.mkdir(parents=True, exist_ok=True)
    for seed in arguments.seeds:
        for row in arguments.rows:
            if any(is_of(line, stream, row, seed, arguments) for line in lines):
                continue
            lines.append(learned(row, stream, arguments, seed))
            with path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(lines[-1]) + "\n")
    print(table([line for line in lines if is_of(line, stream, line["row"], line["seed"], arguments)]))


if __name__ == "__main__":
    one_line_errors(__file__)
    main()
