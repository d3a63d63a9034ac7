"""Turns what train_start.py or train_refiner.py made into a folder that ships with the package, with its card.

    python scripts/train_start.py --recipe digits-inr --out runs/siren-start
    python scripts/ship_generator.py siren-start runs/siren-start
    python scripts/train_refiner.py --out runs/digits-initializer
    python scripts/ship_generator.py digits-initializer runs/digits-initializer

A folder holds `config.json`, `model.safetensors` and `README.md`, whose figures come from the run's `results.jsonl`.
"""

import argparse
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from statistics import fmean, median

import torch

from weightspace.cli import one_line_errors
from weightspace.generators import Generator, load_generator
from weightspace.hub.shipped import FOLDER

CARD = """---
license: apache-2.0
library_name: weightspace
tags: [weightspace, weight-space]
---
# {name}

A generator (it writes the weights of other networks) that gives {says}.

```python
import weightspace as ws

generator = ws.load_metanet("{name}")
```

{use}

{table}

{facts}
- **Model.** `{kind}`, {parameters:,} parameters, float32.
- **Made by** `python {command}`, then `python scripts/ship_generator.py {name} ...`, seed {seed}, torch {torch}.
- **Limits.** {limits}
- **Licence** Apache-2.0. Cite weightspace (`CITATION.cff` of its repository).
"""
START_USE = """```python
nets = generator.sample(space, len(images), condition=images, seed=0)  # three steps of gradient descent each
```"""
REFINER_USE = """```python
from weightspace.generators import initialize

initialize(module, generator, example_inputs=(images,), statistics=images, seed=0)
```

`statistics` are inputs on which the running statistics of batch norms are measured; other nets need none."""


START_FACTS = """- **Data.** The 8x8 digits of the recipe `{recipe}` (hash `{hash}`): learned on training
  images, rates of Adam picked for each number of steps on {val} validation images, measured on {test} test images.
- **Time.** {ours:.0f} microseconds of one core to 40 dB, where the recipe's fits end, against {best:.0f} from the best
  tuned start without learning; learning took {learning:.0f} s."""
REFINER_FACTS = """- **Data.** The 8x8 digits of scikit-learn, their training images alone. Architectures are drawn by
  `weightspace.tasks.generation.architectures`: 1 to 3 convolutions of 4 to 16 channels, kernels 3 and 5, no norm, batch
  or group norm, skips, relu, tanh and gelu; the held-out ones were fixed before, other activations are silu and leaky
  relu. Of each, 4 nets are measured, and one is trained to the end ({counts}). Every training has the best of nine
  settings (SGD and Adam with their rates), picked on validation images."""


def start_card(lines: list[dict]) -> dict[str, str]:
    """The parts of the card of a learned start."""
    found, first = {line["start"]: line for line in lines}, lines[0]
    steps = [step for step in ("0", "1", "3", "10", "30", "100") if step in first["psnr"]]
    names = {
        "Meta-SGD, then Adam": "this net, as it is on disk: its own 3 steps, then Adam",
        "Meta-SGD's start, Adam": "its start alone, then Adam",
        "Reptile": "Reptile's start, then Adam",
        "SIREN x 2.5": "SIREN's init, weights times 2.5, Adam",
        "SIREN": "SIREN's init, Adam",
    }
    rows = [heading(f"PSNR on {first['signals']['test']} held-out nets, after steps", [*steps, "steps to 40 dB"])]
    for key, text in names.items():
        rows.append(
            row(text, [*(f"{found[key]['psnr'][s]:.1f}" for s in steps), f"{found[key]['steps_to_40_dB']:.0f}"])
        )
    ours = found["Meta-SGD, then Adam"]
    best = min((found[key] for key in ("SIREN", "SIREN x 2.5")), key=lambda line: line["steps_to_40_dB"])
    facts = START_FACTS.format(
        recipe=first["recipe"], hash=first["hash"], **first["signals"], learning=ours["learning_seconds"],
        ours=1e6 * ours["steps_to_40_dB"] * ours["seconds_an_own_step"],
        best=1e6 * best["steps_to_40_dB"] * best["seconds_a_step"],
    )  # fmt: skip
    return {
        "table": "\n".join(rows), "facts": facts, "command": first["command"], "seed": str(first["seed"]),
        "says": "the weights from which SIRENs of 8x8 digits are fitted in three steps, and a rate for each weight",
        "use": START_USE,
        "limits": "For SIRENs of this shape, frequency and grid alone; other spaces are refused. The rates are learned "
        "on the points of the grid, so nothing is promised between them.",
    }  # fmt: skip


def refiner_card(lines: list[dict]) -> dict[str, str]:
    """The parts of the card of a refiner."""
    sets: dict[str, list[dict]] = {}
    for line in lines:
        sets.setdefault(line["set"], []).append(line)
    whole = [[line for line in some if "he_curve" in line] for some in sets.values()]
    rows = [heading("mean test accuracy in %, held-out nets of", [f"{n} ({len(s)})" for n, s in sets.items()])]
    texts = {
        "ours": "this net, as it is on disk, without training",
        "he_one_epoch": "He's init after one tuned epoch",
        "he_last_solved": "He's init with its last layer solved",
        "he": "He's init",
    }
    for key, text in texts.items():
        rows.append(row(text, [f"{100 * fmean(fmean(x[key]) for x in some):.1f}" for some in sets.values()]))
    ahead = [sum(fmean(x["ours"]) > fmean(x["he_one_epoch"]) for x in some) for some in sets.values()]
    rows.append(row("ahead of the tuned epoch on", [str(count) for count in ahead]))
    measures: dict[str, Callable[[list[dict]], str]] = {
        "points behind He's init after 25 epochs, median": lambda some: (
            f"{median(100 * (x['he_curve'][-1] - fmean(x['ours'])) for x in some):.1f}"
        ),
        "trained on for 25 epochs, points against He's init": lambda some: (
            f"{fmean(100 * (x['ours_curve'][-1] - x['he_curve'][-1]) for x in some):+.1f}"
        ),
        "epochs to 90 % of what He's init ends at": lambda some: " against ".join(
            f"{median(x[f'{name}_epochs_to_90'] for x in some):.1f}" for name in ("ours", "he")
        ),
    }
    for text, measured in measures.items():
        rows.append(row(text, [measured(some) if some else "-" for some in whole]))
    counts = ", ".join(f"{len(some)} {name}" for name, some in zip(sets, whole, strict=True))
    return {
        "table": "\n".join(rows), "facts": REFINER_FACTS.format(counts=counts), "command": lines[0]["trained_by"],
        "seed": "0", "says": "starts of small CNNs for 8x8 digits, of architectures that it never saw",
        "use": REFINER_USE,
        "limits": "For CNNs with one input channel and ten classes on these digits alone. Other inputs, outputs, "
        "operators and larger kernels are refused; other activations are taken, and do worse.",
    }  # fmt: skip


def heading(first: str, columns: list[str]) -> str:
    """The first two lines of a table."""
    return f"{row(first, columns)}\n|{'---|' * (len(columns) + 1)}"


def row(first: str, cells: list[str]) -> str:
    """A line of a table."""
    return f"| {first} | {' | '.join(cells)} |"


CARDS: dict[str, tuple[str, Callable[[list[dict]], dict[str, str]]]] = {
    "siren-start": ("start", start_card),
    "digits-initializer": ("refiner", refiner_card),
}


def ship(name: str, run: Path, out: Path) -> None:
    """Copies the generator of a run and writes its card."""
    inner, card = CARDS[name]
    lines = [json.loads(line) for line in (run / "results.jsonl").read_text(encoding="utf-8").splitlines()]
    generator: Generator = load_generator(run / inner)
    shutil.rmtree(out, ignore_errors=True)
    generator.save_pretrained(out)
    (out / "model.safetensors").chmod(0o644)
    parameters = sum(p.numel() for p in generator.parameters())
    text = CARD.format(
        name=name, kind=type(generator).__name__, parameters=parameters, torch=torch.__version__, **card(lines)
    )
    (out / "README.md").write_text(text, encoding="utf-8")


def main() -> None:
    """One of the generators that ship."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", choices=CARDS)
    parser.add_argument("run", type=Path, help="the folder that the training wrote")
    parser.add_argument("--out", type=Path, default=FOLDER, help="gets the folder; the package's own by default")
    arguments = parser.parse_args()
    ship(arguments.name, arguments.run, arguments.out / arguments.name)


if __name__ == "__main__":
    one_line_errors(__file__)
    main()
