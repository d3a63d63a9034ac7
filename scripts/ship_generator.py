"""Turns what train_start.py or train_refiner.py made into a folder that ships with the package, with its card.

    python scripts/train_start.py --recipe digits-inr --out runs/siren-start
    python scripts/ship_generator.py siren-start runs/siren-start
    python scripts/train_refiner.py --out runs/digits-initializer --passes 0 --train.minutes 0
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
- **Not for.** {bars}
- **Licence** Apache-2.0. Cite weightspace (`CITATION.cff` of its repository).
"""
START_USE = """```python
nets = generator.sample(space, len(images), condition=images, seed=0)  # three steps of gradient descent each
```"""
REFINER_USE = """```python
from weightspace.generators import initialize

initialize(module, generator, example_inputs=(images,), seed=0)
```"""


START_FACTS = """- **Data.** The 8x8 digits of the recipe `{recipe}` (hash `{hash}`): learned on training
  images, rates of Adam picked for each number of steps on {val} validation images, measured on {test} test images.
- **Time.** {ours:.0f} microseconds of one core to 40 dB, where the recipe's fits end, against {best:.0f} from the best
  tuned start without learning; learning took {learning:.0f} s."""
REFINER_FACTS = """- **Data.** The 8x8 digits of scikit-learn: it keeps their {examples} training images. Number,
  size and rates of its steps were chosen on validation images and other architectures than those measured, which are
  drawn by `weightspace.tasks.generation.architectures`: 1 to 3 convolutions of 4 to 16 channels, kernels 3 and 5, no
  norm, batch or group norm, skips, relu, tanh and gelu; the held-out ones were fixed before, other activations are silu
  and leaky relu. Of each, {nets} nets are measured, and one of some is trained to the end ({counts}). Every training
  has the best of nine settings (SGD and Adam with their rates), every solving the best of five penalties, picked on
  validation images.
- **Time.** {seconds:.3f} s of one core for a net."""
REFINER_HOW = """Two things are done, and neither needs a network that reads weights: one that changed He's weights
first did no better (docs/pages/generate.md). He's weights take {descents} steps of gradient descent, each on {batch} of
the {examples} kept images, so {passes:.0f} passes over them, and through a last layer that is solved on a part of these
{batch}. Then the last layer is solved on all kept images and scaled back to the size of its init, which changes no
answer.{epochs}"""


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
        "bars": "Judging other starts or optimizers: it has seen this kind of picture, and they haven't.",
    }  # fmt: skip


def refiner_card(lines: list[dict]) -> dict[str, str]:
    """The parts of the card of a refiner."""
    sets: dict[str, list[dict]] = {}
    for line in lines:
        sets.setdefault(line["set"], []).append(line)
    ended, whole = ([[x for x in some if f"{n}_curve" in x] for some in sets.values()] for n in ("he", "ours"))
    rows = [heading("mean test accuracy in %, held-out nets of", [f"{n} ({len(s)})" for n, s in sets.items()])]
    for key, text in REFINER_ROWS.items():
        if not all(key in line for line in lines):
            continue
        rows.append(row(text, [f"{mean(some, key):.1f}" for some in sets.values()]))
    for key in ("he_one_epoch", "he_last_solved"):
        ahead = [sum(fmean(x["ours"]) > fmean(x[key]) for x in some) for some in sets.values()]
        rows.append(row(f"ahead of {REFINER_ROWS[key]} on", [str(count) for count in ahead]))
    gaps = [f"{median(100 * (x['he_curve'][-1] - fmean(x['ours'])) for x in some):.1f}" for some in ended]
    rows.append(row("points behind He's init after 25 epochs, median", gaps))
    rows += trained_rows(whole)
    first = lines[0]
    facts = REFINER_FACTS.format(
        counts=", ".join(f"{len(some)} {name}" for name, some in zip(sets, whole, strict=True)),
        nets=len(first["ours"]), examples=first["examples"], seconds=fmean(line["seconds_a_net"] for line in lines),
    )  # fmt: skip
    how = refiner_how(first, ended[0])
    return {
        "table": "\n".join(rows), "facts": facts, "command": first["trained_by"], "seed": "0",
        "says": "starts of small CNNs for 8x8 digits, of architectures that it never saw",
        "use": f"{how}\n\n{REFINER_USE}",
        "limits": "For nets with one input channel and ten classes on these digits alone, which end in one linear "
        "layer; other inputs and outputs are refused. It was measured on small CNNs.",
        "bars": "Nets for other tasks, and comparisons of initialisations that don't say it has kept training images.",
    }  # fmt: skip


def refiner_how(first: dict, ended: list[dict]) -> str:
    """What a refiner without a metanet does, beside training for as many passes."""
    passes = first["descents"] * first["batch"] / first["examples"]
    ours, after, whole = mean(ended, "ours"), at(ended, round(passes)), at(ended, -1)
    epochs = f"""
On the {len(ended)} nets in range that were trained to the end these come to {ours:.1f} %, training from He's init to
{after:.1f} % after as many passes and to {whole:.1f} % after 25."""
    return REFINER_HOW.format(
        descents=first["descents"], batch=first["batch"], examples=first["examples"], passes=passes, epochs=epochs
    )


def at(lines: list[dict], epoch: int) -> float:
    """Mean accuracy of training from He's init after so many epochs, in %."""
    return 100 * fmean(line["he_curve"][epoch] for line in lines)


REFINER_ROWS = {
    "ours": "this net, as it is on disk, without training",
    "he": "He's init",
    "he_last_solved": "He's init with its last layer solved",
    "lsuv_last_solved": "LSUV with its last layer solved",
    "he_one_epoch": "He's init after one tuned epoch",
    "lsuv_one_epoch": "LSUV after one tuned epoch",
}


def trained_rows(sets: list[list[dict]]) -> list[str]:
    """Where training ends, and how soon it is near the end."""

    def ends(some: list[dict]) -> str:
        return f"{fmean(100 * (x['ours_curve'][-1] - x['he_curve'][-1]) for x in some):+.2f}"

    def epochs(some: list[dict]) -> str:
        return ", ".join(f"{median(x[f'{name}_epochs_to_90'] for x in some):.1f}" for name in ("ours", "he"))

    rows = {
        "trained on for 25 epochs, points against He's init": ends,
        "epochs to 90 % of what He's init ends at, median: this net, He's init": epochs,
    }
    return [row(text, [measured(some) if some else "-" for some in sets]) for text, measured in rows.items()]


def mean(lines: list[dict], start: str) -> float:
    """Mean accuracy of a start over architectures and their nets, in %."""
    return 100 * fmean(fmean(line[start]) for line in lines)


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
